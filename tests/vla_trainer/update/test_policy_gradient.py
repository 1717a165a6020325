"""One update: independent of micro-batches, exact at the first step, stopped by the target."""

import copy

import pytest
import reach_toy
import torch
from gymnasium import spaces
from torch import Tensor

from vla_trainer.config.algorithm import GRPO, PPO
from vla_trainer.config.schema import Actor
from vla_trainer.errors import PolicyError
from vla_trainer.records import Batch
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import _optimizer_steps, update

SPACES = (
    spaces.Dict(state=spaces.Box(-1, 1, (4,))),
    spaces.Box(-1, 1, (reach_toy.CHUNK, reach_toy.DIMS)),
)


def make(seed: int = 0, size: int = 24) -> tuple[reach_toy.TokenPolicy, Batch]:
    torch.manual_seed(seed)
    policy = reach_toy.TokenPolicy(*SPACES)
    state = torch.rand(size, 4)
    out = policy.act({"state": state, "instruction": ["go"] * size}, generator=torch.Generator().manual_seed(seed))
    assert out.values is not None
    advantages = torch.randn(size)
    batch = Batch(
        inputs=out.inputs,
        tokens=out.tokens,
        log_probs=out.log_probs,
        advantages=advantages,
        episode=torch.arange(size) // 5,
        lengths=torch.full((size,), reach_toy.CHUNK),
        values=out.values,
        returns=out.values + advantages,
    )
    return policy, batch


def run(algorithm: PPO | GRPO, actor: Actor) -> tuple[dict[str, Tensor], dict[str, float]]:
    policy, batch = make()
    metrics = update(
        policy,
        make_optimizer(policy, actor),
        batch,
        algorithm,
        actor,
        temperature=1.0,
        action_dim=reach_toy.DIMS,
        generator=torch.Generator().manual_seed(1),
    )
    return policy.state_dict(), metrics


@pytest.mark.parametrize("aggregate", ["token-mean", "episode-mean"])
@pytest.mark.parametrize("level", ["token_level", "action_level", "chunk_level"])
def test_weights_and_metrics_do_not_depend_on_micro_batches(aggregate: str, level: str) -> None:
    algorithm = PPO(epochs=3, aggregate=aggregate, logprob_type=level, entropy_coef=0.01)
    whole, metrics = run(algorithm, Actor(lr=1e-2, critic_lr=1e-2, global_batch_size=12, micro_batch_size=12))
    parts, same = run(algorithm, Actor(lr=1e-2, critic_lr=1e-2, global_batch_size=12, micro_batch_size=5))
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, atol=1e-5, rtol=1e-4)
    assert same == pytest.approx(metrics, abs=1e-5)
    assert metrics["actor/optimizer_steps"] == 6  # 3 epochs of 24 / 12


def test_before_the_first_step_the_ratio_is_one() -> None:
    _, metrics = run(PPO(epochs=1), Actor(lr=1e-2))
    assert metrics["actor/approx_kl"] == pytest.approx(0, abs=1e-6)
    assert metrics["actor/clip_fraction"] == 0
    # normalized advantages have mean 0, so that at ratio 1 the loss is 0; the value error is the advantage itself
    assert metrics["actor/loss"] == pytest.approx(0, abs=1e-6)
    _, batch = make()
    expected = 0.5 * (batch.advantages**2).mean().item()
    assert metrics["actor/value_loss"] == pytest.approx(expected, rel=1e-4)


def test_grpo_leaves_the_critic_alone() -> None:
    before = make()[0].state_dict()
    after, metrics = run(GRPO(), Actor(lr=1e-2))
    assert "actor/value_loss" not in metrics
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any(name.startswith("critic") for name in changed)


def test_the_target_stops_the_epochs() -> None:
    _, metrics = run(PPO(epochs=50, target_kl=1e-3), Actor(lr=3e-2))
    assert metrics["actor/optimizer_steps"] < 50


def test_learning_rates_are_per_group() -> None:
    policy, _ = make()
    optimizer = make_optimizer(policy, Actor(lr=1e-3, critic_lr=1e-2))
    assert [group["lr"] for group in optimizer.param_groups] == [1e-3, 1e-2]
    without = reach_toy.TokenPolicy(*SPACES, critic=False)
    with pytest.raises(PolicyError, match="names no critic"):
        make_optimizer(without, Actor(critic_lr=1e-2))


def test_every_epoch_has_every_row_in_another_order_and_equal_parts() -> None:
    steps = list(_optimizer_steps(10, 2, 4, torch.Generator().manual_seed(0)))
    assert [epoch for epoch, _ in steps] == [1, 1, 1, 2, 2, 2]
    parts = [rows for _, rows in steps]
    assert [len(part) for part in parts] == [4, 3, 3, 4, 3, 3]
    first, second = torch.cat(parts[:3]), torch.cat(parts[3:])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert not torch.equal(first, second)


def test_the_batch_is_not_changed() -> None:
    policy, batch = make()
    before = copy.deepcopy(batch)
    actor = Actor(lr=1e-2)
    update(
        policy,
        make_optimizer(policy, actor),
        batch,
        PPO(),
        actor,
        temperature=1.0,
        action_dim=2,
        generator=torch.Generator(),
    )
    torch.testing.assert_close(batch.advantages, before.advantages)
