"""Read LIBERO's files of initial states: PyTorch zip archives that hold one pickled NumPy array.

Neither torch nor NumPy unpickles these files. NumPy's own classes believe a pickle: a forged data type makes them
read memory that is not theirs. So the pickle is run by Python's own interpreter of pickles, every class in it stands
for a plain record, and the array is made from the records once they have been checked.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from libero_gym.errors import LiberoGymError

#: Bytes of the largest file that is read; LIBERO's largest has 100 kB.
_LARGEST = 64_000_000


def read_states(path: Path) -> np.ndarray:
    """Read the states of one `.init` or `.pruned_init` file, (M, 1 + nq + nv) float64.

    Raises:
        LiberoGymError: the file is not an archive of one (M, D) array of finite float64 numbers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = next((item for item in archive.infolist() if item.filename.endswith("data.pkl")), None)
            if member is None:
                raise ValueError("it has no data.pkl")
            if member.file_size > _LARGEST:
                raise ValueError(f"its data.pkl has {member.file_size:,} bytes; at most {_LARGEST:,} are read")
            states = _RecordUnpickler(io.BytesIO(archive.read(member))).load()
        return _to_array(states)
    except Exception as error:  # a damaged file makes the interpreter of pickles and zip raise nearly any class
        reason = f"{type(error).__name__}: {error}"[:200]
        raise LiberoGymError(f"{path} is not a file of initial states: {reason}") from error


@dataclass
class _DType:
    """What a pickle gives `numpy.dtype`."""

    code: object
    state: object = None


@dataclass
class _Array:
    """What a pickle gives NumPy's `_reconstruct`, and then the array's `__setstate__`."""

    state: object = None


class _NDArray:
    """Stands for the class `numpy.ndarray`, which `_reconstruct` is given."""


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _dtype(code: object, *_: object) -> _DType:
    return _DType(code)


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Return bytes as Python 2's protocol spells them: `_codecs.encode(text, "latin1")`."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes are not spelt as latin1 text")
    return text.encode("latin1")


#: What a pickled array refers to, and nothing else. NumPy 2 renamed the module of its reconstructor.
_RECORDS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _NDArray,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
}


class _RecordUnpickler(pickle._Unpickler):
    """Makes the records above and refuses every other class.

    It is the interpreter that is written in Python: the one in C takes a forged index for an order of memory.
    """

    def find_class(self, module: str, name: str) -> object:
        try:
            return _RECORDS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of initial states") from None

    stack: list[object]

    def load_build(self) -> None:
        """Give a record its state; the interpreter itself would set attributes of whatever lies there."""
        state = self.stack.pop()
        record = self.stack[-1]
        if not isinstance(record, _DType | _Array):
            raise pickle.UnpicklingError(f"{type(record).__name__} has no state in a file of initial states")
        record.state = state

    dispatch: ClassVar[dict[int, Any]] = pickle._Unpickler.dispatch | {pickle.BUILD[0]: load_build}


def _to_array(record: object) -> np.ndarray:
    """Make the (M, D) float64 array that a checked record describes.

    Raises:
        ValueError: it describes another object.
    """
    if not isinstance(record, _Array):
        raise ValueError(f"it holds {type(record).__name__}, not an array")
    if not isinstance(record.state, tuple) or len(record.state) != 5:
        raise ValueError("its array has no contents")
    _, shape, dtype, fortran, content = record.state
    # numpy.dtype("f8").__reduce__(): ("f8", False, True), state (3, "<", None, None, None, -1, -1, 0)
    little = isinstance(dtype, _DType) and isinstance(dtype.state, tuple) and dtype.state[1:2] == ("<",)
    if not (isinstance(dtype, _DType) and dtype.code == "f8" and little):
        raise ValueError("its array is not of little-endian float64")
    numbers = isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)
    if not numbers or len(shape) != 2:
        raise ValueError(f"its array has shape {shape!r}, not (states, values)")
    if not isinstance(content, bytes) or len(content) != 8 * shape[0] * shape[1]:
        raise ValueError(f"its array of shape {shape} has other bytes than that")
    states = np.frombuffer(content, dtype="<f8").reshape(shape, order="F" if fortran is True else "C")
    if not np.isfinite(states).all():
        raise ValueError("its array has values that are not finite")
    return np.array(states, dtype=np.float64, order="C")
