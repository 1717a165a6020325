"""A vector environment that the collector steps by itself: which episode runs in each environment, and what is seen.

Axes: N environments, C actions a chunk.
"""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from vla_trainer.protocols import Observation
from vla_trainer.rollout.envs import info_of, neutral_action
from vla_trainer.types import EpisodeSpec, InitialState


@dataclass
class Running:
    """An episode that has begun in one environment and not ended."""

    initial_state: InitialState
    number: int
    seed: int
    """Of what is sampled, see `EpisodeSpec`."""
    actions: list[NDArray[np.floating]] = field(default_factory=list)
    episode_return: float = 0.0
    env_steps: int = 0
    saved_states: list[bytes] = field(default_factory=list)
    """As in `Episode`."""
    group: int | None = None
    """As in its `EpisodeSpec`."""
    variant: str | None = None
    """What the info of the reset says; see `protocols.EnvMetadata`."""


class Stage:
    """N environments that step together, in the background where `background` says so.

    An environment for which there is no episode waits. One that cannot stand still by itself (Gymnasium's own vector
    environments refuse to step an environment that is done) is reset and given neutral actions that no one records.
    """

    def __init__(self, envs: VectorEnv, first: int = 0, *, background: bool = False) -> None:
        self.envs = envs
        self.first = first
        """Column of the first environment in a rollout's grid."""
        self.obs: Observation = None
        """Of all environments, after the latest reset or step; None before the first."""
        self.running: list[Running | None] = [None] * envs.num_envs
        self.neutral = neutral_action(envs)
        """What a waiting environment is given; (C, A), or (A,) where a policy step is one action."""
        self.chunk = self.neutral.shape[0] if self.neutral.ndim == 2 else 1
        """C."""
        self._done = np.zeros(envs.num_envs, dtype=bool)
        self._parking = InitialState(0)
        self._waits = not isinstance(envs.unwrapped, SyncVectorEnv | AsyncVectorEnv)
        # an environment with a step_async of its own needs no thread
        self._own_async = hasattr(envs, "step_async") and hasattr(envs, "step_wait")
        self._thread = ThreadPoolExecutor(1, "env-step") if background and not self._own_async else None
        self._stepping: Future[Any] | None = None

    @property
    def num_envs(self) -> int:
        return int(self.envs.num_envs)

    @property
    def active(self) -> NDArray[np.intp]:
        """The environments in which an episode runs."""
        return np.array([n for n, running in enumerate(self.running) if running is not None], dtype=np.intp)

    def forget(self) -> None:
        """Nothing runs any more, and everything is reset before the next episode."""
        self.running, self.obs = [None] * self.num_envs, None

    def begin(self, begin: Mapping[int, EpisodeSpec]) -> None:
        """Reset environments to the starts of their next episodes; others that need it are kept alive."""
        initial_states = {n: spec.initial_state for n, spec in begin.items()}
        for n, spec in begin.items():
            self.running[n] = Running(spec.initial_state, spec.number, spec.seed, group=spec.group)
            self._parking = spec.initial_state
        waiting = [n for n, running in enumerate(self.running) if running is None]
        if self.obs is None:
            initial_states |= dict.fromkeys(waiting, self._parking)
        elif not self._waits:
            initial_states |= {n: self._parking for n in waiting if self._done[n]}
        if not initial_states:
            return
        mask = np.zeros(self.num_envs, dtype=bool)
        mask[list(initial_states)] = True
        every = [initial_states.get(n, self._parking) for n in range(self.num_envs)]
        options: dict[str, Any] = {"reset_mask": mask}
        if self._parking.task is not None:
            options |= {"task": np.array([initial_state.task for initial_state in every])}
        if any(initial_state.saved is not None for initial_state in every):
            options |= {"state": [initial_state.saved for initial_state in every]}
            options |= {"init_state": [None if start.saved is not None else start.init_state for start in every]}
        elif self._parking.init_state is not None:
            options |= {"init_state": np.array([initial_state.init_state for initial_state in every])}
        # a list, which Gymnasium's signature does not mention
        seeds: Any = [initial_state.seed for initial_state in every]
        self.obs, infos = self.envs.reset(seed=seeds, options=options)
        self._done[mask] = False
        for n in begin:
            running = self.running[n]
            assert running is not None
            running.variant = self.variant_of(infos, n)

    def variant_of(self, infos: Mapping[str, Any], n: int) -> str | None:
        """Return the variant that environment `n` names in its info; None where it names none."""
        key = self.envs.metadata.get("variant_info")
        variant = None if key is None else info_of(infos, key, n)
        return None if variant is None else str(variant)

    def launch(self, rows: NDArray[np.intp], actions: NDArray[Any]) -> None:
        """Start to step all environments: those of `rows` (n,) with `actions` (n, ...), the others neutrally."""
        every = np.repeat(self.neutral[None], self.num_envs, axis=0)
        every[rows] = actions
        if self._own_async:
            self.envs.step_async(every)  # type: ignore[attr-defined]
        elif self._thread is not None:
            self._stepping = self._thread.submit(self.envs.step, every)
        else:
            self._stepping = Future()
            self._stepping.set_result(self.envs.step(every))

    def wait(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """End the step: rewards, terminated, truncated (N,) and infos."""
        if self._own_async:
            result = self.envs.step_wait()  # type: ignore[attr-defined]
        else:
            assert self._stepping is not None
            result, self._stepping = self._stepping.result(), None
        self.obs, rewards, terminated, truncated, infos = result
        self._done = terminated | truncated
        return rewards, terminated, truncated, infos

    def save_states(self) -> None:
        """Remember the state of each environment whose episode goes on after the latest step."""
        going_on = [n for n in self.active if not self._done[n]]
        if not going_on:
            return
        states = self.envs.call("save_state")  # type: ignore[attr-defined]
        for n in going_on:
            running = self.running[n]
            assert running is not None
            running.saved_states.append(states[n])

    def is_done(self, n: int) -> bool:
        """Whether the latest step ended the episode of environment `n`."""
        return bool(self._done[n])

    def close(self) -> None:
        """End the thread; the environments are the caller's."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
