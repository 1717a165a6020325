"""The rows of a rollout while it grows: one list a stage, joined into one grid at the end; or one list an episode, for
those who want it before that end.

Axes: T policy steps, N environments of all stages, K tokens a policy step, C actions a chunk, B policy steps taken.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vla_trainer.protocols import ActOutput
from vla_trainer.types import Episode, EpisodeSteps, Rollout, Video


class Steps:
    """What one stage did: a row each policy step, arrays (N of the stage,) by name, and what the policy gave for it."""

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.policy_steps = 0
        self.rows: dict[str, list[NDArray]] = {}
        self.inputs: list[dict[str, Tensor]] = []
        self.tokens: list[Tensor] = []
        self.log_probs: list[Tensor] = []

    def add(self, **rows: NDArray) -> None:
        """One policy step."""
        self.policy_steps += 1
        for name, row in rows.items():
            self.rows.setdefault(name, []).append(row)

    def add_output(self, out: ActOutput) -> None:
        """What an update needs of the policy step's output."""
        self.inputs.append(dict(out.inputs))
        self.tokens.append(out.tokens.cpu())
        self.log_probs.append(out.log_probs.float().cpu())


class EpisodeRecorder:
    """The policy steps of the episodes that are running, episode by episode."""

    def __init__(self) -> None:
        self._rows: dict[int, list[tuple[dict[str, Tensor], Tensor, Tensor, int]]] = {}

    def add(self, number: int, out: ActOutput, row: int, length: int) -> None:
        """A policy step of episode `number`: `row` of what the policy gave, of which `length` actions were carried
        out."""
        inputs = {key: value[row] for key, value in out.inputs.items()}
        recorded = (inputs, out.tokens[row].cpu(), out.log_probs[row].float().cpu(), length)
        self._rows.setdefault(number, []).append(recorded)

    def end(self, number: int, chunk: int) -> EpisodeSteps:
        """All of an episode, which is forgotten; `chunk`: C."""
        inputs, tokens, log_probs, lengths = zip(*self._rows.pop(number), strict=True)
        return EpisodeSteps(
            {key: torch.stack([outputs[key] for outputs in inputs]) for key in inputs[0]},
            torch.stack(tokens),
            torch.stack(log_probs),
            torch.tensor(lengths),
            chunk,
        )


def join(
    stages: Sequence[Steps],
    episodes: dict[int, Episode],
    env_steps: int,
    videos: list[Video],
    resampled_groups: int = 0,
) -> Rollout:
    """One rollout of all stages: their environments are the columns of the grid, the first stage's first.

    The stages' inputs are used up: images are most of a rollout, and must not be in memory twice for longer than
    needed.
    """
    longest = max(stages, key=lambda stage: stage.policy_steps)
    policy_steps = longest.policy_steps
    grid = {
        name: np.concatenate([_padded(stage, name, policy_steps, example[0]) for stage in stages], axis=1)
        for name, example in longest.rows.items()
    }
    # the order of the grid under the mask: all stages of t = 0, then of t = 1, ...
    order = [(stage, t) for t in range(policy_steps) for stage in stages if t < len(stage.tokens)]
    return Rollout(
        inputs={key: _cat([stage.inputs[t].pop(key) for stage, t in order]) for key in _keys(order)},
        tokens=_cat([stage.tokens[t] for stage, t in order]),
        log_probs=_cat([stage.log_probs[t] for stage, t in order]),
        mask=grid["mask"],
        episode=grid["episode"],
        rewards=grid["rewards"],
        lengths=grid["lengths"],
        terminated=grid["terminated"],
        truncated=grid["truncated"],
        action_rewards=grid["action_rewards"],
        version=grid["version"],
        values=grid.get("values"),
        next_values=grid.get("next_values"),
        episodes=episodes,
        env_steps=env_steps,
        slots=sum(stage.policy_steps * stage.num_envs for stage in stages),
        videos=videos,
        resampled_groups=resampled_groups,
        states=grid.get("states"),
        next_states=grid.get("next_states"),
    )


def _keys(order: Sequence[tuple[Steps, int]]) -> list[str]:
    return list(order[0][0].inputs[order[0][1]]) if order else []


def _cat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts)) if parts else torch.empty(0)


def _padded(stage: Steps, name: str, policy_steps: int, example: NDArray) -> NDArray:
    """(T, N of the stage, ...) from a stage's rows; beyond them, or where it has none at all, nothing runs."""
    rows = stage.rows.get(name, [])
    empty = np.full((stage.num_envs, *example.shape[1:]), -1 if name == "episode" else 0, dtype=example.dtype)
    return np.stack([*rows, *[empty] * (policy_steps - len(rows))])
