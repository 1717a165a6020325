"""The queue that env processes share: each episode counts once, whatever is lost."""

from dataclasses import replace

import pytest

from vla_trainer.runtime.episode_queue import EndedGroup, EpisodeQueueActor, GroupOrder, ListOrder
from vla_trainer.types import Episode, EpisodeSpec, InitialState

EPISODE = Episode(InitialState(0), episode_return=0.0, policy_steps=1, env_steps=1, terminated=False, success=False)
INITIAL_STATES = [InitialState(seed) for seed in range(10, 15)]


def listed() -> EpisodeQueueActor:
    queue = EpisodeQueueActor()
    queue.begin(ListOrder(INITIAL_STATES, seed=3))
    return queue


def grouped(groups: int = 2, initial_states: int = 4) -> EpisodeQueueActor:
    """Groups of two; starts beyond `groups` are for further ones."""
    queue = EpisodeQueueActor()
    queue.begin(GroupOrder(INITIAL_STATES[:initial_states], groups, 2, 0, None))
    return queue


def take_all(queue: EpisodeQueueActor, worker: int) -> list[EpisodeSpec]:
    taken = []
    while (spec := queue.take(worker, 0)) is not None:
        taken.append(spec)
    return taken


def numbers(specs: list[EpisodeSpec]) -> list[int]:
    return [spec.number for spec in specs]


