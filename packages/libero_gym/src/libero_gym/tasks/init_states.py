"""The published initial states, and the ones that are left for training.

A state is LIBERO's flat float64 vector [time, qpos (nq), qvel (nv)].
"""

from __future__ import annotations

import functools
import lzma
import zipfile
from importlib.resources import files

import numpy as np

from libero_gym.errors import InitStateError, LiberoGymError, SplitError, unknown
from libero_gym.tasks.own import OWN_ENV_ID, OWN_EVAL_STATES, OWN_TRAIN_STATES, OwnTask
from libero_gym.tasks.pro import ProTask
from libero_gym.tasks.suites import SUITES, Task

SPLITS = ("eval", "train", "all")

#: LIBERO publishes no states beside the 50 of "eval" for these; theirs are sampled when a scene is compiled.
SAMPLED_SUITES = ("libero_object", "libero_goal")
SAMPLED_TRAIN_STATES = 50

#: Member of the file: SUITE/NAME/eval or SUITE/NAME/train, as `pack_states` packs them.
PUBLISHED = "init_states.zip"


@functools.lru_cache(maxsize=512)
def published_states(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return LIBERO's own states of a task: the 50 of the published evaluation, and the others of its longer file.

    `scripts/task_data.py` wrote them into one file.

    Returns:
        Two read-only arrays (M, 1 + nq + nv) float64, with no state in both.

    Raises:
        LiberoGymError: the file is missing or damaged.
    """
    path = files("libero_gym.tasks") / "data" / PUBLISHED
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            evaluation, train = (
                unpack_states(archive.read(f"{task.suite}/{task.name}/{split}")) for split in ("eval", "train")
            )
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise LiberoGymError(f"{path} is damaged ({error}); install libero-gym again") from error
    evaluation.setflags(write=False)
    train.setflags(write=False)
    return evaluation, train


def pack_states(states: np.ndarray) -> bytes:
    """Pack states (M, D) float64 so that they compress well: M and D, then each value's first bytes, second bytes, ...

    States of a task differ in few of their values.
    """
    count, size = states.shape
    planes = np.frombuffer(np.ascontiguousarray(states.T, dtype="<f8").tobytes(), np.uint8).reshape(-1, 8).T
    return np.array([count, size], dtype="<i8").tobytes() + planes.tobytes()


def unpack_states(packed: bytes) -> np.ndarray:
    """Return what `pack_states` packed.

    Raises:
        ValueError: it is of another form.
    """
    count, size = np.frombuffer(packed[:16], dtype="<i8").tolist()
    values = np.frombuffer(packed[16:], np.uint8).reshape(8, count * size).T
    return np.ascontiguousarray(np.frombuffer(values.tobytes(), "<f8").reshape(size, count).T)


def sampled_count(task: Task) -> int:
    """Return how many states are sampled when the scene of a task is compiled."""
    if isinstance(task, ProTask):
        return 0
    if isinstance(task, OwnTask):
        return OWN_EVAL_STATES + OWN_TRAIN_STATES
    return SAMPLED_TRAIN_STATES if task.suite in SAMPLED_SUITES else 0


def own_states(sampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Divide the sampled states of a task of one's own into those of "eval" and those of "train"."""
    return sampled[:OWN_EVAL_STATES], sampled[OWN_EVAL_STATES:]


def count_states(task: Task, split: str, published: tuple[np.ndarray, np.ndarray]) -> int:
    """Count the states that `InitStates` will have, without a compiled scene.

    Raises:
        SplitError: an unknown split.
    """
    sampled = np.empty((SAMPLED_TRAIN_STATES, published[0].shape[1]))
    return len(InitStates(task, split, published, sampled))


class InitStates:
    """The initial states of one split of a task."""

    def __init__(self, task: Task, split: str, published: tuple[np.ndarray, np.ndarray], sampled: np.ndarray) -> None:
        """
        Args:
            task: the task.
            split: "eval", the 50 published states; "train", states that are not among them: the rest of LIBERO's
                longer file, or where it has no more, `sampled`; "all", both, the published ones first.
            published: the task's, from `published_states` or from a bundle.
            sampled: (M, 1 + nq + nv) float64, from LIBERO's own placement samplers.

        Raises:
            SplitError: an unknown split.
        """
        if split not in SPLITS:
            place = OWN_ENV_ID if isinstance(task, OwnTask) else SUITES[task.suite][0]
            raise unknown(SplitError, "split", split, SPLITS, place)
        evaluation, others = published
        train = others if len(others) else sampled
        parts = {"eval": [evaluation], "train": [train], "all": [evaluation, train]}[split]
        self.split = split
        self._task = task
        self._states = np.concatenate(parts)

    def __len__(self) -> int:
        return len(self._states)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return state number `index`, (1 + nq + nv,) float64: [time, qpos, qvel].

        Raises:
            InitStateError: the split has fewer states.
        """
        if not 0 <= index < len(self._states):
            raise InitStateError(
                f"unknown init_state {index!r} of split {self.split!r} in {self._task.suite} task {self._task.index}; "
                f"allowed: 0..{len(self._states) - 1}"
            )
        return self._states[index]
