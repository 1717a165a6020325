"""An attempt at a demonstration: first without rendering, which costs most, then rendered if it is kept."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import mujoco
import numpy as np

from libero_gym.demos.episode_file import Demonstration, warn_renamed, write_episode
from libero_gym.demos.schedule import EXPERT, Attempt, DemoSchedule, expert_rng
from libero_gym.engine.world import ACTION_SIZE, World, check_action
from libero_gym.episode import Episode
from libero_gym.errors import LiberoGymError, OptionError
from libero_gym.observation import observe
from libero_gym.options import EnvOptions
from libero_gym.render.renderer import Renderer
from libero_gym.shared_models import SharedModels
from libero_gym.tasks.own import OwnTask


class Demonstrator(Protocol):
    """An expert.

    It may have `notes`, sentences on what it did, and `intended` (7,): the latest action without action noise and
    disturbance.
    """

    def actions(self) -> Iterable[np.ndarray]:
        """Yield actions (7,) in [-1, 1] for the present state of the world, until it gives up."""


@dataclass(frozen=True)
class AttemptResult:
    """The outcome of an attempt."""

    attempt: Attempt
    steps: int
    success: bool
    file: Path | None = None
    """File of its episode, if that was kept."""
    reason: str = ""
    """Why it failed."""
    impossible: bool = False
    """The expert refuses the task, so that other attempts are of no use."""


def load_expert(name: str) -> Callable[[World, np.random.Generator], Demonstrator]:
    """Import the expert that "module:attribute" names.

    Raises:
        OptionError: there is none.
    """
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute or "Expert")
    except (ImportError, AttributeError) as error:
        if name == EXPERT:
            raise OptionError(
                f"this libero-gym has no scripted expert ({error}); name your own: --expert MODULE:ATTRIBUTE"
            ) from error
        raise OptionError(f"--expert {name!r} cannot be imported ({error}); allowed: MODULE:ATTRIBUTE") from error
    if not callable(found):
        raise OptionError(f"--expert {name!r} is not callable; expected a callable of (world, rng)")
    return found


class EpisodeRunner:
    """Runs episodes of any task of a suite; keeps the models of one task at a time."""

    def __init__(self, options: EnvOptions) -> None:
        self.options = options
        self._models = SharedModels(options)
        self._episode = Episode(options, self._models)
        self._task = -1

    def begin(self, task: int, seed: int, **options: object) -> Episode:
        """Start an episode; `options` is `init_state` or `sim_state`, as `LiberoEnv.reset` takes them."""
        if task != self._task:
            self.close()
            self._models = SharedModels(self.options)
            self._episode, self._task = Episode(self.options, self._models), task
        self._episode.begin(seed, {"task": task, **options})
        return self._episode

    def close(self) -> None:
        """Free the renderer's memory."""
        renderer = Renderer.made_in_thread().get(self.options.render_device)
        if renderer is not None:
            for shared in self._models.loaded():
                renderer.release(shared)


