"""Find numbers in arrays that are not finite."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def first_bad(values: NDArray[Any]) -> tuple[int, ...] | None:
    """Return the index of the first number that is NaN or infinite; None where all are finite.

    One pass over the numbers and no second array, where all are.
    """
    # a sum of finite numbers may overflow: then they are checked one by one
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):
            return None
    bad = np.argwhere(~np.isfinite(values))
    return tuple(bad[0].tolist()) if len(bad) else None


def float_arrays(obs: Any, name: str = "observation") -> Iterator[tuple[str, NDArray[np.floating]]]:
    """Yield the arrays of floating-point numbers in an observation or a dict or tuple of them, with their names."""
    if isinstance(obs, Mapping):
        for key, part in obs.items():
            yield from float_arrays(part, f'{name}["{key}"]')
    elif isinstance(obs, tuple):
        for index, part in enumerate(obs):
            yield from float_arrays(part, f"{name}[{index}]")
    elif isinstance(obs, np.ndarray) and obs.dtype.kind == "f":
        yield name, obs


def index_text(index: tuple[int, ...] | list[int]) -> str:
    """Return an index as it stands behind a name in a message: `[3][1]`."""
    return "".join(f"[{number}]" for number in index)
