"""What a policy is to do in each moment of the demonstrations: the next C actions.

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

DISTURBED = 0.1
"""How far an executed number is from the meant one where the step counts as disturbed: a shove, not a tremor."""

OnEpisode = Callable[[int], None]
"""Takes how many episodes have been read."""


def kept_steps(actions: NDArray[np.floating], noop_threshold: float | None) -> NDArray[np.intp]:
    """Indices of the steps that are not no-ops, of actions (T, A).

    A no-op (OpenVLA, `regenerate_libero_dataset.py::is_noop`) moves nothing: the norm of its numbers but the last is
    below the threshold, and its last, the gripper's, is that of the last step that is kept; until there is one, only
    the former counts. All steps where `noop_threshold` is None.
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
    """(T, A) to (T, C, A): at each step its action and the C - 1 after it; past the end the last one is repeated."""
    at = np.arange(len(actions))[:, None] + np.arange(chunk)
    return np.asarray(actions[np.minimum(at, len(actions) - 1)], dtype=np.float32)


def foreseeable(actions: NDArray[np.floating], meant: NDArray[np.floating], chunk: int) -> NDArray[np.bool_]:
    """(T, C): which actions of each step's chunk answer to what is seen there.

    What a demonstrator means to do at a disturbed step still does; what comes after it answers to the disturbance,
    which nobody could foresee.
    """
    disturbed = np.abs(actions - meant).max(axis=-1) > DISTURBED
    at = np.arange(len(actions))[:, None] + np.arange(chunk)
    # past the end nothing is disturbed
    before = np.append(disturbed, False)[np.minimum(at, len(actions))].cumsum(axis=1)
    return np.concatenate([np.ones((len(actions), 1), dtype=bool), before[:, :-1] == 0], axis=1)


class PolicySteps:
    """All policy steps of some demonstrations, to be gathered in any order.

    Images are kept decoded in a temporary file without a name, mapped into memory: the operating system keeps of it
    what fits, and it is gone when the process is, however it ends.
    """

    def __init__(
        self, columns: Mapping[str | None, Any], chunks: NDArray[np.float32], learned: NDArray[np.bool_]
    ) -> None:
        """Use `read`."""
        self._columns = columns
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
        imitate: Literal["executed", "meant"] = "executed",
        on_episode: OnEpisode | None = None,
    ) -> "PolicySteps":
        """Read demonstrations once.

        Args:
            demonstrations: of `open_demonstrations`.
            steps: how many they have in all.
            chunk: C; None for an environment without chunks, whose actions are then (F, 1, A).
            keys: which parts of a dict of observations are kept; None: of observations that are no dict.
            noop_threshold: see `kept_steps`.
            imitate: "meant": where demonstrations say what was meant, that, as far as it is `foreseeable`.
            on_episode: called after each.

        Raises:
            DatasetError: a demonstration is damaged, none has a step that is kept, or the disk cannot hold their
                images.
        """
        columns: dict[str | None, Any] = {}
        chunks: list[NDArray[np.float32]] = []
        learned: list[NDArray[np.bool_]] = []
        filled = 0
        for number, one in enumerate(demonstrations, 1):
            rows = kept_steps(one.actions, noop_threshold)
            parts = one.observations if keys is not None else {None: one.observations}
            for key in keys if keys is not None else (None,):
                values = parts[key]
                if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
                    if key not in columns:
                        columns[key] = _array((steps, *values.shape[1:]), values.dtype)
                    columns[key][filled : filled + len(rows)] = values[rows]
                else:
                    columns.setdefault(key, []).extend(_text(values[row]) for row in rows)
            if len(rows):
                executed = one.actions[rows]
                shown = executed if one.meant is None or imitate == "executed" else one.meant[rows]
                chunks.append(chunk_targets(shown, chunk or 1))
                learned.append(foreseeable(executed, shown, chunk or 1))
            filled += len(rows)
            if on_episode is not None:
                on_episode(number)
        if not filled:
            raise DatasetError("the demonstrations have no step that is not a no-op; see algorithm.noop_threshold")
        return cls(columns, np.concatenate(chunks), np.concatenate(learned))

    def observations(self, rows: NDArray[np.intp]) -> Any:
        """The observations of some policy steps, batched as a vector environment's; arrays are copies."""
        taken = {
            key: column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]
            for key, column in self._columns.items()
        }
        return taken.get(None, taken)


def _array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Room for images in a file, for anything smaller in memory."""
    size = math.prod(shape) * dtype.itemsize
    if len(shape) < 4 or size == 0:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:
        try:
            # a mapped file that outgrows the disk kills the process: its room is taken before
            os.posix_fallocate(file.fileno(), 0, size)
        except AttributeError:  # not on every system
            file.truncate(size)
        except OSError as error:
            raise DatasetError(
                f"the demonstrations' images take {size / 2**30:.1f} GiB, which {tempfile.gettempdir()} has not "
                f"({error.strerror}); choose another disk by the variable TMPDIR"
            ) from error
        return np.memmap(file, dtype, "r+", shape=shape)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
