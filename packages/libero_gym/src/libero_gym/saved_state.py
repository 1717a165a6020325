"""An episode's state as bytes: what `LiberoEnv.save_state` returns and `reset(options={"state": ...})` takes.

    8 bytes "LIBEROST" | length of the header, uint32 | header, JSON | arrays, float64 | BLAKE2b of all before, 16 bytes

Numbers are little-endian. The header names the versions, the assets, the task and the physics that the state is of:
with others it is refused, because what follows would not be the same. Nothing in it is executed.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
import struct
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import mujoco
import numpy as np
from numpy.random.bit_generator import ISeedSequence

from libero_gym.engine.world_state import WorldState
from libero_gym.errors import OptionError, SavedStateError, shown
from libero_gym.options import EnvOptions
from libero_gym.provenance import same_assets
from libero_gym.shifts.request import parse_variants
from libero_gym.tasks.own import OwnTask
from libero_gym.tasks.pro import ProTask
from libero_gym.tasks.suites import Task

#: Raise it when the header or the arrays change.
FORMAT = 2
_MAGIC = b"LIBEROST"
_LENGTH = struct.Struct("<I")
_DIGEST_SIZE = 16
#: A header takes some 700 bytes.
_MAX_HEADER = 1 << 16
#: What it must have, and of which type.
_HEADER: dict[str, tuple[type, ...]] = {
    "format": (int,),
    "libero_gym": (str,),
    "mujoco": (str,),
    "assets": (str,),
    "assets_version": (str, type(None)),
    "physics_quality": (str,),
    "task_sha256": (str, type(None)),
    "suite": (str,),
    "task": (int,),
    "init_state_id": (int,),
    "seed": (int,),
    "elapsed_steps": (int,),
    "success": (bool,),
    "diverged": (bool,),
    "over": (bool,),
    "shift": (str,),
    "generator": (dict,),
    "progress": (list, type(None)),
    "arrays": (dict,),
}

#: Fields of a `SavedState` that stand in the header as they are.
_PLAIN = ("suite", "task", "init_state_id", "seed", "elapsed_steps", "success", "diverged", "over", "shift")


@dataclass(frozen=True)
class SavedState:
    """An episode's state, read and checked as far as no scene is needed."""

    suite: str
    """The task's own suite, e.g. "libero_spatial"."""
    task: int
    """Its index there."""
    init_state_id: int
    seed: int
    elapsed_steps: int
    success: bool
    diverged: bool
    over: bool
    shift: str
    """Id of its variants; empty where nothing is shifted."""
    generator: Mapping[str, Any]
    """State of the PCG64 that later episodes are sampled from."""
    progress: tuple[float, ...] | None
    """What the staged reward measures from; None with the sparse one."""
    world: WorldState
    digest: bytes | None = None
    """Checksum of the bytes that it was read from; None where it was not."""

    def make_generator(self) -> np.random.Generator:
        """Return a generator at that state."""
        return _generator(self.generator)


def encode(state: SavedState, options: EnvOptions) -> bytes:
    """Return a state as bytes, some 6 KB.

    Args:
        state: of an episode.
        options: of its environment.
    """
    arrays = state.world.arrays()
    header = {
        "format": FORMAT,
        **_circumstances(options, state.suite, state.task),
        **{key: getattr(state, key) for key in _PLAIN},
        "generator": state.generator,
        "progress": None if state.progress is None else list(state.progress),
        "arrays": {name: len(array) for name, array in arrays.items()},
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    numbers = np.concatenate(list(arrays.values())).astype("<f8").tobytes()
    content = _MAGIC + _LENGTH.pack(len(text)) + text + numbers
    return content + _digest(content)


#: States that were read last, with the bytes and the options: a search goes back to the same ones again and again.
_RECENT: OrderedDict[tuple[bytes, int], tuple[weakref.ref[EnvOptions], SavedState]] = OrderedDict()
_RECENT_MAX = 32


def decode(content: object, options: EnvOptions) -> SavedState:
    """Read a state for an environment; those that were read last are remembered.

    Args:
        content: what `save_state` has returned.
        options: of the environment that is to go on from it.

    Raises:
        SavedStateError: not such bytes, damaged ones, or those of another format, version, asset set, task or physics.
    """
    key = (bytes(content), id(options)) if isinstance(content, (bytes, bytearray, memoryview)) else None
    found = None if key is None else _RECENT.get(key)
    if found is not None and found[0]() is options:  # others may have got their id since
        return found[1]
    state = _decoded(content, options)
    if key is not None:
        _RECENT[key] = weakref.ref(options), state
        while len(_RECENT) > _RECENT_MAX:
            _RECENT.popitem(last=False)
    return state


def _decoded(content: object, options: EnvOptions) -> SavedState:
    header, numbers, digest = _read(content)
    if header.get("format") != FORMAT:
        raise SavedStateError(f"a saved state of format {shown(header.get('format'))}; this version reads {FORMAT}")
    for key, kinds in _HEADER.items():
        if key not in header or type(header[key]) not in kinds:
            raise SavedStateError(f"a saved state's header has {key} {shown(header.get(key))}")
    _check_circumstances(header, options)
    _task_of(header["suite"], header["task"], options)
    for key, low in (("init_state_id", -1), ("seed", 0), ("elapsed_steps", 0)):
        if not low <= header[key] < 2**63:
            raise SavedStateError(f"a saved state's header has {key} {shown(header[key])}")
    _check_shift(header["shift"], options)
    _generator(header["generator"])
    progress = header["progress"]
    if progress is not None and not all(type(number) is float and math.isfinite(number) for number in progress):
        raise SavedStateError(f"a saved state's header has progress {shown(progress)}")
    return SavedState(
        **{key: header[key] for key in _PLAIN},
        generator=header["generator"],
        progress=None if progress is None else tuple(progress),
        world=_world(header["arrays"], numbers),
        digest=digest,
    )


def task_of(state: SavedState, options: EnvOptions) -> Task:
    """Return the task of a state that was decoded for these options."""
    return _task_of(state.suite, state.task, options)


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_SIZE).digest()


