"""Checks of single values that a caller gives; each error names the value, the place and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from libero_gym.errors import Kind, LiberoGymError, OptionError, shown, unknown


def check_choice(
    what: str, value: object, allowed: Sequence[str], place: str, error: type[LiberoGymError] = OptionError
) -> str:
    """Return a value that is one of the allowed words.

    Raises:
        OptionError, or the given `error`: it is none of them.
    """
    if not isinstance(value, str) or value not in allowed:
        raise unknown(error, what, value, allowed, place)
    return value


def check_integer(what: str, value: object, low: int, high: int, place: str) -> int:
    """Return an integer in [low, high]; 3.0 counts as one, True and "3" do not.

    Raises:
        OptionError: it is not.
    """
    number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    if not number or not low <= value <= high or value % 1:  # type: ignore[operator]
        raise OptionError(f"{what} {shown(value)} in {place}; allowed: an integer from {low} to {high}")
    return int(value)  # type: ignore[call-overload]


def check_flag(what: str, value: object, place: str) -> bool:
    """Return True or False, NumPy's too; 1 and "yes" are neither.

    Raises:
        OptionError: it is neither.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise OptionError(f"{what} {shown(value)} in {place}; allowed: True or False")
    return bool(value)


def check_number(what: str, value: object, place: str) -> float:
    """Return a finite number.

    Raises:
        OptionError: it is not.
    """
    if isinstance(value, Real) and not isinstance(value, (bool, np.bool_)):
        try:
            number = float(value)
        except OverflowError:  # an integer of hundreds of digits
            number = math.inf
        if math.isfinite(number):
            return number
    raise OptionError(f"{what} {shown(value)} in {place}; allowed: a finite number")


def is_index(value: object) -> bool:
    """Return whether a value is an integer of Python's or NumPy's, and neither a bool nor a float."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def finite_array(error: type[Kind], what: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of finite numbers as float64.

    Args:
        error: what is raised.
        what: the argument's name, with which the message begins.
        value: what was given; whatever NumPy takes for an array of integers or floats.
        shape: the only shape that is allowed.

    Raises:
        Kind: it is not numbers, has another shape, or has NaN or infinity in it.
    """
    try:
        given = np.asarray(value)
    except Exception as failure:  # ragged lists, tensors of a GPU, and whatever else defines `__array__`
        raise error(f"{what} {shown(value)} is not an array of numbers; expected shape {shape}") from failure
    if given.dtype.kind not in "iuf":
        raise error(f"{what} {shown(value)} is not an array of numbers; expected shape {shape}")
    if given.shape != shape:
        raise error(f"{what} has shape {given.shape}; expected {shape}")
    with np.errstate(over="ignore"):  # long doubles may be finite, and infinite as float64
        checked = given.astype(np.float64, copy=False)
    if not np.isfinite(checked).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(checked))[0])
        raise error(f"{what} has {checked[place]} at {place}; all values must be finite")
    return checked
