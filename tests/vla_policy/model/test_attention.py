"""Attention over padded batches: packed for variable-length kernels, it is what the mask gives."""

import torch
import torch.nn.functional as F

from vla_policy.model.attention import attend, attend_packed


def one_by_one(q, k, v, ends_q, ends_k, longest_q, longest_k):
    """What a variable-length kernel computes: (total, heads, width) packed, one sequence after the other."""
    assert longest_q >= ends_q.diff().max()
    assert longest_k >= ends_k.diff().max()
    rows = []
    for first, last in zip(ends_q[:-1].tolist(), ends_q[1:].tolist(), strict=True):
        a, b, c = (x[first:last].transpose(0, 1)[None] for x in (q, k, v))
        rows.append(F.scaled_dot_product_attention(a, b, c, enable_gqa=q.shape[1] != k.shape[1])[0].transpose(0, 1))
    return torch.cat(rows)


def test_packed_equals_masked():
    random = torch.Generator().manual_seed(0)
    q = torch.randn(3, 4, 7, 8, generator=random)
    k, v = (torch.randn(3, 2, 7, 8, generator=random) for _ in "kv")
    valid = torch.arange(7) < torch.tensor([7, 3, 5])[:, None]
    masked, packed = attend(q, k, v, valid), attend_packed(q, k, v, valid, one_by_one)
    torch.testing.assert_close(packed.transpose(1, 2)[valid], masked.transpose(1, 2)[valid])
    assert not packed.transpose(1, 2)[~valid].any()


def test_padding_is_never_attended_to():
    random = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(1, 2, 5, 4, generator=random) for _ in "qkv")
    valid = torch.tensor([[True, True, True, False, False]])
    before = attend(q, k, v, valid)[:, :, :3]
    k[:, :, 3:], v[:, :, 3:] = 99.0, -99.0
    assert torch.equal(attend(q, k, v, valid)[:, :, :3], before)
    torch.testing.assert_close(before, attend(q[:, :, :3], k[:, :, :3], v[:, :, :3], None))