@functools.cache
def _version() -> str:
    return version("libero-gym")


def _circumstances(options: EnvOptions, suite: str, index: int) -> dict[str, Any]:
    """Return what must be the same for the same to follow, with this task."""
    sha256 = next((task.sha256 for task in options.tasks if isinstance(task, OwnTask)), None)
    for task in options.tasks:
        if isinstance(task, ProTask) and (task.suite, task.index) == (suite, index):
            sha256 = task.sha256
    return {
        "libero_gym": _version(),
        "mujoco": mujoco.__version__,
        "assets": options.scenes.name,
        "assets_version": options.scenes.version,
        "physics_quality": options.physics_quality,
        # of a task that is none of LIBERO's
        "task_sha256": sha256,
    }


def _read(content: object) -> tuple[dict[str, Any], memoryview, bytes]:
    """Return the header, the numbers and the checksum of an undamaged state."""
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise SavedStateError(f"saved state {shown(content)}; allowed: the bytes that save_state() returned")
    view = memoryview(bytes(content))
    begin = len(_MAGIC) + _LENGTH.size
    if len(view) < begin + _DIGEST_SIZE or view[: len(_MAGIC)] != _MAGIC:
        raise SavedStateError(f"{len(view)} bytes that are no saved state; allowed: what save_state() returned")
    if _digest(view[:-_DIGEST_SIZE]) != view[-_DIGEST_SIZE:]:
        raise SavedStateError(f"a damaged saved state of {len(view)} bytes: its checksum is another one")
    (length,) = _LENGTH.unpack(view[len(_MAGIC) : begin])
    if length > min(_MAX_HEADER, len(view) - begin - _DIGEST_SIZE):
        raise SavedStateError(f"a saved state of {len(view)} bytes with a header of {length}")
    try:
        header = json.loads(bytes(view[begin : begin + length]))
    except (ValueError, RecursionError) as error:
        raise SavedStateError(f"a saved state's header cannot be read: {error}") from None
    if not isinstance(header, dict):
        raise SavedStateError(f"a saved state's header is {shown(header)}")
    return header, view[begin + length : -_DIGEST_SIZE], bytes(view[-_DIGEST_SIZE:])


def _check_circumstances(header: Mapping[str, Any], options: EnvOptions) -> None:
    here = _circumstances(options, header["suite"], header["task"])
    sets = [(made["assets"], made["assets_version"]) for made in (header, here)]
    for key, present in here.items():
        if header[key] == present or (key in ("assets", "assets_version") and same_assets(*sets)):
            continue
        raise SavedStateError(
            f"a saved state of {key} {shown(header[key])} in {options.suite.env_id} with {shown(present)}; it goes on "
            "only where all versions, the assets and the physics are those that it was saved with"
        )


def _check_shift(text: str, options: EnvOptions) -> None:
    """Check that a state's variants are some that an episode of this environment may have."""
    try:
        variants = parse_variants(text)
    except OptionError as error:
        raise SavedStateError(f"a saved state's header has shift {shown(text)}: {error}") from None
    asked = options.shift
    if not (not variants if asked is None else asked.pro is not None or asked.allows(variants)):
        here = "without a shift" if asked is None else f"with shift {asked.text!r}"
        raise SavedStateError(
            f"a saved state of shift {shown(text)} in {options.suite.env_id} {here}; it goes on where an "
            "environment's own episodes may be of that shift"
        )


def _task_of(suite: str, index: int, options: EnvOptions) -> Task:
    for task in options.tasks:
        if (task.suite, task.index) == (suite, index):
            return task
    allowed = ", ".join(f"{task.suite} {task.index}" for task in options.tasks)
    raise SavedStateError(f"a saved state of {suite} task {index} in {options.suite.env_id}; allowed: {allowed}")


class _NoSeed(ISeedSequence):
    """A seed of zeros, for a generator whose state is set at once: NumPy's own takes a quarter of the decoding."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        return np.zeros(n_words, dtype)


def _generator(state: Mapping[str, Any]) -> np.random.Generator:
    bits = np.random.PCG64(_NoSeed())  # type: ignore[arg-type]  # NumPy's annotation leaves the interface out
    try:
        bits.state = dict(state)  # type: ignore[assignment]
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise SavedStateError(f"a saved state's generator is {shown(state)}: {error}") from None
    return np.random.Generator(bits)


def _world(lengths: Mapping[str, Any], content: memoryview) -> WorldState:
    names = list(WorldState.__dataclass_fields__)
    sizes = list(lengths.values())
    if list(lengths) != names or any(type(size) is not int or size < 0 for size in sizes):
        raise SavedStateError(f"a saved state has arrays {shown(dict(lengths))}; expected {', '.join(names)}")
    if 8 * sum(sizes) != len(content):
        raise SavedStateError(f"a saved state has {len(content)} bytes of numbers; its header says {8 * sum(sizes)}")
    numbers = np.frombuffer(content, dtype="<f8").astype(np.float64)
    if not np.isfinite(numbers).all():
        raise SavedStateError("a saved state has NaN or infinity in it")
    ends = list(itertools.accumulate(sizes))
    return WorldState(*(numbers[end - size : end] for end, size in zip(ends, sizes, strict=True)))
