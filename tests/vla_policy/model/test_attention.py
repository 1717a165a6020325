"""Attention over padded batches: each row is what it is by itself."""

import torch

from vla_policy.model.attention import attend


def test_padded_rows_are_the_formula_of_their_real_positions():
    random = torch.Generator().manual_seed(0)
    q = torch.randn(3, 4, 7, 8, generator=random)
    k, v = (torch.randn(3, 2, 7, 8, generator=random) for _ in "kv")
    lengths = [7, 3, 5]
    valid = torch.arange(7) < torch.tensor(lengths)[:, None]
    found = attend(q, k, v, valid)
    for row, length in enumerate(lengths):
        for head in range(4):
            # two heads of queries share a head of keys and values
            mine, keys, values = q[row, head, :length], k[row, head // 2, :length], v[row, head // 2, :length]
            weights = torch.softmax(mine.double() @ keys.double().T / 8**0.5, dim=-1)
            torch.testing.assert_close(found[row, head, :length].double(), weights @ values.double(), atol=1e-5, rtol=0)


def test_padding_is_never_attended_to():
    random = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(1, 2, 5, 4, generator=random) for _ in "qkv")
    valid = torch.tensor([[True, True, True, False, False]])
    before = attend(q, k, v, valid)[:, :, :3]
    k[:, :, 3:], v[:, :, 3:] = 99.0, -99.0
    assert torch.equal(attend(q, k, v, valid)[:, :, :3], before)
    torch.testing.assert_close(before, attend(q[:, :, :3], k[:, :, :3], v[:, :, :3], None))