def end(queue: EpisodeQueueActor, number: int, episode_return: float, success: bool = False) -> None:
    queue.finished(number, replace(EPISODE, episode_return=episode_return, success=success, group=number // 2))


def test_each_episode_goes_to_one_process() -> None:
    queue = listed()
    taken = {0: [], 1: []}
    for turn in range(5):
        taken[turn % 2].append(queue.take(turn % 2, 0))
    assert numbers(taken[0]) == [0, 2, 4]
    assert numbers(taken[1]) == [1, 3]
    assert [spec.initial_state for spec in taken[0]] == [INITIAL_STATES[0], INITIAL_STATES[2], INITIAL_STATES[4]]
    assert queue.take(0, 0) is None
    assert queue.take(1, 0) is None


def test_a_lost_process_gives_back_all_that_it_had_taken() -> None:
    queue = listed()
    first = [queue.take(worker, 0) for worker in (1, 0, 1, 1)]
    end(queue, 2, 1.0)  # worker 1 has finished this one, whose rows are gone with it
    assert queue.lost(1) == 3
    # lowest number first, then those that nobody had; the episode specs are the same, seeds too
    again = take_all(queue, 1)
    assert numbers(again) == [0, 2, 3, 4]
    assert again[:3] == [first[0], first[2], first[3]]


def test_what_came_back_can_be_lost_again_by_whoever_has_it_now() -> None:
    queue = listed()
    assert numbers(take_all(queue, 1)) == [0, 1, 2, 3, 4]
    assert queue.lost(1) == 5
    assert numbers([queue.take(2, 0), queue.take(1, 0)]) == [0, 1]
    assert queue.lost(1) == 1
    assert queue.lost(1) == 0  # it has nothing any more
    assert queue.lost(7) == 0  # and this one never had
    # number 0 is with process 2 and does not come back
    assert numbers(take_all(queue, 1)) == [2, 3, 4, 1]


def test_a_second_end_is_not_counted() -> None:
    queue = listed()
    take_all(queue, 0)
    end(queue, 0, 1.0, success=True)
    end(queue, 1, 0.0)
    assert queue.progress() == (2, 1)
    queue.lost(0)
    end(queue, 0, 1.0, success=True)
    assert queue.progress() == (2, 1)
    end(queue, 4, 1.0, success=True)
    assert queue.progress() == (3, 2)


def test_a_group_that_is_run_again_is_not_replaced_again() -> None:
    queue = grouped(groups=2, initial_states=4)
    assert numbers([queue.take(worker, 0) for worker in (0, 0, 1, 1)]) == [0, 1, 2, 3]
    end(queue, 0, 1.0)
    end(queue, 1, 1.0)  # equal returns: group 2 comes for group 0
    assert queue.resampled() == 1
    assert queue.lost(0) == 2
    # group 0 again, then group 2, once
    assert numbers([queue.take(0, 0) for _ in range(4)]) == [0, 1, 4, 5]
    end(queue, 0, 1.0)
    end(queue, 1, 1.0)
    assert queue.take(0, 0) is None
    assert queue.resampled() == 1


def test_a_group_s_returns_are_not_mixed_with_those_of_a_second_run() -> None:
    # episode 0 ends, is lost and ends again: with its second end counted, group 0 would be whole, of two equal returns
    queue = grouped(groups=2, initial_states=4)
    take_all(queue, 0)
    end(queue, 0, 1.0)
    queue.lost(0)
    end(queue, 0, 1.0)
    assert queue.resampled() == 0
    end(queue, 1, 0.0)  # 1 and 0: a signal
    assert queue.resampled() == 0


def test_groups_that_have_ended_are_told_in_their_order() -> None:
    queue = grouped(groups=2, initial_states=2)
    take_all(queue, 0)
    for number in (2, 3, 1):
        queue.keep(0, number, [f"rows of {number}"])
        end(queue, number, float(number))
    assert queue.ended_groups(0, 2) == []  # episode 0 is still running
    queue.keep(0, 0, ["rows of 0"])
    assert queue.ended_groups(0, 2) == []  # and so it is until its return is known
    end(queue, 0, 7.0)
    assert queue.ended_groups(0, 2) == [
        EndedGroup([7.0, 1.0], ["rows of 0", "rows of 1"]),
        EndedGroup([2.0, 3.0], ["rows of 2", "rows of 3"]),
    ]
    assert queue.ended_groups(1, 2) == [EndedGroup([2.0, 3.0], ["rows of 2", "rows of 3"])]
    assert queue.ended_groups(2, 2) == []


def test_what_a_lost_process_kept_is_told_again_when_it_was_run_again() -> None:
    queue = grouped(groups=1, initial_states=1)
    for worker, number in ((0, 0), (1, 1)):
        queue.take(worker, 0)
        queue.keep(worker, number, [f"first rows of {number}"])
        end(queue, number, float(number))
    queue.lost(1)
    assert queue.ended_groups(0, 2) == []
    assert numbers(take_all(queue, 0)) == [1]
    queue.keep(0, 1, ["second rows of 1"])
    end(queue, 1, 1.0)
    assert queue.ended_groups(0, 2) == [EndedGroup([0.0, 1.0], ["first rows of 0", "second rows of 1"])]
    queue.begin(GroupOrder(INITIAL_STATES[:1], 1, 2, 0, None))
    assert queue.ended_groups(0, 2) == []


def test_further_groups_stay_within_the_budget() -> None:
    # 2 groups and 4 starts: 2 further ones at most, although none of the four has a signal
    queue = grouped(groups=2, initial_states=4)
    seen = 0
    while specs := take_all(queue, 0):
        for spec in specs:
            end(queue, spec.number, 1.0)
        seen += len(specs)
    assert seen == 2 * 4
    assert queue.resampled() == 2


def test_returns_outside_the_wanted_range_are_replaced() -> None:
    queue = EpisodeQueueActor()
    queue.begin(GroupOrder(INITIAL_STATES[:2], 1, 2, 0, (0.5, 4.5)))
    take_all(queue, 0)
    end(queue, 0, 0.0)
    end(queue, 1, 0.5)  # they differ, but their mean, 0.25, is below 0.5
    assert queue.resampled() == 1


def test_what_an_order_says_does_not_depend_on_who_takes() -> None:
    one, other = grouped(), grouped()
    assert take_all(one, 0) == [other.take(number % 2, number) for number in range(4)]


@pytest.mark.parametrize("order", [ListOrder(INITIAL_STATES[:1], 0), GroupOrder(INITIAL_STATES[:1], 1, 1, 0, None)])
def test_a_new_order_forgets_the_last_one(order: ListOrder | GroupOrder) -> None:
    queue = listed()
    take_all(queue, 0)
    end(queue, 0, 1.0, success=True)
    queue.lost(0)
    queue.begin(order)
    assert queue.progress() == (0, 0)
    assert queue.resampled() == 0
    assert numbers(take_all(queue, 1)) == [0]
    assert queue.lost(0) == 0
