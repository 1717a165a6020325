"""The observation and action spaces."""

from __future__ import annotations

import ctypes
import multiprocessing
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import DependencyNotInstalled
from gymnasium.vector.utils import create_shared_memory, read_from_shared_memory, write_to_shared_memory

from libero_gym.engine import privileged
from libero_gym.engine.world import ACTION_SIZE
from libero_gym.options import EnvOptions
from libero_gym.render.renderer import CAMERAS, depth_key, segmentation_key
from libero_gym.tasks.definition import INSTRUCTION_CHARACTERS, INSTRUCTION_LENGTH

STATE_SIZE = 8
#: Upper bound of a segmentation; how many geoms there are is a matter of the task.
MAX_GEOM_ID = np.iinfo(np.int32).max


def observation_space(options: EnvOptions) -> spaces.Dict:
    """Return the space of an environment's observations.

    `image` and `wrist_image` (H, W, 3) uint8, as far as their cameras are in use; `state` (8,) float32: eef position
    (metres, world), eef axis-angle (radians), finger positions (metres); `instruction`, a sentence, unless it is left
    out. With `depth` also `image_depth` and `wrist_image_depth` (H, W, 1) float32, metres; with `segmentation`
    `image_segmentation` and `wrist_image_segmentation` (H, W, 1) int32, geom ids, -1 for none; with `privileged`
    `privileged_state` (P,) float32, see `libero_gym.engine.privileged`.
    """
    size = options.image_size
    parts: dict[str, spaces.Space] = {
        CAMERAS[camera][0]: spaces.Box(0, 255, (size, size, 3), np.uint8) for camera in options.cameras
    }
    if options.depth:
        parts |= {depth_key(camera): spaces.Box(0.0, np.inf, (size, size, 1), np.float32) for camera in options.cameras}
    if options.segmentation:
        parts |= {
            segmentation_key(camera): spaces.Box(-1, MAX_GEOM_ID, (size, size, 1), np.int32)
            for camera in options.cameras
        }
    parts["state"] = spaces.Box(-np.inf, np.inf, (STATE_SIZE,), np.float32)
    if options.privileged:
        parts["privileged_state"] = spaces.Box(-privileged.LIMIT, privileged.LIMIT, (privileged.SIZE,), np.float32)
    if options.instruction:
        # sentences of LIBERO-PRO's files have characters that LIBERO's do not
        others = sorted({*"".join(task.instruction for task in options.tasks)} - {*INSTRUCTION_CHARACTERS})
        charset = INSTRUCTION_CHARACTERS + "".join(others)
        parts["instruction"] = InstructionSpace(INSTRUCTION_LENGTH, min_length=1, charset=charset)
    return spaces.Dict(parts)


def action_space(options: EnvOptions) -> spaces.Box:
    """Return the space (7,) or, with chunks, (C, 7) of actions in [-1, 1].

    Change of eef position (5 cm each), of its orientation (0.5 rad each, axis-angle, world frame), and the gripper (-1
    opens, +1 closes).
    """
    shape = (ACTION_SIZE,) if options.action_chunk is None else (options.action_chunk, ACTION_SIZE)
    return spaces.Box(-1.0, 1.0, shape, np.float32)


class InstructionSpace(spaces.Text):
    """Gymnasium's `Text`, which also goes through the shared memory of `AsyncVectorEnv`.

    Gymnasium (1.4) reads a `Text` out of that memory once, before the first reset, and repeats what it found there for
    ever. The functions below are registered for this class: a sentence is written as UTF-32 and read when it is used.
    They are registered where the class is defined, so a worker process has them as soon as it unpickles a space.
    """


class SharedSentences(Sequence[str]):
    """The sentences of N environments in memory that their processes share, as they are at the moment.

    A copy is a tuple of strings, which is what `AsyncVectorEnv` returns unless `copy=False`.
    """

    def __init__(self, codes: np.ndarray) -> None:
        """
        Args:
            codes: (N, L) int32, code points, zeros after a sentence's end.
        """
        self._codes = codes

    def __len__(self) -> int:
        return len(self._codes)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self)[index]
        codes = self._codes[index]
        return "".join(map(chr, codes[codes > 0]))

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (tuple, list, SharedSentences)) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __copy__(self) -> tuple[str, ...]:
        return tuple(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> tuple[str, ...]:
        return tuple(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (list(self),)


@create_shared_memory.register(InstructionSpace)
def _create_sentences(space: InstructionSpace, n: int = 1, ctx: Any = multiprocessing) -> Any:
    return ctx.Array(ctypes.c_int32, n * space.max_length)


@read_from_shared_memory.register(InstructionSpace)
def _read_sentences(space: InstructionSpace, shared_memory: Any, n: int = 1) -> SharedSentences:
    return SharedSentences(_codes(space, shared_memory, n))


@write_to_shared_memory.register(InstructionSpace)
def _write_sentence(space: InstructionSpace, index: int, values: str, shared_memory: Any) -> None:
    row = _codes(space, shared_memory, -1)[index]
    row[: len(values)] = [ord(letter) for letter in values]
    row[len(values) :] = 0


def _codes(space: InstructionSpace, shared_memory: Any, n: int) -> np.ndarray:
    return np.frombuffer(shared_memory.get_obj(), dtype=np.int32).reshape(n, space.max_length)


def _keep_text() -> None:
    """Let Gymnasium's `NumpyToTorch` and its kin hand on text as it is, in observations and in `info`.

    Gymnasium (1.4) takes a sentence for a sequence of arrays and makes the text of a generator of it, and fails at
    arrays of sentences. Neither these wrappers nor this are there without array-api-compat.
    """
    try:
        from gymnasium.wrappers.array_conversion import array_conversion
    except (ImportError, DependencyNotInstalled):
        return
    convert = array_conversion.dispatch(np.ndarray)
    array_conversion.register(str, lambda value, xp, device=None: value)
    array_conversion.register(
        np.ndarray,
        lambda value, xp, device=None: value if value.dtype.kind in "OU" else convert(value, xp, device),
    )


_keep_text()
