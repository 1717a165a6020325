"""The ids that `gymnasium.make` and `gymnasium.make_vec` know after installation.

`libero_gym_autoload` calls `register_envs` when Gymnasium is imported, `import libero_gym` does too, and so does the
entry-point group `gymnasium.envs` where a version of Gymnasium reads it.
"""

from __future__ import annotations

import gymnasium

from libero_gym.tasks.suites import SUITES


def register_envs() -> None:
    """Register one id for each suite, once; nothing is loaded yet."""
    for suite, (env_id, _) in SUITES.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="libero_gym.env:LiberoEnv",
                vector_entry_point="libero_gym.vector_env:LiberoVectorEnv",
                kwargs={"suite": suite},
            )
