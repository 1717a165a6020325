"""Where episodes begin: sampled for training, listed for evaluation.

An environment that can begin an episode at a task and init state of the caller's choice says so in its metadata:
`metadata["init_states"] = {task id: number of init states of its split}`. Any other environment begins where its seed
says.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv

from vla_trainer.errors import ConfigError
from vla_trainer.types import InitialState

SEEDS = 2**31


def run_seeds(seed: int) -> tuple[int, int]:
    """Return the seeds of a run's initial states and of its shuffles, made of `trainer.seed`."""
    initial_states, shuffles = np.random.SeedSequence(seed).generate_state(2)
    return int(initial_states), int(shuffles)


def init_state_counts(envs: VectorEnv[Any, Any, Any]) -> Mapping[int, int] | None:
    """Task id to number of init states, or None if the environment chooses by seed."""
    return envs.metadata.get("init_states")


def sample_initial_state(rng: np.random.Generator, available: Mapping[int, int] | None) -> InitialState:
    """One start: a task, one of its init states and a seed, each uniform."""
    seed = int(rng.integers(SEEDS))
    if available is None:
        return InitialState(seed)
    task = list(available)[int(rng.integers(len(available)))]
    return InitialState(seed, task, int(rng.integers(available[task])))


def evaluation_states(available: Mapping[int, int] | None, episodes: int | None) -> list[InitialState]:
    """Every init state of every task exactly once, or the first `episodes` of them; tasks take turns.

    The seed of an episode is its index, so that an evaluation is the same whoever runs it. An environment that chooses
    by seed gets seeds 0, 1, ...; then `episodes` must be given.

    Raises:
        ConfigError: `episodes` is missing, or more than there are.
    """
    if available is None:
        if episodes is None:
            raise ConfigError("eval.episodes is missing: this environment does not list its initial states")
        return [InitialState(seed) for seed in range(episodes)]
    # init state by init state, so that the first episodes cover every task
    pairs = [(task, state) for state in range(max(available.values())) for task in available if state < available[task]]
    if episodes is not None and episodes > len(pairs):
        raise ConfigError(f"eval.episodes={episodes}: there are {len(pairs)} initial states, each evaluated once")
    return [InitialState(index, task, state) for index, (task, state) in enumerate(pairs[:episodes])]
