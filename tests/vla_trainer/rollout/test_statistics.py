"""What a rollout says about itself, in environments where every number is known (see count_toy)."""

from collections import deque
from dataclasses import replace

import count_toy
import pytest

from vla_trainer.algorithms import GRPO
from vla_trainer.config.schema import Env
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.envs import make_envs
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.rollout.statistics import rollout_metrics
from vla_trainer.types import InitialState, Rollout


@pytest.fixture(scope="module")
def rollout() -> Rollout:
    """Four episodes, of 1 and 4 policy steps twice each."""
    collector = Collector([make_envs(Env(id="toy/Count-v0"), 2)], PolicySampler(count_toy.CountPolicy(critic=False)))
    return collector.episodes([InitialState(11), InitialState(14), InitialState(11), InitialState(14)])


def measured(rollout: Rollout, told: list[tuple[str | None, bool | None]]) -> dict[str, float]:
    """Metrics, where the episodes had been of these tasks, with these successes."""
    episodes = {
        number: replace(rollout.episodes[number], task_name=task, success=success)
        for number, (task, success) in enumerate(told)
    }
    changed = replace(rollout, episodes=episodes)
    return rollout_metrics(
        changed, GRPO(group_size=2).batch(count_toy.grouped(changed, 2)), deque([False, False], maxlen=100)
    )


def test_success_is_told_task_by_task_where_there_are_several(rollout: Rollout) -> None:
    found = measured(rollout, [("open", True), ("close", False), ("open", False), ("close", False)])
    assert {name: value for name, value in found.items() if "success_rate" in name} == {
        "rollout/success_rate": 0.25,  # 1 of 4
        "env/success_rate": 1 / 6,  # and two failures before
        "rollout/success_rate/open": 0.5,
        "rollout/success_rate/close": 0.0,
    }


def test_one_task_has_one_rate_and_an_environment_that_says_nothing_none(rollout: Rollout) -> None:
    one = measured(rollout, [("open", True)] * 3 + [("open", False)])
    assert [name for name in one if name.startswith("rollout/success_rate")] == ["rollout/success_rate"]
    assert not [name for name in measured(rollout, [("open", None)] * 4) if "success_rate" in name]


def test_what_began_in_the_middle_of_an_episode_is_counted_apart(rollout: Rollout) -> None:
    began = {
        number: replace(episode, initial_state=replace(episode.initial_state, saved=b"state" if number > 1 else None))
        for number, episode in rollout.episodes.items()
    }
    apart = replace(rollout, episodes=began)
    found = measured(apart, [("open", True), ("close", False), ("open", True), ("close", True)])
    # of the first two: returns 1 and 10, one success; of all four 1, 4, 1 and 4 environment steps
    assert (found["rollout/reward_mean"], found["rollout/reward_std"]) == (5.5, 4.5)
    assert found["rollout/success_rate"] == 0.5
    assert found["env/success_rate"] == 1 / 4  # and two failures before
    assert found["rollout/success_rate/close"] == 0.0
    assert (found["rollout/saved_start_fraction"], found["rollout/saved_start_success_rate"]) == (0.5, 1.0)
    assert (found["rollout/episodes"], found["rollout/episode_length"]) == (4.0, 2.5)


def test_lengths_and_rewards_are_means_over_episodes(rollout: Rollout) -> None:
    found = measured(rollout, [(None, None)] * 4)
    # returns 1, 10, 1, 10 (1 + 2 + 3 + 4): mean 5.5, deviation 4.5; 1, 4, 1, 4 environment steps
    assert (found["rollout/reward_mean"], found["rollout/reward_std"]) == (5.5, 4.5)
    assert found["rollout/episode_length"] == 2.5
    assert found["env/step_reward"] == 22 / 10


def test_whether_success_is_rewarded(rollout: Rollout) -> None:
    name = "rollout/success_return_correlation"
    # returns 1, 10, 1, 10
    assert measured(rollout, [("open", False), ("open", True)] * 2)[name] == pytest.approx(1.0)
    assert measured(rollout, [("open", True), ("open", False)] * 2)[name] == pytest.approx(-1.0)
    # 1 of 4 with deviations -1/4 3/4 -1/4 -1/4 and -4.5 4.5 -4.5 4.5: 4.5 / sqrt(3/4 x 81) = 1 / sqrt(3)
    one = [("open", False), ("open", True), ("open", False), ("open", False)]
    assert measured(rollout, one)[name] == pytest.approx(3**-0.5)
    assert name not in measured(rollout, [("open", True)] * 4)
    assert name not in measured(rollout, [("open", None)] * 4)
