"""Start episodes in the middle of earlier ones, at states that the environment saved there.

    episodes --states after each policy step--> trajectories of each task --draw--> where a group begins
                                                     ^ frontier moves with success from its states

Axes: T policy steps of an episode.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from vla_trainer.errors import ConfigError
from vla_trainer.types import Episode, InitialState

Kind = Literal["curriculum", "branching"]
SHARE = 0.5
"""Where `rollout.saved_start_share` is null."""
TRAJECTORIES = 32
"""Successes of a task that curriculum draws from, the latest; episodes of an iteration that branching draws from."""
STATES = 8
"""Of one episode that are kept, spread evenly over it."""
WINDOW = 16
"""Episodes from a frontier after which it moves."""
STEP = 0.1
"""How far it moves, as a share of an episode."""
FIRST = 0.8
"""Where it begins."""
SOLVED, HARD = 0.8, 0.3
"""Success from the frontier at which it moves towards the true start, and below which it moves back."""


@dataclass(frozen=True)
class Trajectory:
    """States of one episode."""

    initial_state: InitialState
    """Where it began, without a saved state."""
    states: tuple[tuple[float, bytes], ...]
    """The share of the episode that lies before a state, in (0, 1), and the state; in their order."""


class SavedStartSampler:
    """Draws states of earlier episodes.

    "curriculum" begins along own successes, from `frontier` on, a share of the episode. Where `SOLVED` of `WINDOW`
    episodes from there succeed it moves towards the true start, and where fewer than `HARD` do it moves back (Salimans
    and Chen 2018, arXiv:1812.03381, along a demonstration). At 0 every episode of the task begins at a true start.

    "branching" begins anywhere in the episodes of the latest iteration, whether they succeeded or not. The episodes of
    a group are then continuations of one state, and their advantage is a Monte-Carlo estimate of what follows it
    (VinePPO, Kazemnejad et al. 2024, arXiv:2410.01679).
    """

    def __init__(self, kind: Kind, share: float, *, saves_states: bool) -> None:
        """
        Args:
            kind: "curriculum" or "branching".
            share: of the groups that begin at saved states, where there are any.
            saves_states: whether the environment can go on from saved states.

        Raises:
            ConfigError: it cannot.
        """
        if not saves_states:
            raise ConfigError(
                f"rollout.starts={kind}: this environment cannot go on from saved states; allowed: uniform, prioritized"
            )
        self._kind, self._share = kind, share
        self._trajectories: dict[int | None, deque[Trajectory]] = {}
        """By task."""
        self._frontier: dict[int | None, float] = {}
        self._outcomes: dict[int | None, list[bool]] = {}
        """Of episodes from saved states since the frontier last moved."""

    def draw(self, rng: np.random.Generator, start: InitialState) -> InitialState:
        """Return `start`, or a state of an earlier episode of its task."""
        # the same numbers are sampled whatever has been kept
        chosen, which, where = rng.random(3)
        trajectories = self._trajectories.get(start.task, ())
        frontier = self._frontier.get(start.task, FIRST) if self._kind == "curriculum" else 0.0
        if chosen >= self._share or not trajectories or (self._kind == "curriculum" and frontier <= 0):
            return start
        trajectory = trajectories[int(which * len(trajectories))]
        wanted = frontier + STEP * where if self._kind == "curriculum" else where
        _, saved = min(trajectory.states, key=lambda state: abs(state[0] - wanted))
        return replace(trajectory.initial_state, seed=start.seed, saved=saved)

    def note(self, episodes: Mapping[int, Episode]) -> None:
        """Remember the episodes of a rollout.

        Raises:
            ConfigError: the environment does not say whether an episode succeeded.
        """
        if self._kind == "branching":
            self._trajectories = {}
        for number in sorted(episodes):
            episode = episodes[number]
            if episode.success is None:
                raise ConfigError(
                    f"rollout.starts={self._kind}: this environment does not report success; allowed: uniform"
                )
            task = episode.initial_state.task
            if episode.initial_state.saved is not None:
                self._outcomes.setdefault(task, []).append(episode.success)
            elif (episode.success or self._kind == "branching") and episode.saved_states:
                kept = self._trajectories.setdefault(task, deque(maxlen=TRAJECTORIES))
                kept.append(Trajectory(episode.initial_state, _spread(episode.saved_states)))
        if self._kind == "curriculum":
            self._move()

    def metrics(self) -> dict[str, float]:
        """Return the mean frontier of the tasks that have one."""
        if self._kind == "branching" or not self._trajectories:
            return {}
        frontiers = [self._frontier.get(task, FIRST) for task in self._trajectories]
        return {"rollout/start_frontier": float(np.mean(frontiers))}

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {
            "trajectories": [
                [
                    task,
                    state_dict(kept.initial_state),
                    [[share, bytes_to_tensor(state)] for share, state in kept.states],
                ]
                for task, trajectories in self._trajectories.items()
                for kept in trajectories
            ],
            "frontier": [[task, frontier] for task, frontier in self._frontier.items()],
            "outcomes": [[task, list(outcomes)] for task, outcomes in self._outcomes.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self._trajectories = {}
        for task, start, states in state["trajectories"]:
            kept = self._trajectories.setdefault(task, deque(maxlen=TRAJECTORIES))
            saved = tuple((float(share), tensor_to_bytes(data)) for share, data in states)
            kept.append(Trajectory(initial_state_of(start), saved))
        self._frontier = {task: float(frontier) for task, frontier in state["frontier"]}
        self._outcomes = {task: list(outcomes) for task, outcomes in state["outcomes"]}

    def _move(self) -> None:
        for task, outcomes in self._outcomes.items():
            if len(outcomes) < WINDOW:
                continue
            rate, frontier = float(np.mean(outcomes)), self._frontier.get(task, FIRST)
            if rate >= SOLVED:
                frontier = round(max(frontier - STEP, 0.0), 6)
            elif rate < HARD:
                frontier = round(min(frontier + STEP, FIRST), 6)
            self._frontier[task], self._outcomes[task] = frontier, []


def _spread(states: Iterable[bytes]) -> tuple[tuple[float, bytes], ...]:
    """Return at most `STATES` of an episode's T - 1 states, each with its share of the episode."""
    listed = list(states)
    picked = sorted(set(np.linspace(0, len(listed) - 1, STATES).round().astype(int).tolist()))
    return tuple(((index + 1) / (len(listed) + 1), listed[index]) for index in picked)


def state_dict(start: InitialState) -> dict[str, Any]:
    """Return an initial state in types that a checkpoint can hold."""
    return {**asdict(start), "saved": None if start.saved is None else bytes_to_tensor(start.saved)}


def initial_state_of(state: Mapping[str, Any]) -> InitialState:
    """Return the initial state that `state_dict` made this of."""
    saved = state.get("saved")
    return InitialState(**{**state, "saved": None if saved is None else tensor_to_bytes(saved)})


def bytes_to_tensor(data: bytes) -> Tensor:
    """Return (len,) uint8, which a checkpoint can hold where it refuses bytes."""
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def tensor_to_bytes(data: Tensor) -> bytes:
    """Return what `bytes_to_tensor` was given."""
    return bytes(data.numpy().tobytes())
