"""LIBERO for TorchRL: its `GymWrapper` over one environment or a batch of them, with the keys that LIBERO's have.

    collectors, losses, ... <--> RenameTransform <--> GymWrapper <--> LiberoEnv or LiberoVectorEnv

Needs TorchRL: `pip install "libero-gym[torchrl]"`. Axes: N environments.
"""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode

from libero_gym.checks import check_integer
from libero_gym.errors import OptionError, shown
from libero_gym.vector_arguments import MAX_ENVS

try:
    from tensordict import NonTensorStack
    from torchrl.envs import EnvBase, GymWrapper, RenameTransform, TransformedEnv
except ImportError as error:
    raise ImportError(
        f'libero_gym.torchrl needs TorchRL ({error}); install it with: pip install "libero-gym[torchrl]"'
    ) from error


def make_env(env_id: str, num_envs: int | None = None, *, device: Any = None, **kwargs: Any) -> EnvBase:
    """Make an environment for TorchRL.

    Its tensordicts have the keys of the observation: `image`, `wrist_image`, `state` and `instruction`, which is text.
    TorchRL's own `GymWrapper` calls `state` "observation", and does not take the sentences of a batch.

    Args:
        env_id: e.g. "libero_gym:libero/Spatial-v0".
        num_envs: N, for a batch of size (N,) that steps in threads or processes; None: one environment, of size ().
        device: where its tensors are; None: on the CPU.
        kwargs: of the environment and of `LiberoVectorEnv`: `task=3`, `image_size=64`, `workers=4`, ...

    Raises:
        OptionError: an argument that is not allowed; an autoreset mode is not, because TorchRL resets.
    """
    if kwargs.get("autoreset_mode"):
        mode = shown(kwargs["autoreset_mode"])
        raise OptionError(f"autoreset_mode={mode} in libero_gym.torchrl.make_env; TorchRL resets: leave it out")
    if num_envs is None:
        wrapped = GymWrapper(gymnasium.make(env_id, **kwargs), device=device)
    else:
        check_integer("num_envs", num_envs, 1, MAX_ENVS, env_id)
        envs = gymnasium.make_vec(
            env_id,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
            autoreset_mode=AutoresetMode.DISABLED,
            **kwargs,
        )
        wrapped = LiberoEnvs(envs, device=device)
    return TransformedEnv(wrapped, RenameTransform(["observation"], ["state"]))


class LiberoEnvs(GymWrapper):  # type: ignore[misc]  # has no types
    """TorchRL's `GymWrapper` around a batch that has sentences."""

    def read_obs(self, observations: dict[str, Any]) -> dict[str, Any]:
        """Return observations as a tensordict takes them; those of N environments have N sentences."""
        sentences = observations.pop("instruction", None)
        found: dict[str, Any] = super().read_obs(observations)
        if sentences is not None:
            found["instruction"] = NonTensorStack(*sentences)
        return found
