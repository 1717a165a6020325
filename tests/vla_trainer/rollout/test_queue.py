"""Which episodes are to be run."""

from dataclasses import replace

import numpy as np

from vla_trainer.advantage.grpo import carries_signal
from vla_trainer.records import Episode, Start
from vla_trainer.rollout import starts
from vla_trainer.rollout.queue import Columns, Groups, Listed

EPISODE = Episode(Start(0), episode_return=0.0, decisions=1, env_steps=1, terminated=False, success=None)


def groups(count: int, group_size: int, resample: int = 0) -> Groups:
    rng = np.random.default_rng(0)
    return Groups(
        [starts.draw(rng, {3: 2, 5: 40}) for _ in range(count + resample)],
        groups=count,
        group_size=group_size,
        seed=0,
        carries_signal=carries_signal,
    )


def end(queue: Groups, number: int, episode_return: float) -> None:
    queue.finished(number, replace(EPISODE, episode_return=episode_return))


def test_groups_have_one_start_each() -> None:
    queue = groups(3, 4)
    taken = [queue.take(0) for _ in range(12)]
    assert queue.take(0) is None
    assert [ticket.number for ticket in taken] == list(range(12))
    drawn = [ticket.start for ticket in taken]
    # what is sampled differs all the same, by more than the decisions of an episode
    assert np.diff(sorted(ticket.seed for ticket in taken)).min() > 10_000
    assert all(len(set(drawn[at : at + 4])) == 1 for at in (0, 4, 8))
    assert len({drawn[0], drawn[4], drawn[8]}) == 3
    assert all(start.task in (3, 5) and start.init_state < {3: 2, 5: 40}[start.task] for start in drawn)


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
    assert not carries_signal([2.0, 2.0])
    assert carries_signal([0.0, 5.0])
    # mean 2.5 of returns 0 and 5; means 0.625 and 4.375 of one success and one failure in eight
    assert carries_signal([0.0, 5.0], (0.5, 4.5))
    assert carries_signal([0.0] * 7 + [5.0], (0.5, 4.5))
    assert not carries_signal([0.0] * 7 + [5.0], (1.0, 4.5))
    assert not carries_signal([5.0] * 7 + [0.0], (0.5, 4.0))


def test_lists() -> None:
    told: list[Episode] = []
    listed = Listed([Start(1), Start(2)], told.append)
    first, second = listed.take(7), listed.take(0)
    assert [(ticket.number, ticket.start) for ticket in (first, second)] == [(0, Start(1)), (1, Start(2))]
    assert first.seed != second.seed
    assert listed.take(0) is None
    listed.finished(0, EPISODE)
    assert told == [EPISODE]


def test_a_columns_episodes_do_not_depend_on_the_other_columns() -> None:
    def columns() -> Columns:
        return Columns(3, {3: 2, 5: 40}, 4)

    together, alone = columns(), columns()
    taken = [together.take(column) for column in (1, 0, 1, 3, 1)]
    # of column 1 in a grid of 4: 0 would be the one that runs already, then 1 + 4, 1 + 8, 1 + 12
    assert [ticket.number for ticket in taken] == [5, 4, 9, 7, 13]
    assert [taken[0], taken[2], taken[4]] == [alone.take(1) for _ in range(3)]
    assert len({ticket.start for ticket in taken}) == len({ticket.seed for ticket in taken}) == 5
    assert together.begun == [1, 3, 0, 1]
    # numbers begin anew with a rollout, starts go on
    together.begin_rollout()
    after = together.take(1)
    assert after.number == 5
    assert after.start not in {ticket.start for ticket in taken}
    resumed = columns()
    resumed.begun = [1, 3, 0, 1]
    assert resumed.take(1) == after
