"""A recorded episode: what is needed to repeat it exactly, in one .npz file.

format           1
suite task       "libero_spatial" and the task's name      split        of the initial states
init_state seed  as `LiberoEnv.reset` takes them           settle_steps before the first action
assets           the asset set's name and version          mujoco       the version that computed it
actions          (T, 7) float64                            success      whether it ended in success
final_state      (1 + nq + nv,) float64: [time, qpos, qvel] after the last action
shift            id of the episode's variants; empty, or absent in older files, where nothing is shifted
task_spec        definition of a task of your own, as JSON; empty, or absent in older files, for LIBERO's tasks
task_sha256      hash of that task and its own objects, as metadata has it; empty or absent as task_spec
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from libero_gym.engine.world import ACTION_SIZE
from libero_gym.env import LiberoEnv
from libero_gym.errors import LiberoGymError, RecordingError, shown
from libero_gym.own_task.source import OwnScenes
from libero_gym.provenance import same_assets
from libero_gym.tasks.own import OWN_SUITE
from libero_gym.tasks.suites import RUNNABLE

RECORDING_FORMAT = 1
#: Fields that older files lack.
_OPTIONAL = ("shift", "task_spec", "task_sha256")


@dataclass(frozen=True, eq=False)
class Recording:
    """A recorded episode."""

    suite: str
    task: str
    """The task's name."""
    split: str
    init_state: int
    seed: int
    settle_steps: int
    assets: str
    assets_version: str
    """Empty where the asset set's version is not known."""
    mujoco: str
    actions: np.ndarray
    """(T, 7) float64."""
    final_state: np.ndarray
    """(1 + nq + nv,) float64: [time, qpos, qvel]."""
    success: bool
    shift: str = ""
    """As `info["shift"]` has it."""
    task_spec: str = ""
    """`TaskSpec.to_json()` as text, of a task of your own."""
    task_sha256: str = ""
    """Hash of that task and its own objects."""

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            LiberoGymError: it cannot be written.
        """
        fields = {name: np.asarray(value) for name, value in vars(self).items()}
        work = path.with_name(f".{path.name}.{os.getpid()}.npz")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(work, format=RECORDING_FORMAT, **fields)  # type: ignore[arg-type]
            work.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                work.unlink()
            raise LiberoGymError(f"the recording {path} cannot be written ({error.strerror})") from error

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a file.

        Raises:
            RecordingError: it is missing, damaged, or of another format.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                if int(stored["format"]) != RECORDING_FORMAT:
                    raise RecordingError(
                        f"{path} has format {int(stored['format'])}; this libero-gym reads {RECORDING_FORMAT}"
                    )
                read = cls(
                    suite=str(stored["suite"]),
                    task=str(stored["task"]),
                    split=str(stored["split"]),
                    init_state=int(stored["init_state"]),
                    seed=int(stored["seed"]),
                    settle_steps=int(stored["settle_steps"]),
                    assets=str(stored["assets"]),
                    assets_version=str(stored["assets_version"]),
                    mujoco=str(stored["mujoco"]),
                    actions=np.asarray(stored["actions"], dtype=np.float64),
                    final_state=np.asarray(stored["final_state"], dtype=np.float64),
                    success=bool(stored["success"]),
                    **{name: str(stored[name]) for name in _OPTIONAL if name in stored},
                )
        except FileNotFoundError as error:
            raise RecordingError(f"{path} does not exist; record one with: libero-gym play --record FILE") from error
        except RecordingError:
            raise
        except Exception as error:  # zip, zlib and NumPy raise a dozen unrelated classes on a damaged file
            reason = f"{type(error).__name__}: {error}"[:200]
            raise RecordingError(f"{path} is not a whole recording of an episode ({reason})") from error
        if read.suite not in (*RUNNABLE, OWN_SUITE):
            raise RecordingError(f"{path} is of suite {read.suite!r}; allowed: {', '.join((*RUNNABLE, OWN_SUITE))}")
        if (read.suite == OWN_SUITE) != bool(read.task_spec):
            raise RecordingError(f"{path} is of suite {read.suite!r} with task_spec {shown(read.task_spec)}")
        if read.actions.ndim != 2 or read.actions.shape[1] != ACTION_SIZE or not np.isfinite(read.actions).all():
            raise RecordingError(f"{path} has actions of shape {read.actions.shape}; expected (T, 7), all finite")
        if read.final_state.ndim != 1 or not np.isfinite(read.final_state).all():
            raise RecordingError(f"{path} has final_state of shape {read.final_state.shape}; expected (D,), all finite")
        for name in ("init_state", "seed", "settle_steps"):
            if getattr(read, name) < 0:
                raise RecordingError(f"{path} has {name} {getattr(read, name)}; allowed: 0 and more")
        return read

    def check_assets(self, env: LiberoEnv) -> None:
        """Refuse to repeat it on another asset set, or with other objects of one's own.

        Raises:
            RecordingError: they differ.
        """
        task_sha256 = env.metadata.get("task_sha256", "")
        if self.task_sha256 != task_sha256:
            raise RecordingError(
                f"it was recorded in the task {self.task!r} of SHA-256 {self.task_sha256!r}, this one has "
                f"{task_sha256!r}: a file of an object has changed since"
            )
        name, version = env.asset_set, env.metadata["assets_version"] or ""
        if same_assets((self.assets, self.assets_version), (name, version)):
            return
        raise RecordingError(
            f"it was recorded on the asset set {self.assets!r} (version {self.assets_version or 'unknown'}), this is "
            f"{name!r} (version {version or 'unknown'}); name the same set with --assets"
        )


class Recorder:
    """Record what an environment does, from a reset on."""

    def __init__(self, env: LiberoEnv, split: str, settle_steps: int) -> None:
        """
        Args:
            env: the environment that is recorded.
            split: that it was made with.
            settle_steps: that it was made with.
        """
        self._env, self._split, self._settle_steps = env, split, settle_steps
        self._actions: list[np.ndarray] = []
        self._info: dict[str, object] = {}

    def begin(self, info: dict[str, object]) -> None:
        """Start anew with the info of a reset."""
        self._actions, self._info = [], dict(info)

    def add(self, action: np.ndarray, info: dict[str, object]) -> None:
        """Append an action that was executed, with the info of that step."""
        self._actions.append(np.array(action, dtype=np.float64))
        self._info = dict(info)

    def __len__(self) -> int:
        return len(self._actions)

    def finish(self) -> Recording:
        """Return the recording up to now."""
        info, env = self._info, self._env
        own = env.scenes if isinstance(env.scenes, OwnScenes) else None
        return Recording(
            suite=env.suite,
            task=str(info["task_name"]),
            split=self._split,
            init_state=int(str(info["init_state_id"])),
            seed=int(str(info["seed"])),
            settle_steps=self._settle_steps,
            assets=env.asset_set,
            assets_version=env.metadata["assets_version"] or "",
            mujoco=mujoco.__version__,
            actions=np.array(self._actions).reshape(-1, ACTION_SIZE),
            final_state=env.get_sim_state(),
            success=bool(info["success"]),
            shift=str(info.get("shift", "")),
            task_spec="" if own is None else json.dumps(own.to_json()),
            task_sha256="" if own is None else own.task.sha256,
        )


@dataclass(frozen=True)
class Repetition:
    """How a repeated episode ended."""

    steps: int
    success: bool
    difference: float
    """Largest difference of the final state from the recorded one; 0 where it was repeated exactly."""


def open_env(recording: Recording, assets: str | Path, **kwargs: object) -> LiberoEnv:
    """Make an environment that can repeat a recording.

    Args:
        recording: the episode.
        assets: see `LiberoEnv`.
        kwargs: what else `LiberoEnv` takes and the recording leaves open, such as `cameras`.

    Raises:
        RecordingError: `assets` is another set than the recorded one, or an object of one's own has changed.
        TaskSpecError: a file of such an object is gone.
    """
    env = LiberoEnv(
        recording.suite,
        task=None if recording.task_spec else recording.task,
        task_spec=_parsed(recording.task_spec) if recording.task_spec else None,
        split=recording.split,  # type: ignore[arg-type]  # LiberoEnv checks it
        assets=assets,
        settle_steps=recording.settle_steps,
        max_episode_steps=-1,
        shift=recording.shift or None,
        **kwargs,  # type: ignore[arg-type]
    )
    try:
        recording.check_assets(env)
    except RecordingError:
        env.close()
        raise
    return env


def _parsed(task_spec: str) -> object:
    try:
        return json.loads(task_spec)
    except ValueError as error:
        raise RecordingError(f"its task_spec is no JSON ({error}): {shown(task_spec)}") from error


def repeat(recording: Recording, env: LiberoEnv, show: Callable[[dict[str, object]], bool]) -> Repetition:
    """Execute the recorded actions.

    Args:
        recording: the episode.
        env: of `open_env`.
        show: called with each observation, the first before any action; returns whether to go on.
    """
    observation, info = env.reset(seed=recording.seed, options={"init_state": recording.init_state})
    steps = 0
    over = False
    for action in recording.actions:
        if over or not show(observation):
            break
        observation, _, terminated, truncated, info = env.step(action)
        steps += 1
        over = terminated or truncated
    else:
        show(observation)
    state = env.get_sim_state()
    same_size = state.shape == recording.final_state.shape
    difference = float(np.abs(state - recording.final_state).max()) if same_size else float("inf")
    return Repetition(steps, bool(info["success"]), difference)
