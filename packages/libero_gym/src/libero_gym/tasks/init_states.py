"""The published initial states, and the ones that are left for training.

A state is LIBERO's flat float64 vector [time, qpos (nq), qvel (nv)].
"""

from __future__ import annotations

import functools

import numpy as np

from libero_gym.errors import InitStateError, SplitError, unknown
from libero_gym.tasks.init_files import read_states
from libero_gym.tasks.suites import SUITES, Task, libero_folder

SPLITS = ("eval", "train", "all")

#: LIBERO publishes no states beside the 50 of "eval" for these; theirs are sampled when a scene is compiled.
SAMPLED_SUITES = ("libero_object", "libero_goal")
SAMPLED_TRAIN_STATES = 50


@functools.lru_cache(maxsize=512)
def published_states(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return LIBERO's own states of a task: the 50 of the published evaluation, and the others of its longer file.

    Returns:
        Two read-only arrays (M, 1 + nq + nv) float64, with no state in both.
    """
    folder = libero_folder() / "init_files" / task.suite
    evaluation = read_states(folder / f"{task.name}.pruned_init")
    longer = folder / f"{task.name}.init"
    seen = {state.tobytes() for state in evaluation}
    others = [state for state in read_states(longer) if state.tobytes() not in seen] if longer.exists() else []
    train = np.array(others).reshape(-1, evaluation.shape[1])
    evaluation.setflags(write=False)
    train.setflags(write=False)
    return evaluation, train


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
            raise unknown(SplitError, "split", split, SPLITS, SUITES[task.suite][0])
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
