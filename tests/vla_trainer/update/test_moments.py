"""The optimizer's moments on another device."""

import torch

from vla_trainer.update.moments import move_moments


def test_moments_move_and_counts_stay() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight])
    weight.grad = torch.tensor([1.0, 2.0, 3.0])
    optimizer.step()
    state = optimizer.state[weight]
    before = state["exp_avg"].clone()
    move_moments(optimizer, "cpu")
    torch.testing.assert_close(state["exp_avg"], before)
    optimizer.step()  # as if nothing had been
    move_moments(optimizer, "meta")  # a device that every machine has
    assert {name: value.device.type for name, value in state.items()} == {
        "step": "cpu",
        "exp_avg": "meta",
        "exp_avg_sq": "meta",
    }
