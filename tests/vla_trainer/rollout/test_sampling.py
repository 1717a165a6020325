"""What is sampled for an observation depends on its seed, and not on what it is looked at together with."""

from typing import Any

import count_toy
import numpy as np
import pytest
import torch
from gymnasium import spaces

from vla_trainer.config.schema import Env
from vla_trainer.errors import PolicyError
from vla_trainer.policy.gaussian import GaussianPolicy
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.envs import make_envs
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.types import InitialState

OBS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def policy() -> GaussianPolicy:
    return GaussianPolicy(spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (2, 2)), hidden=(8,), seed=0)


def test_rows_by_themselves_and_together(policy: GaussianPolicy) -> None:
    sampler = PolicySampler(policy)
    together = sampler.act(OBS, [3, 5, 7, 2**61]).tokens
    for row, seed in enumerate([3, 5, 7, 2**61]):
        alone = sampler.act(OBS[row : row + 1], [seed]).tokens
        torch.testing.assert_close(alone[0], together[row])
    torch.testing.assert_close(sampler.act(OBS[[2, 0]], [7, 3]).tokens, together[[2, 0]])
    assert not torch.allclose(sampler.act(OBS, [4, 6, 8, 9]).tokens, together)


def test_without_seeds_and_deterministic(policy: GaussianPolicy) -> None:
    most_probable = PolicySampler(policy).act(OBS, None).tokens
    torch.testing.assert_close(PolicySampler(policy, deterministic=True).act(OBS, [1, 2, 3, 4]).tokens, most_probable)


def test_correlated_noise_is_asked_of_a_policy_that_takes_it(policy: GaussianPolicy) -> None:
    sampler = PolicySampler(policy, chunk_correlation=1.0)
    noise = sampler.act(OBS, [1, 2, 3, 4]).tokens - sampler.act(OBS, None).tokens
    chunks = noise.reshape(4, 2, 2)  # deviations are 1 in all tokens
    torch.testing.assert_close(chunks[:, 0], chunks[:, 1])
    assert not torch.allclose(chunks[:, 0, 0], chunks[:, 0, 1])
    alone = sampler.act(OBS[1:2], [2]).tokens
    torch.testing.assert_close(alone[0], sampler.act(OBS, [1, 2, 3, 4]).tokens[1])

    class Plain:
        def act(self, obs: Any, *, deterministic: bool, temperature: float, generator: Any) -> Any:
            raise NotImplementedError

    PolicySampler(Plain())  # type: ignore[arg-type]
    with pytest.raises(PolicyError, match=r"chunk_correlation=0\.5: act of a Plain takes no chunk_correlation"):
        PolicySampler(Plain(), chunk_correlation=0.5)  # type: ignore[arg-type]


def test_a_policy_that_takes_one_generator() -> None:
    given: list[Any] = []

    class Old(count_toy.CountPolicy):
        def act(self, obs: np.ndarray, **kwargs: Any) -> Any:
            given.append(kwargs["generator"])
            return super().act(obs, **kwargs)

    sampler = PolicySampler(Old())
    first = sampler.act(np.zeros((2, 2)), [3, 4]).tokens
    assert isinstance(given[0], torch.Generator)
    torch.testing.assert_close(sampler.act(np.zeros((2, 2)), [3, 9]).tokens, first)


def test_a_rollout_says_which_weights_acted() -> None:
    # environment 0: seed 12, 2 policy steps, then 14, 4; environment 1: seed 13, 3 policy steps, then it waits
    sampler = PolicySampler(count_toy.CountPolicy(critic=False))
    collector = Collector(make_envs(Env(id="toy/CountVector-v0"), 2), sampler)
    initial_states = [InitialState(12), InitialState(13), InitialState(14)]
    assert sampler.version == 0
    assert not collector.episodes(initial_states).version.any()
    sampler.version = 3
    version = collector.episodes(initial_states).version
    np.testing.assert_array_equal(version.T, [[3] * 6, [3, 3, 3, 0, 0, 0]])
    assert np.issubdtype(version.dtype, np.integer)


def test_a_horizon_that_was_begun_by_older_weights() -> None:
    # an episode of 9 policy steps: 2 by the first weights, 3 by the next ones
    sampler = PolicySampler(count_toy.CountPolicy())
    collector = Collector(make_envs(Env(id="toy/CountVector-v0"), 1), sampler)
    stream = count_toy.Stream([InitialState(19)])
    versions = []
    for policy_steps in (2, 3):
        versions.append(collector.horizon(policy_steps, stream).version[:, 0].tolist())
        sampler.version += 1
    assert versions == [[0, 0], [1, 1, 1]]


def test_what_a_policy_refuses_is_an_error_of_one_line_and_a_mistake_of_its_own_is_not_hidden() -> None:
    class TooLongError(ValueError):
        pass

    class Refusing(count_toy.CountPolicy):
        def act(self, obs: np.ndarray, **kwargs: Any) -> Any:
            raise TooLongError("a sentence of 53 tokens; max_prompt_length is 48")

    class Mistaken(count_toy.CountPolicy):
        def act(self, obs: np.ndarray, **kwargs: Any) -> Any:
            raise ValueError("shapes (2,3) and (2,2) not aligned")

    with pytest.raises(PolicyError, match="the policy does not take an observation: a sentence of 53 tokens"):
        PolicySampler(Refusing()).act(np.zeros((2, 2)), [3, 4])
    with pytest.raises(ValueError, match="not aligned") as raised:
        PolicySampler(Mistaken()).act(np.zeros((2, 2)), [3, 4])
    assert type(raised.value) is ValueError
