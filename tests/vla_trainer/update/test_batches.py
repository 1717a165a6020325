"""How a batch is cut, and which entries count."""

import pytest
import torch

from vla_trainer.update.batches import (
    at_level,
    entries,
    micro_batches,
    rows_of_ranks,
    shuffled,
    token_mask,
    whole_groups,
)

# C = 2 actions of A = 3
LENGTHS = torch.tensor([2, 1])
MASK = token_mask(LENGTHS, 6, 3)
LOG_PROBS = torch.tensor([[0.0, 1, 2, 3, 4, 5], [6.0, 7, 8, float("nan"), 10, 11]])


def test_every_epoch_has_every_row_in_another_order_and_equal_parts() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = list(shuffled(10, 4, generator)), list(shuffled(10, 4, generator))
    assert [len(part) for part in first] == [len(part) for part in second] == [4, 3, 3]
    assert sorted(torch.cat(first).tolist()) == sorted(torch.cat(second).tolist()) == list(range(10))
    assert not torch.equal(torch.cat(first), torch.cat(second))
    assert [len(part) for part in shuffled(10, None, generator)] == [10]


@pytest.mark.parametrize(
    ("min_size", "expected"),
    [
        (1, [[0, 1, 2], [3], [4, 5], [6, 7, 8]]),
        (3, [[0, 1, 2], [3, 4, 5], [6, 7, 8]]),  # 1 + 2 policy steps are enough together
        (4, [[0, 1, 2, 3], [4, 5, 6, 7, 8]]),
        (7, [[0, 1, 2, 3, 4, 5, 6, 7, 8]]),  # 6 are not enough, and the last group has three
        (5, [[0, 1, 2, 3, 4, 5], [6, 7, 8]]),  # the last step has what is left
        (100, [[0, 1, 2, 3, 4, 5, 6, 7, 8]]),
    ],
)
def test_groups_are_taken_whole_until_they_are_enough(min_size: int, expected: list[list[int]]) -> None:
    group = torch.tensor([0, 0, 0, 2, 3, 3, 7, 7, 7])
    assert [rows.tolist() for rows in whole_groups(group, min_size)] == expected


def test_where_a_step_ends_depends_on_nothing_after_it() -> None:
    group = torch.arange(40) // 3
    steps = [rows.tolist() for rows in whole_groups(group, 8)]
    for end in range(3, 40, 3):
        begun = [rows.tolist() for rows in whole_groups(group[:end], 8)]
        assert begun[:-1] == steps[: len(begun) - 1]


def test_of_nothing_there_are_no_steps() -> None:
    assert list(whole_groups(torch.empty(0, dtype=torch.int64), 4)) == []


def test_the_longest_rows_are_dealt_to_and_fro() -> None:
    # by length: rows 1 (9), 4 (8), 0 (5), 2 (5), 5 (2), 3 (1); ranks 0, 1, 2, 2, 1, 0
    parts = rows_of_ranks(torch.tensor([5, 9, 5, 1, 8, 2]), 3)
    assert [part.tolist() for part in parts] == [[1, 3], [4, 5], [0, 2]]  # 10 each, in their order


@pytest.mark.parametrize(("size", "ranks"), [(1, 1), (3, 4), (29, 4), (64, 8), (7, 7)])
def test_every_row_has_one_rank_and_no_rank_has_two_more(size: int, ranks: int) -> None:
    lengths = torch.randint(1, 9, (size,), generator=torch.Generator().manual_seed(size))
    parts = rows_of_ranks(lengths, ranks)
    assert sorted(torch.cat(parts).tolist()) == list(range(size))
    assert all(part.tolist() == sorted(part.tolist()) for part in parts)
    counts = [len(part) for part in parts]
    assert max(counts) - min(counts) <= 1
    if size >= 4 * ranks:
        tokens = [int(lengths[part].sum()) for part in parts]
        assert max(tokens) - min(tokens) <= 8  # at most the longest row


def test_one_rank_has_the_rows_as_they_are() -> None:
    parts = list(micro_batches(torch.tensor([1, 3, 2, 3, 1]), 2))
    assert [(part.tolist(), counts) for part, counts in parts] == [([0, 1], True), ([2, 3], True), ([4], True)]


def test_all_ranks_have_equally_many_micro_batches() -> None:
    # 5 equal rows on 4 ranks: rank 3, where the deal turns, has rows 3 and 4
    of_ranks = [list(micro_batches(torch.ones(5, dtype=torch.int64), 1, rank, 4)) for rank in range(4)]
    assert [[(part.tolist(), counts) for part, counts in parts] for parts in of_ranks] == [
        [([0], True), ([0], False)],
        [([1], True), ([1], False)],
        [([2], True), ([2], False)],
        [([3], True), ([4], True)],
    ]


def test_a_rank_without_rows_borrows_one() -> None:
    ((part, counts),) = micro_batches(torch.tensor([2]), 4, 1, 2)
    assert (part.tolist(), counts) == ([0], False)


def test_tokens_of_actions_that_were_not_carried_out_do_not_count() -> None:
    assert MASK.int().tolist() == [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]]


def test_sums() -> None:
    per_token, valid = at_level(LOG_PROBS, MASK, "token_level", 3)
    assert per_token.shape == valid.shape == (2, 6)
    per_action, valid = at_level(LOG_PROBS, MASK, "action_level", 3)
    # 0 + 1 + 2, 3 + 4 + 5; 6 + 7 + 8, nothing
    assert per_action.tolist() == [[3, 12], [21, 0]]
    assert valid.tolist() == [[True, True], [True, False]]
    per_chunk, valid = at_level(LOG_PROBS, MASK, "chunk_level", 3)
    assert per_chunk.tolist() == [[15], [21]]
    assert valid.all()


def test_entries() -> None:
    assert entries(LENGTHS, "token_level", 3).tolist() == [6, 3]
    assert entries(LENGTHS, "action_level", 3).tolist() == [2, 1]
    assert entries(LENGTHS, "chunk_level", 3).tolist() == [1, 1]
