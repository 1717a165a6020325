"""Numbers as the files write them: one, or a range a-b whose end belongs to it."""

import re
from collections.abc import Iterable

_RANGE = re.compile(r"([0-9]+)(?:\s*-\s*([0-9]+))?")

MAX_NUMBER = 999_999_999
"""Above any count that is allowed, and small enough to count with."""


def read_range(text: str) -> range:
    """`3` -> 3, `0-3` -> 0, 1, 2, 3; there may be blanks around the dash.

    Raises:
        ValueError: anything else; the message goes on from the text, as in `is not a number or a range a-b`.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ValueError("is not a number or a range a-b")
    if any(len(number.lstrip("0")) > len(str(MAX_NUMBER)) for number in found.groups() if number is not None):
        raise ValueError(f"is above {MAX_NUMBER}")
    first = int(found[1])
    last = first if found[2] is None else int(found[2])
    if last < first:
        raise ValueError("ends before it begins")
    return range(first, last + 1)


def say_range(first: int, last: int) -> str:
    """`0-7`, or `0` where that is all; nothing is listed, so that a wrong number of any size can be named."""
    return str(first) if first == last else f"{first}-{last}"


def say_ranges(numbers: Iterable[int]) -> str:
    """The other way: {0, 1, 2, 5} -> `0-2,5`."""
    said: list[str] = []
    run: list[int] = []
    for number in [*sorted(set(numbers)), None]:
        if run and number != run[-1] + 1:
            said.append(say_range(run[0], run[-1]))
            run = []
        if number is not None:
            run.append(number)
    return ",".join(said)
