"""Rows that are divided among threads: in order, beside each other, with the gradients that one thread makes."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import reach_toy
import torch
from gymnasium import spaces
from torch import Tensor, nn

from vla_trainer.algorithms import PPO
from vla_trainer.config.load import load_config
from vla_trainer.config.schema import Actor, PolicyConfig
from vla_trainer.errors import ConfigError, PolicyError
from vla_trainer.policy import GaussianPolicy
from vla_trainer.policy.make import threads_of
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.row_threads import RowThreads
from vla_trainer.types import Batch
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import update

BOX = spaces.Box(-1, 1, (3,))


@pytest.fixture(autouse=True)
def _one_thread_of_torch() -> Iterator[None]:
    """As `trainer.threads=1`: torch's own threads divide sums differently where they are more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_parts_are_computed_beside_each_other_and_come_in_order() -> None:
    threads = RowThreads(2)
    both = threading.Barrier(2)

    def meet(part: int) -> int:
        both.wait(timeout=30)  # passes only where two threads are here at once
        return 10 * part

    assert threads.map(meet, [3, 1]) == [30, 10]
    threads.close()


def test_the_first_part_that_failed_is_named_when_all_have_ended() -> None:
    threads, ended = RowThreads(3), []

    def fail(part: int) -> None:
        ended.append(part)
        if part > 1:
            raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match="part 2"):
        threads.map(fail, [1, 2, 3])
    assert sorted(ended) == [1, 2, 3]


def gradients(count: int) -> tuple[list[Tensor | None], list[int]]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    unused = nn.Parameter(torch.ones(2))
    weights = [*network.parameters(), unused]
    rows = torch.randn(35, 8)

    def forward(number: int) -> tuple[Tensor, int]:
        return network(rows[number::7]).square().sum(), number

    numbers = list(RowThreads(count).add_gradients(weights, [partial(forward, n) for n in range(7)]))
    return [weight.grad for weight in weights], numbers


@pytest.mark.parametrize("count", [2, 3, 8])
def test_gradients_are_those_of_one_thread_to_the_last_bit(count: int) -> None:
    expected, numbers = gradients(1)
    assert expected[-1] is None
    assert numbers == list(range(7))
    found, same = gradients(count)
    assert same == numbers
    for one, several in zip(expected, found, strict=True):
        assert (one is None) == (several is None)
        if one is not None and several is not None:
            assert torch.equal(one, several)


def learned(count: int) -> tuple[dict[str, Tensor], dict[str, float]]:
    size, shape = 24, (reach_toy.CHUNK, reach_toy.DIMS)
    torch.manual_seed(0)
    policy = reach_toy.TokenPolicy(spaces.Dict(state=spaces.Box(-1, 1, (4,))), spaces.Box(-1, 1, shape))
    state = torch.rand(size, 4)
    out = policy.act({"state": state, "instruction": ["go"] * size}, generator=torch.Generator().manual_seed(0))
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
    actor = Actor(lr=1e-2, critic_lr=1e-2, global_batch_size=12, micro_batch_size=5)
    metrics = update(
        policy,
        make_optimizer(policy, actor),
        batch,
        PPO(epochs=3, entropy_coef=0.01),
        actor,
        temperature=1.0,
        action_dim=reach_toy.DIMS,
        generator=torch.Generator().manual_seed(1),
        threads=RowThreads(count),
    )
    return policy.state_dict(), metrics


def test_an_update_does_not_depend_on_the_threads() -> None:
    weights, metrics = learned(1)
    same_weights, same_metrics = learned(2)
    assert same_metrics == metrics
    assert all(torch.equal(weight, same_weights[name]) for name, weight in weights.items())


@pytest.mark.parametrize("deterministic", [False, True])
def test_what_is_sampled_does_not_depend_on_the_threads(deterministic: bool) -> None:
    policy = GaussianPolicy(BOX, spaces.Box(-1, 1, (2, 2)), hidden=(8,), seed=0)
    obs, seeds = np.linspace(-1, 1, 15, dtype=np.float32).reshape(5, 3), [3, 5, 7, 11, 13]
    one = PolicySampler(policy, deterministic=deterministic).act(obs, seeds)
    several = PolicySampler(policy, deterministic=deterministic, threads=RowThreads(2)).act(obs, seeds)
    np.testing.assert_allclose(several.actions, one.actions, rtol=1e-6)
    torch.testing.assert_close(several.tokens, one.tokens)
    torch.testing.assert_close(several.log_probs, one.log_probs)
    torch.testing.assert_close(several.values, one.values)
    torch.testing.assert_close(several.inputs["features"], one.inputs["features"])


def test_torchs_own_threads_beside_them_are_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "toy.yaml"
    recipe.write_text(reach_toy.PPO_RECIPE)
    with pytest.raises(ConfigError, match=r"policy.threads=2 needs trainer.threads=1"):
        load_config(str(recipe), ["policy.threads=2", "trainer.threads=2"])
    assert load_config(str(recipe), ["policy.threads=2", "trainer.threads=1"]).policy.threads == 2


def test_a_policy_that_changes_while_it_acts_is_refused() -> None:
    settings = PolicyConfig(factory="vla_trainer.policy:GaussianPolicy", device="cpu", threads=2)
    policy = GaussianPolicy(BOX, BOX, hidden=(8,), normalize_observations=True)
    with pytest.raises(PolicyError, match=r"policy.threads=2: a policy that changes while it acts"):
        threads_of(policy, settings)
    assert threads_of(GaussianPolicy(BOX, BOX, hidden=(8,)), settings).count == 2
