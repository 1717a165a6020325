"""Numbers and ranges, read and written."""

import pytest

from vla_trainer.placement.ranges import read_range, say_ranges


def test_read() -> None:
    assert read_range("3") == range(3, 4)
    assert read_range("0-3") == read_range("0 - 3") == range(4)
    with pytest.raises(ValueError, match="ends before it begins"):
        read_range("3-0")
    for text in ("", "-", "1-", "a", "1.0", " 1", "\u0663"):  # the last one is a digit, but not one of ours
        with pytest.raises(ValueError, match="is not a number or a range a-b"):
            read_range(text)


def test_numbers_of_any_length_are_refused_at_once() -> None:
    assert read_range("0-999999999") == range(10**9)
    for text in ("1000000000", "0-999999999999", "9" * 10_000):
        with pytest.raises(ValueError, match="is above 999999999"):
            read_range(text)


def test_say() -> None:
    assert say_ranges([]) == ""
    assert say_ranges({4}) == "4"
    assert say_ranges([2, 0, 1, 5, 7, 8, 8]) == "0-2,5,7-8"
