"""Every policy step once an epoch, in steps of the wanted size."""

import pytest
import torch

from vla_trainer.update.order import shuffled, whole_groups


def test_every_epoch_has_every_row_in_another_order_and_equal_parts() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = list(shuffled(10, 4, generator)), list(shuffled(10, 4, generator))
    assert [len(part) for part in first] == [len(part) for part in second] == [4, 3, 3]
    assert sorted(torch.cat(first).tolist()) == sorted(torch.cat(second).tolist()) == list(range(10))
    assert not torch.equal(torch.cat(first), torch.cat(second))
    assert [len(part) for part in shuffled(10, None, generator)] == [10]


@pytest.mark.parametrize(
    ("enough", "expected"),
    [
        (1, [[0, 1, 2], [3], [4, 5], [6, 7, 8]]),
        (3, [[0, 1, 2], [3, 4, 5], [6, 7, 8]]),  # 1 + 2 policy steps are enough together
        (4, [[0, 1, 2, 3], [4, 5, 6, 7, 8]]),
        (7, [[0, 1, 2, 3, 4, 5, 6, 7, 8]]),  # 6 are not enough, and the last group has three
        (5, [[0, 1, 2, 3, 4, 5], [6, 7, 8]]),  # the last step has what is left
        (100, [[0, 1, 2, 3, 4, 5, 6, 7, 8]]),
    ],
)
def test_groups_are_taken_whole_until_they_are_enough(enough: int, expected: list[list[int]]) -> None:
    group = torch.tensor([0, 0, 0, 2, 3, 3, 7, 7, 7])
    assert [rows.tolist() for rows in whole_groups(group, enough)] == expected


def test_where_a_step_ends_depends_on_nothing_after_it() -> None:
    group = torch.arange(40) // 3
    steps = [rows.tolist() for rows in whole_groups(group, 8)]
    for end in range(3, 40, 3):
        begun = [rows.tolist() for rows in whole_groups(group[:end], 8)]
        assert begun[:-1] == steps[: len(begun) - 1]


def test_of_nothing_there_are_no_steps() -> None:
    assert list(whole_groups(torch.empty(0, dtype=torch.int64), 4)) == []
