"""An attempt at a demonstration: first without pictures, which cost most, then, if it is kept, again with them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import mujoco
import numpy as np

from libero_gym.demos.episode_file import Episode as Demonstration
from libero_gym.demos.episode_file import write_episode
from libero_gym.demos.plan import EXPERT, Attempt, Plan, expert_rng
from libero_gym.engine.world import ACTION_SIZE, World, check_action
from libero_gym.episode import Episode, SharedModels
from libero_gym.errors import LiberoGymError, OptionError
from libero_gym.observation import observe
from libero_gym.options import EnvOptions
from libero_gym.render.renderer import Renderer


class Acting(Protocol):
    """What an expert is here.

    It may have `notes`, sentences on what it did, and `meant` (7,): the latest action without what was added to it to
    make demonstrations differ.
    """

    def actions(self) -> Iterable[np.ndarray]:
        """Actions (7,) in [-1, 1], each for the world as it is when it is asked for; they end when it gives up."""


@dataclass(frozen=True)
class Result:
    """How an attempt went."""

    attempt: Attempt
    steps: int
    success: bool
    file: Path | None = None
    """Its episode, if it was kept."""
    reason: str = ""
    """Why it was not a success."""
    impossible: bool = False
    """Whether the expert refuses the task, so that there is no use in other attempts."""


def load_expert(name: str) -> Callable[[World, np.random.Generator], Acting]:
    """The expert that "module:attribute" names.

    Raises:
        OptionError: there is none.
    """
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute or "Expert")
    except (ImportError, AttributeError) as error:
        if name == EXPERT:
            raise OptionError(
                f"this libero-gym has no scripted expert ({error}); name one of your own: --expert MODULE:ATTRIBUTE"
            ) from error
        raise OptionError(f"--expert {name!r} cannot be imported ({error}); allowed: MODULE:ATTRIBUTE") from error
    if not callable(found):
        raise OptionError(f"--expert {name!r} is not callable; expected something to call with (world, rng)")
    return found


class Stage:
    """Where the episodes of one task after another are acted; the models of one task are kept at a time."""

    def __init__(self, options: EnvOptions) -> None:
        self.options = options
        self._models = SharedModels(options)
        self._episode = Episode(options, self._models)
        self._task = -1

    def begin(self, task: int, seed: int, **start: object) -> Episode:
        """Start an episode; `start` is `init_state` or `sim_state`, as `LiberoEnv.reset` takes them."""
        if task != self._task:
            self.close()
            self._models = SharedModels(self.options)
            self._episode, self._task = Episode(self.options, self._models), task
        self._episode.begin(seed, {"task": task, **start})
        return self._episode

    def close(self) -> None:
        """Free the pictures' memory."""
        renderer = Renderer.made_in_thread().get(self.options.render_device)
        if renderer is not None:
            for shared in self._models.loaded():
                renderer.release(shared)


