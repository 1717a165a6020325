"""What one environment returns from a reset or a step, and what follows from its last row without simulating."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode

from libero_gym.options import EnvOptions


class Row(NamedTuple):
    """One environment's part of a reset or a step."""

    observation: dict[str, Any]
    """Its arrays lie in the batch, where the environment's next row replaces them; `final_obs` has its own."""
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


def is_over(row: Row, mode: AutoresetMode) -> bool:
    """Return whether the environment is between two episodes; with `SAME_STEP` the next one has always begun."""
    return mode is not AutoresetMode.SAME_STEP and (row.terminated or row.truncated)


def idle_row(last: Row, options: EnvOptions) -> Row:
    """Make the row of an environment whose episode is over and which waits for a reset."""
    return Row(last.observation, 0.0, last.terminated, last.truncated, _idle_info(last.info, options))


def crashed_row(last: Row, reason: str, options: EnvOptions) -> Row:
    """Make the last row of an episode that was lost with its worker: truncated where it was last seen.

    Its observation is a copy: the next episode may begin in the same step, in the same arrays of the batch.
    """
    seen = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in last.observation.items()}
    info = {**_idle_info(last.info, options), "worker_error": reason}
    return Row(seen, 0.0, False, True, info)


def followed_by(end: Row, first: Row) -> Row:
    """Make the row of a step in which an episode ended and the next one began, as `AutoresetMode.SAME_STEP` has it."""
    info = {**first.info, "final_obs": end.observation, "final_info": end.info}
    return Row(first.observation, end.reward, end.terminated, end.truncated, info)


def _idle_info(info: dict[str, Any], options: EnvOptions) -> dict[str, Any]:
    """Return the info of a step in which nothing was executed."""
    kept = {key: value for key, value in info.items() if key not in ("final_obs", "final_info", "worker_error")}
    if options.action_chunk is not None:
        kept |= {"chunk_rewards": np.zeros(options.action_chunk), "chunk_length": 0}
    return kept
