"""Two stages: what comes out is what the environments did, whoever was quicker."""

import threading
import time
from typing import Any

import count_toy
import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv

from vla_trainer.algorithms import GRPO
from vla_trainer.config.schema import Env
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.envs import make_envs
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.types import InitialState, Rollout, VideoRequest

BOTH = pytest.mark.parametrize("env_id", ["toy/Count-v0", "toy/CountVector-v0"])


class SlowEnvs(count_toy.CountVectorEnv):
    """Takes a while to step, a different one each time, and notes in which thread."""

    def __init__(self, num_envs: int, seed: int, **kwargs: Any) -> None:
        super().__init__(num_envs, **kwargs)
        self.rng = np.random.default_rng(seed)
        self.threads: set[str] = set()

    def step(self, actions: np.ndarray) -> Any:
        time.sleep(self.rng.uniform(0, 0.004))
        self.threads.add(threading.current_thread().name)
        return super().step(actions)


def stages(env_id: str, num_envs: int) -> list[VectorEnv]:
    return [make_envs(Env(id=env_id), num_envs) for _ in range(2)]


def collector(envs: Any, critic: bool = True) -> Collector:
    return Collector(envs, PolicySampler(count_toy.CountPolicy(critic)))


def seeds(*numbers: int) -> list[InitialState]:
    return [InitialState(number) for number in numbers]


def same(first: Rollout, second: Rollout) -> None:
    for name in ("mask", "episode", "rewards", "lengths", "terminated", "truncated", "action_rewards"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    torch.testing.assert_close(first.inputs["state"], second.inputs["state"], rtol=0, atol=0)
    torch.testing.assert_close(first.tokens, second.tokens, rtol=0, atol=0)
    assert first.episodes == second.episodes


@BOTH
def test_a_horizon_of_two_stages(env_id: str) -> None:
    # the stages' environments are the columns; seeds are taken in turn: 12 and 13, then 14 and 15;
    # 12 ends after 2 policy steps, whose place 17 takes; 13 after 3, then 18
    two = collector(stages(env_id, 2))
    rollout = two.horizon(3, count_toy.Stream(seeds(12, 13, 14, 15, 17, 18)))
    np.testing.assert_array_equal(rollout.rewards.T, [[1, 2, 1], [1, 2, 3], [1, 2, 3], [1, 2, 3]])
    assert rollout.values is not None
    np.testing.assert_array_equal(rollout.values[0], [1200, 1300, 1400, 1500])
    np.testing.assert_array_equal(rollout.next_values.T[:2], [[1201, 0, 1701], [1301, 1302, 1303]])
    # rows of the batch: all of t = 0, both stages, then t = 1, ...
    assert rollout.inputs["state"][rollout.mask[0].sum() :][:4].tolist() == [[12, 1], [13, 1], [14, 1], [15, 1]]
    assert rollout.slots == rollout.env_steps == 12
    resumed = collector(stages(env_id, 2))
    resumed.replay(two.snapshot())
    same(resumed.horizon(2, count_toy.Stream(seeds(16, 16, 16))), two.horizon(2, count_toy.Stream(seeds(16, 16, 16))))


@BOTH
def test_episodes_of_two_stages(env_id: str) -> None:
    rollout = collector(stages(env_id, 2), critic=False).episodes(seeds(*range(11, 18)))
    # a sum of 1 ... s % 10
    for number, seed in enumerate(range(11, 18)):
        length = seed % 10
        assert rollout.episodes[number].episode_return == length * (length + 1) / 2
        states = rollout.inputs["state"][rollout.episode[rollout.mask] == number].tolist()
        assert states == [[seed, count] for count in range(length)]
    batch = GRPO(group_size=7).batch(count_toy.grouped(rollout, 7))
    assert len(batch) == rollout.mask.sum() == 1 + 2 + 3 + 4 + 5 + 6 + 7


def test_fewer_starts_than_environments() -> None:
    rollout = collector(stages("toy/CountVector-v0", 2), critic=False).episodes(seeds(12))
    assert rollout.mask.shape == (2, 4)
    assert rollout.mask.sum() == 2
    # the second stage was never stepped
    assert rollout.slots == 2 * 2


def test_the_result_does_not_depend_on_which_stage_is_quicker() -> None:
    from gymnasium.vector import AutoresetMode

    rollouts = []
    for pair in ((1, 2), (3, 4)):
        envs = [SlowEnvs(2, seed, autoreset_mode=AutoresetMode.DISABLED) for seed in pair]
        one = collector(envs, critic=False)
        rollouts.append(one.episodes(seeds(*range(11, 20))))
        one.close()
        assert not any("MainThread" in each.threads for each in envs)
    same(*rollouts)


def test_films_of_two_stages() -> None:
    one = Collector(
        [make_envs(Env(id="reach_toy:toy/Reach-v0"), 2) for _ in range(2)],
        PolicySampler(_reach_policy()),
    )
    one.video(VideoRequest(episodes=3, max_frames=5))
    rollout = one.episodes([InitialState(seed) for seed in range(6)])
    assert len(rollout.videos) == 3
    for video in rollout.videos:
        assert video.episode in rollout.episodes.values()
        # the first image, one a policy step; the last one is kept of a longer episode
        assert len(video.frames) == min(video.episode.policy_steps + 1, 5)
        assert video.frames[-1].env_step == video.episode.env_steps
        assert video.frames[-1].success == video.episode.success
        assert all(frame.value is not None for frame in video.frames[:-1])
    assert one.episodes([InitialState(0)]).videos == []


def test_only_failures_are_filmed_if_so_asked() -> None:
    one = Collector(
        make_envs(Env(id="reach_toy:toy/Reach-v0", speed=0.5), 4),
        PolicySampler(_reach_policy()),
    )
    one.video(VideoRequest(episodes=0, max_frames=100, failures=50))
    rollout = one.episodes([InitialState(seed) for seed in range(40)])
    failed = [episode for episode in rollout.episodes.values() if not episode.success]
    assert 0 < len(failed) < 40
    assert sorted(video.episode.initial_state.seed for video in rollout.videos) == sorted(
        each.initial_state.seed for each in failed
    )


def _reach_policy() -> Any:
    import reach_toy

    torch.manual_seed(0)
    env = reach_toy.ReachEnv()
    return reach_toy.TokenPolicy(env.observation_space, env.action_space)
