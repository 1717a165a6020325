"""Which rank evaluates which rows."""

import pytest
import torch

from vla_trainer.update.micro_batches import micro_batches, rows_of_ranks


def test_the_longest_rows_are_dealt_to_and_fro() -> None:
    # by length: rows 1 (9), 4 (8), 0 (5), 2 (5), 5 (2), 3 (1); ranks 0, 1, 2, 2, 1, 0
    parts = rows_of_ranks(torch.tensor([5, 9, 5, 1, 8, 2]), 3)
    assert [part.tolist() for part in parts] == [[1, 3], [4, 5], [0, 2]]  # 10 each, in their order


@pytest.mark.parametrize(("size", "ranks"), [(1, 1), (3, 4), (29, 4), (64, 8), (7, 7)])
def test_every_row_is_one_rank_s_and_no_rank_has_two_more(size: int, ranks: int) -> None:
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
    (only,) = micro_batches(torch.tensor([2]), 4, 1, 2)
    assert (only[0].tolist(), only[1]) == ([0], False)