class Performer:
    """Makes attempts of a plan, in a process of its own."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        """
        Args:
            plan: what is recorded.
            folder: receives the episodes' files.

        Raises:
            OptionError: there is no such expert.
        """
        self._plan, self._folder = plan, folder
        self._make_expert = load_expert(plan.expert)
        self._stage = Stage(plan.options())

    def __call__(self, attempt: Attempt) -> Result:
        """Make one attempt, and write its episode if it is kept.

        Raises:
            LiberoGymError: no scene, no pictures, or no room on the disk.
        """
        episode = self._stage.begin(attempt.task, attempt.seed, init_state=attempt.init_state)
        try:
            expert = self._make_expert(episode.world, expert_rng(attempt.seed))
        except LiberoGymError as error:
            return Result(attempt, 0, False, reason=str(error), impossible=True)
        except Exception as error:
            return Result(attempt, 0, False, reason=_mistake(error))
        actions, meant, failure = _act(episode, expert)
        notes = [str(note) for note in getattr(expert, "notes", [])]
        if not episode.success:
            failure = failure or (notes[-1] if notes else _how_it_ended(episode))
        if not len(actions) or not (episode.success or self._plan.keep_failures):
            return Result(attempt, len(actions), False, reason=failure)
        reached = episode.world.get_sim_state()
        shown = self._show(attempt, actions, meant, notes)
        if not np.array_equal(shown.sim_states[-1], reached):
            raise LiberoGymError(
                f"{attempt} went another way when it was executed again; the simulation does not repeat"
            )
        path = self._folder / attempt.file_name
        write_episode(path, shown)
        return Result(attempt, len(actions), episode.success, path, failure)

    def close(self) -> None:
        """Free the pictures' memory."""
        self._stage.close()

    def _show(self, attempt: Attempt, actions: np.ndarray, meant: np.ndarray | None, notes: list[str]) -> Demonstration:
        """Execute the actions with pictures."""
        episode = self._stage.begin(attempt.task, attempt.seed, init_state=attempt.init_state)
        options, world = self._stage.options, episode.world
        steps = len(actions)
        seen = [observe(episode, options)]
        states = [world.get_sim_state()]
        rewards, terminated, truncated = np.zeros(steps), np.zeros(steps, dtype=bool), np.zeros(steps, dtype=bool)
        for step, action in enumerate(actions):
            outcome = episode.advance(action)
            seen.append(observe(episode, options))
            states.append(world.get_sim_state())
            rewards[step], terminated[step] = outcome.rewards.sum(), outcome.terminated
            truncated[step] = outcome.truncated
        truncated[-1] = not terminated[-1]  # also where the expert gave up before the time was over
        attributes = {
            **describe_episode(episode, options),
            "seed": attempt.seed,
            "options/task": attempt.task,
            "options/init_state": attempt.init_state,
            "init_state": attempt.init_state,
            "attempt": attempt.number,
            "notes": json.dumps(notes),
        }
        keys = [key for key in seen[0] if key != "instruction"]
        return Demonstration(
            observations={key: np.stack([observation[key] for observation in seen]) for key in keys},
            instruction=episode.task.instruction,
            actions=actions,
            rewards=rewards,
            terminations=terminated,
            truncations=truncated,
            sim_states=np.stack(states),
            meant_actions=meant,
            attributes=attributes,
        )


def describe_episode(episode: Episode, options: EnvOptions) -> dict[str, Any]:
    """What an episode's attributes say of the environment, after its last step."""
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
        "asset_set": options.scenes.name,
        "asset_version": options.scenes.version or "",
        "mujoco": mujoco.__version__,
        "fixtures": json.dumps(names),
        "fixture_positions": world.model.body_pos[bodies].reshape(-1, 3),
        "fixture_quaternions": world.model.body_quat[bodies].reshape(-1, 4),
    }


def _act(episode: Episode, expert: Acting) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Execute an expert's actions until they or the episode end.

    Returns those executed and, if the expert says so, those meant, (T, 7) float32 each, and what failed.
    """
    done: list[np.ndarray] = []
    meant: list[np.ndarray] = []
    try:
        for wanted in expert.actions():
            action = _action(wanted)
            if (latest := getattr(expert, "meant", None)) is not None:
                meant.append(_action(latest))
            done.append(action)
            episode.advance(action)
            if episode.over:
                break
        failure = ""
    except Exception as error:
        failure = _mistake(error)
    executed, intended = (np.array(rows, dtype=np.float32).reshape(-1, ACTION_SIZE) for rows in (done, meant))
    return executed, intended if len(intended) == len(executed) else None, failure


def _action(wanted: np.ndarray) -> np.ndarray:
    return np.clip(check_action(wanted, (ACTION_SIZE,)), -1.0, 1.0).astype(np.float32)


def _mistake(error: Exception) -> str:
    """What the report says of an expert's own error, which costs it the attempt."""
    return f"{type(error).__name__}: {error}"


def _how_it_ended(episode: Episode) -> str:
    if episode.diverged:
        return "the simulation diverged"
    return "the time was over" if episode.over else "the expert gave up"
