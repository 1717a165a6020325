"""Refuse numbers that are not finite where they enter: rewards and observations of environments, what a policy gives.

Each is one pass over a batch; where and which is looked for only when that fails.

Axes: N environments of a stage, C actions a chunk, K tokens a policy step.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_trainer.errors import EnvError
from vla_trainer.finite import first_bad, float_arrays, index_text
from vla_trainer.protocols import ActOutput, Observation
from vla_trainer.rollout.sampling import not_finite
from vla_trainer.rollout.stage import Stage


def check_observations(stage: Stage, rows: NDArray[np.intp], obs: Observation) -> None:
    """Raise EnvError unless what the policy is shown of environments `rows` of a stage is finite.

    Args:
        obs: batched, of these environments alone.
    """
    for name, values in float_arrays(obs):
        if (bad := first_bad(values)) is not None:
            place = _place(stage, int(rows[bad[0]]))
            raise EnvError(f"{name}{index_text(bad[1:])} is {values[bad]} {place}; observations must be finite")


def check_states(stage: Stage, key: str, states: NDArray[np.float32]) -> None:
    """Raise EnvError unless what the critic is given is finite where an episode runs.

    Args:
        key: of the observation.
        states: (N, P) of all environments of the stage.
    """
    rows = stage.active
    if (bad := first_bad(states[rows])) is not None:
        place = _place(stage, int(rows[bad[0]]))
        raise EnvError(f"{key}{index_text(bad[1:])} is {states[rows][bad]} {place}; observations must be finite")


def check_rewards(
    stage: Stage,
    active: NDArray[np.intp],
    rewards: NDArray[Any],
    action_rewards: NDArray[Any],
    lengths: NDArray[np.int64],
) -> None:
    """Raise EnvError unless the rewards (N,) of a step, and of the actions in it (N, C), are finite in float32, which
    advantages are kept in.

    Args:
        active: environments in which an episode runs.
        lengths: (N,) environment steps that the step took.
    """
    for values in (rewards[active], action_rewards[active]):
        with np.errstate(over="ignore"):
            bad = first_bad(np.asarray(values, dtype=np.float32))
        if bad is not None:
            n = int(active[bad[0]])
            raise EnvError(f"the reward is {values[bad]} {_place(stage, n, int(lengths[n]))}; rewards must be finite")


def check_output(stage: Stage, rows: NDArray[np.intp], out: ActOutput, version: int, *, sampled: bool) -> None:
    """Raise an error unless what the policy gave for environments `rows` of a stage is finite.

    Args:
        version: how often its weights have been updated.
        sampled: the log-probabilities count, too. Those of a policy with an L1 head are NaN.

    Raises:
        TrainingDivergedError: `version` is above 0.
        PolicyNumbersError: it is not.
    """
    for name, given in {
        "action": out.actions,
        "log-probability": out.log_probs if sampled else None,
        "value": out.values,
    }.items():
        if given is None:
            continue
        values = given if isinstance(given, np.ndarray) else given.detach().float().cpu().numpy()
        if (bad := first_bad(values)) is not None:
            place = _place(stage, int(rows[bad[0]]))
            raise not_finite(f"the policy's {name} is {values[bad]} {place}", version)


def _place(stage: Stage, n: int, taken: int = 0) -> str:
    """Where an environment is, for the end of a message: `taken` steps after those that are counted."""
    running = stage.running[n]
    if running is None:
        return f"in env {stage.first + n}"
    initial_state = running.initial_state
    named = {"task": initial_state.task, "init state": initial_state.init_state, "seed": initial_state.seed}
    which = ", ".join(f"{name} {value}" for name, value in named.items() if value is not None)
    step = running.env_steps + taken
    return f"in env {stage.first + n}, episode {running.number} ({which}), environment step {step}"
