"""Cut demonstrations into policy steps: an observation and the next C actions.

Axes: T steps of an episode, F policy steps of all episodes, C actions a chunk, A action dimensions.
"""

import math
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vla_trainer.errors import DatasetError
from vla_trainer.sft.dataset import Demonstration

DISTURBANCE_THRESHOLD = 0.1
"""A step whose executed action is further than this from the intended one, in any number, is disturbed; what is below
is action noise."""

OnEpisode = Callable[[int], None]
"""Called with the number of episodes that have been read."""


def kept_steps(actions: NDArray[np.floating], noop_threshold: float | None) -> NDArray[np.intp]:
    """Return the indices of the steps of actions (T, A) that are not no-ops.

    A no-op (OpenVLA, `regenerate_libero_dataset.py::is_noop`) moves nothing: the norm of its numbers but the last is
    below the threshold, and its last, the gripper's, is that of the last step that is kept; until there is one, only
    the former counts. All steps are kept where `noop_threshold` is None.
    """
    if noop_threshold is None:
        return np.arange(len(actions))
    kept: list[int] = []
    for step, action in enumerate(actions):
        still = bool(np.linalg.norm(action[:-1]) < noop_threshold)
        if not (still and (not kept or action[-1] == actions[kept[-1], -1])):
            kept.append(step)
    return np.array(kept, dtype=np.intp)


def chunk_targets(actions: NDArray[np.floating], chunk: int) -> NDArray[np.float32]:
    """Return (T, C, A): each step's action and the C - 1 after it; past the end the last action is repeated."""
    index = np.arange(len(actions))[:, None] + np.arange(chunk)
    return np.asarray(actions[np.minimum(index, len(actions) - 1)], dtype=np.float32)


def foreseeable(actions: NDArray[np.floating], intended: NDArray[np.floating], chunk: int) -> NDArray[np.bool_]:
    """Return (T, C): which actions of each step's chunk follow from that step's observation.

    The intended action of a disturbed step does; later ones correct the disturbance, which the observation before it
    does not show.
    """
    disturbed = np.abs(actions - intended).max(axis=-1) > DISTURBANCE_THRESHOLD
    index = np.arange(len(actions))[:, None] + np.arange(chunk)
    # past the end nothing is disturbed
    disturbances = np.append(disturbed, False)[np.minimum(index, len(actions))].cumsum(axis=1)
    return np.concatenate([np.ones((len(actions), 1), dtype=bool), disturbances[:, :-1] == 0], axis=1)


class PolicySteps:
    """All policy steps of some demonstrations, which can be gathered in any order.

    Images are kept decoded in a nameless temporary file that is mapped into memory: the operating system caches what
    fits, and the file is gone when the process ends, however it ends.
    """

    def __init__(
        self, observations: Mapping[str | None, Any], chunks: NDArray[np.float32], learned: NDArray[np.bool_]
    ) -> None:
        """Use `read`."""
        self._observations = observations
        self.chunks = chunks
        """(F, C, A) float32, in the environment's units."""
        self.learned = learned
        """(F, C) bool: which of these actions are learned from."""

    def __len__(self) -> int:
        return len(self.chunks)

    @classmethod
    def read(
        cls,
        demonstrations: Iterable[Demonstration],
        steps: int,
        *,
        chunk: int | None,
        keys: Sequence[str] | None,
        noop_threshold: float | None = None,
        imitate: Literal["executed", "intended"] = "executed",
        on_episode: OnEpisode | None = None,
    ) -> "PolicySteps":
        """Read demonstrations once.

        Args:
            demonstrations: of `open_demonstrations`.
            steps: how many they have in all.
            chunk: C; None for an environment without chunks, whose actions are then (F, 1, A).
            keys: which parts of a dict of observations are kept; None: observations are no dict.
            noop_threshold: see `kept_steps`.
            imitate: "intended": intended actions where demonstrations have them, as far as they are `foreseeable`.
            on_episode: called after each episode.

        Raises:
            DatasetError: a demonstration is damaged, none has a step that is kept, or the disk cannot hold their
                images.
        """
        observations: dict[str | None, Any] = {}
        chunks: list[NDArray[np.float32]] = []
        learned: list[NDArray[np.bool_]] = []
        filled = 0
        for number, demonstration in enumerate(demonstrations, 1):
            rows = kept_steps(demonstration.actions, noop_threshold)
            parts = demonstration.observations if keys is not None else {None: demonstration.observations}
            for key in keys if keys is not None else (None,):
                values = parts[key]
                if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
                    if key not in observations:
                        observations[key] = _array((steps, *values.shape[1:]), values.dtype)
                    observations[key][filled : filled + len(rows)] = values[rows]
                else:
                    observations.setdefault(key, []).extend(_text(values[row]) for row in rows)
            if len(rows):
                executed, intended = demonstration.actions[rows], demonstration.intended
                target = executed if intended is None or imitate == "executed" else intended[rows]
                chunks.append(chunk_targets(target, chunk or 1))
                learned.append(foreseeable(executed, target, chunk or 1))
            filled += len(rows)
            if on_episode is not None:
                on_episode(number)
        if not filled:
            raise DatasetError("the demonstrations have no step that is not a no-op; see algorithm.noop_threshold")
        return cls(observations, np.concatenate(chunks), np.concatenate(learned))

    def observations(self, rows: NDArray[np.intp]) -> Any:
        """Return the observations of some policy steps, batched as a vector environment's; arrays are copies."""
        taken = {
            key: values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
            for key, values in self._observations.items()
        }
        return taken.get(None, taken)


def _array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Allocate images in a file, anything smaller in memory."""
    size = math.prod(shape) * dtype.itemsize
    if len(shape) < 4 or size == 0:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:
        try:
            # a mapped file that outgrows the disk kills the process: its space is allocated before
            os.posix_fallocate(file.fileno(), 0, size)
        except AttributeError:  # not on every system
            file.truncate(size)
        except OSError as error:
            raise DatasetError(
                f"the demonstrations' images take {size / 2**30:.1f} GiB, which {tempfile.gettempdir()} does not have "
                f"({error.strerror}); choose another disk by the variable TMPDIR"
            ) from error
        return np.memmap(file, dtype, "r+", shape=shape)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
