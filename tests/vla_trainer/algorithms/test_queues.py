"""Which episodes are to be run."""

from dataclasses import replace

import numpy as np

from vla_trainer.advantage.grpo import has_variance
from vla_trainer.algorithms.queues import GroupOrder, GroupQueue, ListOrder, ListQueue, PerEnvQueue
from vla_trainer.initial_states import sample_initial_state
from vla_trainer.types import Episode, InitialState

EPISODE = Episode(InitialState(0), episode_return=0.0, policy_steps=1, env_steps=1, terminated=False, success=None)


def groups(count: int, group_size: int, resample: int = 0) -> GroupQueue:
    rng = np.random.default_rng(0)
    return GroupOrder(
        [sample_initial_state(rng, {3: 2, 5: 40}) for _ in range(count + resample)],
        groups=count,
        group_size=group_size,
        seed=0,
    ).queue()


def end(queue: GroupQueue, number: int, episode_return: float) -> None:
    queue.finished(number, replace(EPISODE, episode_return=episode_return, group=number // queue._order.group_size))


def test_groups_have_one_start_each() -> None:
    queue = groups(3, 4)
    taken = [queue.take(0) for _ in range(12)]
    assert queue.take(0) is None
    assert [spec.number for spec in taken] == list(range(12))
    drawn = [spec.initial_state for spec in taken]
    # what is sampled differs all the same, by more than the policy steps of an episode
    assert np.diff(sorted(spec.seed for spec in taken)).min() > 10_000
    assert all(len(set(drawn[at : at + 4])) == 1 for at in (0, 4, 8))
    assert len({drawn[0], drawn[4], drawn[8]}) == 3
    assert all(
        initial_state.task in (3, 5) and initial_state.init_state < {3: 2, 5: 40}[initial_state.task]
        for initial_state in drawn
    )


def test_a_group_without_a_signal_is_replaced_within_the_budget() -> None:
    queue = groups(3, 2, resample=2)
    for _ in range(6):
        queue.take(0)
    end(queue, 2, 1.0)  # group 1 is not whole yet
    assert queue.take(0) is None
    end(queue, 3, 1.0)  # all equal: group 3 comes instead
    assert [queue.take(0).number, queue.take(0).number, queue.take(0)] == [6, 7, None]
    end(queue, 0, 0.0)
    end(queue, 1, 1.0)  # a difference: nothing comes
    assert queue.take(0) is None
    end(queue, 6, 2.0)
    end(queue, 7, 2.0)  # the one that came instead was no better: group 4, the last of the budget
    assert [queue.take(0).number, queue.take(0).number, queue.take(0)] == [8, 9, None]
    end(queue, 8, 3.0)
    end(queue, 9, 3.0)
    assert queue.take(0) is None
    assert queue.resampled == 2


def test_signal() -> None:
    assert not has_variance([2.0, 2.0])
    assert has_variance([0.0, 5.0])
    # mean 2.5 of returns 0 and 5; means 0.625 and 4.375 of one success and one failure in eight
    assert has_variance([0.0, 5.0], (0.5, 4.5))
    assert has_variance([0.0] * 7 + [5.0], (0.5, 4.5))
    assert not has_variance([0.0] * 7 + [5.0], (1.0, 4.5))
    assert not has_variance([5.0] * 7 + [0.0], (0.5, 4.0))


def test_lists() -> None:
    told: list[Episode] = []
    listed = ListQueue([InitialState(1), InitialState(2)], told.append)
    first, second = listed.take(7), listed.take(0)
    assert [(spec.number, spec.initial_state) for spec in (first, second)] == [
        (0, InitialState(1)),
        (1, InitialState(2)),
    ]
    assert first.seed != second.seed
    assert listed.take(0) is None
    listed.finished(0, EPISODE)
    assert told == [EPISODE]


def test_a_columns_episodes_do_not_depend_on_the_other_columns() -> None:
    def env_indices() -> PerEnvQueue:
        return PerEnvQueue(3, {3: 2, 5: 40}, 4)

    together, alone = env_indices(), env_indices()
    taken = [together.take(env_index) for env_index in (1, 0, 1, 3, 1)]
    # of column 1 in a grid of 4: 0 would be the one that runs already, then 1 + 4, 1 + 8, 1 + 12
    assert [spec.number for spec in taken] == [5, 4, 9, 7, 13]
    assert [taken[0], taken[2], taken[4]] == [alone.take(1) for _ in range(3)]
    assert len({spec.initial_state for spec in taken}) == len({spec.seed for spec in taken}) == 5
    assert together.begun == [1, 3, 0, 1]
    # numbers begin anew with a rollout, starts go on
    together.begin_rollout()
    after = together.take(1)
    assert after.number == 5
    assert after.initial_state not in {spec.initial_state for spec in taken}
    resumed = env_indices()
    resumed.begun = [1, 3, 0, 1]
    assert resumed.take(1) == after


def test_a_part_of_a_list_keeps_the_numbers_and_seeds_of_the_whole() -> None:
    whole = [InitialState(seed) for seed in range(5)]
    queue, rest = ListOrder(whole, 7).queue(), ListOrder([whole[1], whole[4]], 7, (1, 4)).queue()
    specs = [queue.take(0) for _ in whole]
    assert [rest.take(0), rest.take(0), rest.take(0)] == [specs[1], specs[4], None]
