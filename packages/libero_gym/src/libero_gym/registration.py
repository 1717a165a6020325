"""The ids that `gymnasium.make` and `gymnasium.make_vec` know after installation.

`libero_gym_autoload` calls `register_envs` when Gymnasium is imported, `import libero_gym` does too, and so does the
entry-point group `gymnasium.envs` where a version of Gymnasium reads it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import gymnasium

from libero_gym.tasks.suites import RUNNABLE

if TYPE_CHECKING:
    from libero_gym.env import LiberoEnv


def register_envs() -> None:
    """Register one id for each suite and one for all of them, once; nothing is loaded yet.

    That `split` is among an id's arguments says to a trainer that the environment knows splits.
    """
    for suite, (env_id, max_episode_steps) in RUNNABLE.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="libero_gym.registration:make_env",
                vector_entry_point="libero_gym.vector_env:LiberoVectorEnv",
                max_episode_steps=max_episode_steps,
                kwargs={"suite": suite, "split": "eval"},
            )


def make_env(**kwargs: Any) -> LiberoEnv:
    """What `gymnasium.make` calls: a `LiberoEnv` with these keyword arguments.

    `gymnasium.make` keeps `max_episode_steps` for its own `TimeLimit`, which counts decisions and cannot break off a
    chunk of actions. The environment needs it too, in control steps, and finds it nowhere but in the caller's frame.
    """
    from libero_gym.env import LiberoEnv

    caller = sys._getframe(1)
    if caller.f_code is gymnasium.make.__code__ and "max_episode_steps" not in kwargs:
        kwargs["max_episode_steps"] = caller.f_locals.get("max_episode_steps")
    return LiberoEnv(**kwargs)
