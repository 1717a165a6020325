"""Operations of blocks that are small enough to count by hand; the published 7B is counted in test_published.py."""

import pytest

from vla_trainer.config.load import load_config
from vla_trainer.config.plan import Plan, Stack
from vla_trainer.planner.flops import block_flops, forward_flops, recomputed_flops, update_flops

GATED = Stack(blocks=2, width=4, inner=8, tokens=3.0, last_tokens=1.0, gated=True)
PLAIN = Stack(blocks=1, width=2, inner=4, tokens=5.0)


def test_operations_of_a_block() -> None:
    # 3 positions: four 4 x 4 and three 4 x 8 matrices, 2 x 3 x (64 + 96) = 960; attention 2 x 2 x 3 x 3 x 4 = 144
    assert block_flops(GATED) == 960 + 144
    # one position answers: keys and values at 3, 2 x 3 x 32 = 192; the rest at one, 2 x (32 + 96) = 256; attention 48
    assert block_flops(GATED, 1.0) == 192 + 256 + 48
    # without the last of the three matrices: 2 x 3 x 32 less
    assert block_flops(GATED, again=True) == 960 + 144 - 192
    # four 2 x 2 and two 2 x 4 matrices at 5 positions: 2 x 5 x 32 = 320; attention 4 x 25 x 2 = 200
    assert block_flops(PLAIN) == 520


def test_what_is_counted_comes_first() -> None:
    assert forward_flops(Plan(parameters=10.0, tokens=3.0)) == 60
    assert forward_flops(Plan(parameters=10.0, tokens=3.0, forward_flops=50.0)) == 50
    assert forward_flops(Plan(parameters=10.0)) is None


def test_what_is_computed_again() -> None:
    plan = Plan(forward_flops=5000.0, network=[GATED, PLAIN])
    assert recomputed_flops(plan, False) == 0
    # one whole block without its last matrix, 912; the last block too, 496 - 2 x 32 = 432; the plain one 520 - 80
    assert recomputed_flops(plan, True) == 912 + 432 + 440
    assert recomputed_flops(plan, "selective") == 440
    # not known: all of it
    assert recomputed_flops(Plan(forward_flops=5000.0), True) == 5000


def test_frozen_weights_have_no_gradients() -> None:
    policy = load_config("libero_10_ppo_openvlaoft").policy
    plan = Plan(forward_flops=5000.0, network=[GATED, PLAIN])
    assert update_flops(policy, plan) == pytest.approx(2 * 5000 + 1784)
    whole = policy.model_copy(update={"lora": None, "gradient_checkpointing": False})
    assert update_flops(whole, plan) == 3 * 5000
    assert update_flops(whole, Plan()) is None
