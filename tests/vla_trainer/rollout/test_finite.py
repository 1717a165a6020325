"""Numbers that are not finite are refused where they enter, with their place."""

from typing import Any

import count_toy
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from vla_trainer.errors import EnvError, PolicyNumbersError, TrainingDivergedError
from vla_trainer.evaluation.evaluate import evaluate
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.types import InitialState


class FaultyEnvs(count_toy.CountVectorEnv):
    """`reward` or `seen` in the place of what env `row` gives after its `step`-th step of an episode."""

    def __init__(self, num_envs: int, row: int, step: int, reward: float | None = None, seen: float | None = None):
        super().__init__(num_envs, AutoresetMode.DISABLED)
        self._fault, self._reward, self._seen = (row, step), reward, seen

    def step(self, actions: np.ndarray) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        obs, rewards, terminated, truncated, infos = super().step(actions)
        obs = obs.astype(np.float64)  # it counts
        row, step = self._fault
        if self.envs[row].count == step:
            rewards[row] = rewards[row] if self._reward is None else self._reward
            obs[row, 1] = obs[row, 1] if self._seen is None else self._seen
        return obs, rewards, terminated, truncated, infos


class ChunkEnvs(FaultyEnvs):
    """Reports the rewards of its actions, of which it has one a step, and of which `reward` is one."""

    def step(self, actions: np.ndarray) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        obs, rewards, terminated, truncated, infos = super().step(actions)
        return obs, np.ones(self.num_envs), terminated, truncated, infos | {"chunk_rewards": rewards[:, None]}


class FaultyPolicy(count_toy.CountPolicy):
    """`number` in the place of what it gives for an observation of seed 14 and count 2."""

    def __init__(self, what: str, number: float) -> None:
        super().__init__()
        self._what, self._number = what, number

    def act(self, obs: np.ndarray, **kwargs: Any) -> Any:
        out = super().act(obs, **kwargs)
        for row in np.flatnonzero((obs == [14, 2]).all(axis=1)):
            getattr(out, self._what)[row] = self._number
        return out


class Raising(count_toy.CountPolicy):
    def act(self, obs: np.ndarray, **kwargs: Any) -> Any:
        raise FloatingPointError("the logits of token 3 of row 0 are not finite")


INITIAL_STATES = [InitialState(14), InitialState(15), InitialState(18)]
BAD = pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])


def collect(envs: Any, policy: Any = None, horizon: bool = False, version: int = 0) -> Any:
    sampler = PolicySampler(policy or count_toy.CountPolicy())
    sampler.version = version
    collector = Collector(envs, sampler)
    return collector.horizon(6, count_toy.Stream(INITIAL_STATES)) if horizon else collector.episodes(INITIAL_STATES)


@pytest.mark.parametrize("horizon", [True, False])
@BAD
def test_a_reward(number: float, horizon: bool) -> None:
    # env 1 runs episode 1 of seed 15
    match = rf"the reward is {number} in env 1, episode 1 \(seed 15\), environment step 3; rewards must be finite"
    with pytest.raises(EnvError, match=match):
        collect(FaultyEnvs(2, 1, 3, reward=number), horizon=horizon)


def test_a_reward_that_is_too_large_for_what_it_is_kept_in() -> None:
    with pytest.raises(EnvError, match=r"the reward is 1e\+39 in env 0, episode 0"):
        collect(FaultyEnvs(2, 0, 2, reward=1e39))
    collect(FaultyEnvs(2, 0, 2, reward=3e38))


@BAD
def test_a_reward_of_one_action(number: float) -> None:
    with pytest.raises(EnvError, match=rf"the reward is {number} in env 0, episode 0"):
        collect(ChunkEnvs(2, 0, 2, reward=number))


@pytest.mark.parametrize("horizon", [True, False])
@BAD
def test_an_observation(number: float, horizon: bool) -> None:
    match = rf"observation\[1\] is {number} in env 1, episode 1 \(seed 15\), environment step 2; observations must be"
    with pytest.raises(EnvError, match=match):
        collect(FaultyEnvs(2, 1, 2, seen=number), horizon=horizon)


def test_the_last_observation_counts_where_its_value_does() -> None:
    # seed 15 is truncated after 5 steps: PPO bootstraps from what is seen then, an episode of GRPO does not
    with pytest.raises(EnvError, match=r"episode 1 \(seed 15\), environment step 5"):
        collect(FaultyEnvs(2, 1, 5, seen=np.nan), horizon=True)
    assert len(collect(FaultyEnvs(2, 1, 5, seen=np.nan)).episodes) == 3


def test_what_nobody_looks_at_may_be_anything() -> None:
    # env 2 has no episode in a list of two, and is stepped all the same
    envs = FaultyEnvs(3, 2, 0, reward=np.nan, seen=np.nan)
    collector = Collector(envs, PolicySampler(count_toy.CountPolicy()))
    assert len(collector.episodes([InitialState(14), InitialState(15)]).episodes) == 2


def test_an_evaluation_refuses_them_too() -> None:
    with pytest.raises(EnvError, match=r"the reward is nan in env 0, episode 0 \(seed 14\), environment step 2"):
        evaluate(count_toy.CountPolicy(), FaultyEnvs(2, 0, 2, reward=np.nan), INITIAL_STATES, deterministic=True)


@pytest.mark.parametrize(
    ("what", "name"), [("actions", "action"), ("log_probs", "log-probability"), ("values", "value")]
)
def test_what_the_policy_gives(what: str, name: str) -> None:
    match = rf"the policy's {name} is nan in env 0, episode 0 \(seed 14\), environment step 2"
    with pytest.raises(PolicyNumbersError, match=f"^{match}") as caught:
        collect(FaultyEnvs(2, 0, 0), FaultyPolicy(what, np.nan))
    assert caught.value.exit_code == 2
    # of weights that have been updated training is at fault
    with pytest.raises(TrainingDivergedError, match=f"after 4 updates {match}") as diverged:
        collect(FaultyEnvs(2, 0, 0), FaultyPolicy(what, np.nan), version=4)
    assert diverged.value.exit_code == 1


def test_an_evaluation_needs_no_log_probabilities() -> None:
    # an L1 head has none
    _, videos = evaluate(FaultyPolicy("log_probs", np.nan), FaultyEnvs(2, 0, 0), INITIAL_STATES, deterministic=True)
    assert videos == []


def test_a_policy_that_cannot_act_says_so_in_its_own_words() -> None:
    with pytest.raises(PolicyNumbersError, match="the policy cannot act: the logits of token 3 of row 0"):
        collect(FaultyEnvs(2, 0, 0), Raising())
    with pytest.raises(TrainingDivergedError, match="after 2 updates the policy cannot act"):
        collect(FaultyEnvs(2, 0, 0), Raising(), version=2)