class AttemptWorker:
    """Makes attempts of a schedule, in a process of its own."""

    def __init__(self, schedule: DemoSchedule, folder: Path) -> None:
        """
        Args:
            schedule: what to record.
            folder: receives the episodes' files.

        Raises:
            OptionError: there is no such expert.
        """
        self._schedule, self._folder = schedule, folder
        self._make_expert = load_expert(schedule.expert)
        self._runner = EpisodeRunner(schedule.options())

    def __call__(self, attempt: Attempt) -> AttemptResult:
        """Make an attempt, and write its episode if it is kept.

        Raises:
            LiberoGymError: the scene, a rendered image or the file cannot be made.
        """
        episode = self._runner.begin(attempt.task, attempt.seed, init_state=attempt.init_state)
        try:
            expert = self._make_expert(episode.world, expert_rng(attempt.seed))
        except LiberoGymError as error:
            return AttemptResult(attempt, 0, False, reason=str(error), impossible=True)
        except Exception as error:
            return AttemptResult(attempt, 0, False, reason=_describe_error(error))
        actions, intended, failure = _act(episode, expert)
        notes = [str(note) for note in getattr(expert, "notes", [])]
        if not episode.success:
            failure = failure or (notes[-1] if notes else _describe_end(episode))
        if not len(actions) or not (episode.success or self._schedule.keep_failures):
            return AttemptResult(attempt, len(actions), False, reason=failure)
        final_state = episode.world.get_sim_state()
        demonstration = self._render(attempt, actions, intended, notes)
        if not np.array_equal(demonstration.sim_states[-1], final_state):
            raise LiberoGymError(
                f"{attempt} ended in another state when it was executed again; the simulation does not repeat"
            )
        path = self._folder / attempt.file_name
        write_episode(path, demonstration)
        return AttemptResult(attempt, len(actions), episode.success, path, failure)

    def close(self) -> None:
        """Free the renderer's memory."""
        self._runner.close()

    def _render(
        self, attempt: Attempt, actions: np.ndarray, intended: np.ndarray | None, notes: list[str]
    ) -> Demonstration:
        """Execute the actions (T, 7) again and render the observations."""
        episode = self._runner.begin(attempt.task, attempt.seed, init_state=attempt.init_state)
        options, world = self._runner.options, episode.world
        steps = len(actions)
        observations = [observe(episode, options)]
        states = [world.get_sim_state()]
        rewards, terminated, truncated = np.zeros(steps), np.zeros(steps, dtype=bool), np.zeros(steps, dtype=bool)
        for step, action in enumerate(actions):
            outcome = episode.advance(action)
            observations.append(observe(episode, options))
            states.append(world.get_sim_state())
            rewards[step], terminated[step] = outcome.rewards.sum(), outcome.terminated
            truncated[step] = outcome.truncated
        truncated[-1] = not terminated[-1]  # also where the expert gave up before the time limit
        attributes = {
            **describe_episode(episode, options),
            "seed": attempt.seed,
            "options/task": attempt.task,
            "options/init_state": attempt.init_state,
            "init_state": attempt.init_state,
            "attempt": attempt.number,
            "notes": json.dumps(notes),
        }
        keys = [key for key in observations[0] if key != "instruction"]
        return Demonstration(
            observations={key: np.stack([observation[key] for observation in observations]) for key in keys},
            instruction=episode.task.instruction,
            actions=actions,
            rewards=rewards,
            terminations=terminated,
            truncations=truncated,
            sim_states=np.stack(states),
            intended_actions=intended,
            attributes=attributes,
        )


def describe_episode(episode: Episode, options: EnvOptions) -> dict[str, Any]:
    """Return the attributes of an episode that describe its environment, after its last step."""
    world, task = episode.world, episode.task
    bodies = [fixture.body for fixture in world.scene.table.fixtures]
    names = [mujoco.mj_id2name(world.model, mujoco.mjtObj.mjOBJ_BODY, body) for body in bodies]
    return {
        "task_id": task.id,
        "task_name": task.name,
        "instruction": task.instruction,
        "suite": options.suite.name,
        "split": options.split,
        "success": episode.success,
        "settle_steps": options.settle_steps,
        **({"task_sha256": task.sha256} if isinstance(task, OwnTask) else {}),
        "asset_set": options.scenes.name,
        "asset_version": options.scenes.version or "",
        "mujoco": mujoco.__version__,
        "fixtures": json.dumps(names),
        "fixture_positions": world.model.body_pos[bodies].reshape(-1, 3),
        "fixture_quaternions": world.model.body_quat[bodies].reshape(-1, 4),
    }


def _act(episode: Episode, expert: Demonstrator) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Execute an expert's actions until they or the episode end.

    Returns the executed actions (T, 7), the intended ones (T, 7) if the expert gives them, and what failed.
    """
    executed: list[np.ndarray] = []
    intended: list[np.ndarray] = []
    try:
        for commanded in expert.actions():
            action = _executable(commanded)
            if (latest := _intended_action(expert)) is not None:
                intended.append(_executable(latest))
            executed.append(action)
            episode.advance(action)
            if episode.over:
                break
        failure = ""
    except Exception as error:
        failure = _describe_error(error)
    return _stack(executed), _stack(intended) if len(intended) == len(executed) else None, failure


def _intended_action(expert: Demonstrator) -> np.ndarray | None:
    """Return an expert's `intended`; `meant`, as it was called before, is read with a warning."""
    if (intended := getattr(expert, "intended", None)) is not None:
        return intended
    if (old := getattr(expert, "meant", None)) is not None:
        warn_renamed("an expert's attribute `meant`", "`intended`")
    return old


def _stack(actions: list[np.ndarray]) -> np.ndarray:
    return np.array(actions, dtype=np.float32).reshape(-1, ACTION_SIZE)


def _executable(action: np.ndarray) -> np.ndarray:
    """Check, clip and round an action (7,) to what the environment executes."""
    return np.clip(check_action(action, (ACTION_SIZE,)), -1.0, 1.0).astype(np.float32)


def _describe_error(error: Exception) -> str:
    """Return the reason of an attempt that failed by the expert's own error."""
    return f"{type(error).__name__}: {error}"


def _describe_end(episode: Episode) -> str:
    """Return the reason of an attempt that ended without success and without a note."""
    if episode.diverged:
        return "the simulation diverged"
    return "the time limit was reached" if episode.over else "the expert gave up"
