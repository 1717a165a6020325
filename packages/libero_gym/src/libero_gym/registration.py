"""The ids that `gymnasium.make` and `gymnasium.make_vec` know once `libero_gym` is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium

from libero_gym.tasks.own import OWN_ENV_ID, OWN_LIMIT, OWN_SUITE
from libero_gym.tasks.suites import RUNNABLE
from libero_gym.time_limit import SINGLE_ENV_WRAPPERS, with_time_limit

if TYPE_CHECKING:
    from libero_gym.env import LiberoEnv


def register_envs() -> None:
    """Register an id for each suite, for all of them, and for a task of one's own, once, without their imports.

    A trainer sees from `split` among an id's arguments that the environment has splits.
    """
    for suite, (env_id, max_episode_steps) in {**RUNNABLE, OWN_SUITE: (OWN_ENV_ID, OWN_LIMIT)}.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="libero_gym.registration:make_env",
                vector_entry_point="libero_gym.vector_env:LiberoVectorEnv",
                max_episode_steps=max_episode_steps,
                additional_wrappers=SINGLE_ENV_WRAPPERS,
                kwargs={"suite": suite, "split": "eval"},
            )


def make_env(**kwargs: Any) -> LiberoEnv:
    """Make a `LiberoEnv` with these keyword arguments; what `gymnasium.make` calls.

    Raises:
        OptionError: a keyword argument that it does not have, or a value that is not allowed.
    """
    from libero_gym.env import LiberoEnv
    from libero_gym.options import ARGUMENTS, check_argument_names

    arguments = with_time_limit(kwargs)
    check_argument_names(arguments, ARGUMENTS, str(arguments.get("suite")))
    return LiberoEnv(**arguments)
