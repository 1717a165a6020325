"""LIBERO for Stable-Baselines3: its `VecEnv` over worker threads or processes of a `LiberoVectorEnv`.

    PPO, SAC, ... <--> VecMonitor <--> LiberoVecEnv <--> LiberoVectorEnv, autoreset in the same step

Needs Stable-Baselines3: `pip install "libero-gym[sb3]"`. Axes: N environments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from libero_gym.checks import check_integer
from libero_gym.errors import OptionError, shown
from libero_gym.vector_arguments import MAX_ENVS
from libero_gym.vector_env import LiberoVectorEnv

try:
    from stable_baselines3.common.vec_env import VecEnv, VecMonitor
except ImportError as error:
    raise ImportError(
        f'libero_gym.sb3 needs Stable-Baselines3 ({error}); install it with: pip install "libero-gym[sb3]"'
    ) from error


def make_vec_env(
    env_id: str,
    n_envs: int = 1,
    seed: int | None = None,
    *,
    monitor: bool = True,
    monitor_dir: str | None = None,
    **kwargs: Any,
) -> VecEnv:
    """Make environments for Stable-Baselines3, which takes no text: the instruction is left out of observations.

    Algorithms take the policy "MultiInputPolicy". `info["instruction"]` has the sentence, `info["is_success"]` what
    SB3 logs as `rollout/success_rate`.

    Args:
        env_id: e.g. "libero_gym:libero/Spatial-v0".
        n_envs: N.
        seed: of the first environment; the others have those that follow. None: random.
        monitor: record return, length and success of each episode, in `info["episode"]`.
        monitor_dir: folder or file of the CSV that SB3's plots read; None: none is written.
        kwargs: of the environment and of `LiberoVectorEnv`: `task=3`, `image_size=64`, `workers=4`,
            `worker_kind="process"`, ...

    Raises:
        OptionError: an argument that is not allowed; `instruction=True` and an autoreset mode are not.
    """
    check_integer("n_envs", n_envs, 1, MAX_ENVS, env_id)
    for name, reason in (("instruction", "SB3 takes no text"), ("autoreset_mode", "SB3 resets in the same step")):
        if kwargs.get(name):
            raise OptionError(f"{name}={shown(kwargs[name])} in libero_gym.sb3.make_vec_env; {reason}: leave it out")
    kwargs["instruction"] = False
    envs = gymnasium.make_vec(
        env_id,
        num_envs=n_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
        **kwargs,
    )
    assert isinstance(envs.unwrapped, LiberoVectorEnv)
    made: VecEnv = LiberoVecEnv(envs.unwrapped)
    if seed is not None:
        made.seed(seed)
    if monitor:
        made = VecMonitor(made, monitor_dir, info_keywords=("is_success",) if monitor_dir is not None else ())
    return made


class LiberoVecEnv(VecEnv):
    """Stable-Baselines3's interface to a `LiberoVectorEnv`."""

    def __init__(self, envs: LiberoVectorEnv) -> None:
        """
        Args:
            envs: with autoreset in the same step and without the instruction.
        """
        self._envs = envs
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> dict[str, np.ndarray]:
        """Start an episode in every environment, with what `seed` and `set_options` have left; return observations."""
        names = {name for options in self._options for name in options}
        by_name = {name: [options.get(name) for options in self._options] for name in names}
        seeds = None if set(self._seeds) == {None} else list(self._seeds)
        observation, infos = self._envs.reset(seed=seeds, options=by_name or None)
        self.reset_infos = [_info_of(infos, index) for index in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        """Start a step.

        Args:
            actions: (N, 7), or (N, C, 7) with chunks.
        """
        self._envs.step_async(actions)

    def step_wait(self) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """End a step.

        Returns:
            Observations; rewards (N,) float32; dones (N,) bool; infos. Where an episode has ended, the observation is
            the next one's first, and the info is the ended one's, with its last observation in `terminal_observation`
            and `TimeLimit.truncated`.
        """
        observation, rewards, terminated, truncated, infos = self._envs.step_wait()
        dones = terminated | truncated
        rows = []
        for index in range(self.num_envs):
            row = _info_of(infos, index)
            if dones[index]:
                self.reset_infos[index] = row
                row = _info_of(infos["final_info"], index)
                row["terminal_observation"] = infos["final_obs"][index]
            row["TimeLimit.truncated"] = bool(truncated[index] and not terminated[index])
            rows.append(row)
        return observation, rewards.astype(np.float32), dones, rows

    def close(self) -> None:
        """End the workers."""
        self._envs.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Render every environment for people, (256, 256, 3) uint8 or larger; None without `render_mode`."""
        return self._envs.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of `LiberoEnv`, of some of the environments."""
        return self.env_method(attr_name, indices=indices)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of `LiberoEnv`, in some of the environments."""
        self.env_method("__setattr__", attr_name, value, indices=indices)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Call a method of `LiberoEnv` in some of the environments; not `reset`, `step` or `close`."""
        return list(self._envs.call_some(list(self._get_indices(indices)), method_name, *method_args, **method_kwargs))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Return False for each: there is no wrapper around an environment of a batch."""
        return [False for _ in self._get_indices(indices)]


def _info_of(infos: Mapping[str, Any], index: int) -> dict[str, Any]:
    """Return the info of one environment out of Gymnasium's vector form."""
    return {
        key: value[index]
        for key, value in infos.items()
        if not key.startswith("_") and key not in ("final_obs", "final_info") and infos[f"_{key}"][index]
    }
