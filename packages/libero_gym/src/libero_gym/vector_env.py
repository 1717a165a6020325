"""Many LIBERO environments in one process: worlds over threads.

    step_async(actions) --> worker 0: worlds 0, W, 2W, ...   physics without the GIL, then pictures
                        --> worker 1: worlds 1, W+1, ...
    step_wait()         <-- one batched observation, which each worker has written its rows into

A worker is a thread with its own copy of each task's model and its own OpenGL context; an environment adds its state.
What an environment does depends on its own seeds alone, so results are the same for any number of workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from libero_gym import spaces
from libero_gym.episode import Episode, Outcome, SharedModels
from libero_gym.errors import ActionError, LiberoGymError, OptionError, unknown
from libero_gym.observation import RENDER_SIZE, observe, picture
from libero_gym.options import EnvOptions, check_options
from libero_gym.render.renderer import Renderer
from libero_gym.tasks.init_states import count_states

WORKER_KINDS = ("thread",)
RESET_OPTIONS = ("reset_mask", "task", "init_state", "sim_state")

Row = tuple[dict[str, Any], float, bool, bool, dict[str, Any]]


class _Worker:
    """A thread, with the environments whose work is done there."""

    def __init__(self, options: EnvOptions, numbers: Sequence[int]) -> None:
        self.numbers = list(numbers)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="libero-gym")
        self._models = SharedModels(options)
        self.episodes = {number: Episode(options, self._models) for number in numbers}

    def run(self, job: Callable[[dict[int, Episode]], dict[int, Row]]) -> Future[dict[int, Row]]:
        """Have the thread do a job on its episodes."""
        return self._thread.submit(job, self.episodes)

    def close(self) -> None:
        """End the thread, after what it is doing."""
        self._thread.submit(_close_renderer)
        self._thread.shutdown(wait=True)


def _close_renderer() -> None:
    renderer = getattr(Renderer._threads, "renderer", None)
    if renderer is not None:
        renderer.close()


class LiberoVectorEnv(VectorEnv[dict[str, Any], np.ndarray, np.ndarray]):
    """A batch of `LiberoEnv`, made by `gymnasium.make_vec(id, num_envs=N, vectorization_mode="vector_entry_point")`.

    Observations are batched: pictures (N, H, W, 3), `state` (N, 8), `instruction` a tuple of N sentences. Rewards (N,)
    float64, `terminated` and `truncated` (N,) bool, and info in Gymnasium's vector form.

    Autoreset modes are Gymnasium's. In `AutoresetMode.DISABLED` an environment whose episode is over stands still at no
    cost until it is reset: its last observation and flags are repeated, its reward is 0.
    """

    def __init__(
        self,
        suite: str,
        num_envs: int = 1,
        *,
        workers: int | None = None,
        worker_kind: str = "thread",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            suite: see `LiberoEnv`.
            num_envs: N.
            workers: threads; None for one each processor, at most N.
            worker_kind: "thread".
            autoreset_mode: what happens after an episode's end.
            kwargs: the keyword arguments of `LiberoEnv`.

        Raises:
            OptionError: a value that is not allowed, or a keyword argument that `LiberoEnv` does not have.
            AssetError: an asset set that is missing or does not cover the suite.
        """
        try:
            options = check_options(suite, **kwargs)
        except TypeError as error:
            raise OptionError(f"{error} of {suite}".replace("check_options() got an ", "")) from None
        if worker_kind not in WORKER_KINDS:
            raise unknown(OptionError, "worker_kind", worker_kind, WORKER_KINDS, options.suite.env_id)
        for what, value in (("num_envs", num_envs), ("workers", 1 if workers is None else workers)):
            if isinstance(value, bool) or int(value) != value or value < 1:
                raise OptionError(f"{what} {value!r} in {options.suite.env_id}; allowed: an integer from 1")
        modes = {mode.value.lower(): mode for mode in AutoresetMode}
        wanted = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else str(autoreset_mode)
        if wanted.lower() not in modes:
            raise unknown(OptionError, "autoreset_mode", wanted, modes, options.suite.env_id)
        self._mode = modes[wanted.lower()]
        self._options = options
        self.num_envs = int(num_envs)
        self.render_mode = options.render_mode
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": 20,
            "autoreset_mode": self._mode,
            "image_orientation": options.image_orientation,
            "assets": options.scenes.name,
            # What `reset(options={"task": ..., "init_state": ...})` takes, so that a trainer can list the starts.
            "init_states": {
                task.index: count_states(task, options.split, options.scenes.published_states(task))
                for task in options.tasks
            },
        }
        self.single_observation_space = spaces.observation_space(options)
        self.single_action_space = spaces.action_space(options)
        self._spaces = spaces.observation_space(options).spaces
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        count = min(int(workers) if workers else _processors(), self.num_envs)
        self._workers = [_Worker(options, range(first, self.num_envs, count)) for first in range(count)]
        self._rows: list[Row | None] = [None] * self.num_envs
        self._pending: list[Future[dict[int, Row]]] | None = None

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start episodes.

        Args:
            seed: one for each environment, or an int s for s, s + 1, ...
            options: `reset_mask` (N,) bool, which environments to reset (all, where it is not given); `task`,
                `init_state`, `sim_state`: see `LiberoEnv.reset`, one for each environment or one for all.

        Returns:
            The observation of all environments, and the info of those that were reset.

        Raises:
            OptionError, TaskError, InitStateError: an unknown option, task or state.
        """
        super().reset(seed=None)
        asked = dict(options or {})
        for key in asked:
            if key not in RESET_OPTIONS:
                raise unknown(OptionError, "reset option", key, RESET_OPTIONS, self._options.suite.env_id)
        mask = self._mask(asked.pop("reset_mask", None))
        seeds = self._seeds(seed)
        plans = [
            {key: self._for_each(key, value)[number] for key, value in asked.items()} for number in range(self.num_envs)
        ]

        def job(episodes: dict[int, Episode]) -> dict[int, Row]:
            rows = {}
            for number, episode in episodes.items():
                if mask[number]:
                    episode.begin(seeds[number], plans[number])
                    rows[number] = (observe(episode, self._options), 0.0, False, False, episode.info())
            return rows

        self._pending = [worker.run(job) for worker in self._workers]
        fresh = self._collect()
        infos: dict[str, Any] = {}
        for number in sorted(fresh):
            infos = self._add_info(infos, fresh[number][4], number)
        return self._batch(), infos

    def step_async(self, actions: np.ndarray) -> None:
        """Start a step; `step_wait` ends it.

        Args:
            actions: (N, 7) or, with chunks, (N, C, 7).

        Raises:
            ActionError: another shape, or NaN or infinity in it.
            LiberoGymError: a step is under way, or nothing was reset yet.
        """
        if self._pending is not None:
            raise LiberoGymError("step_async() while a step is under way; call step_wait() first")
        if None in self._rows:
            raise LiberoGymError("step() before every environment was reset; call reset() first")
        given = np.asarray(actions)
        if given.shape != self.action_space.shape:
            raise ActionError(f"actions have shape {given.shape}; expected {self.action_space.shape}")
        if not np.isfinite(given).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(given))[0])
            raise ActionError(f"actions have {given[place]} at {place}; all values must be finite")

        def job(episodes: dict[int, Episode]) -> dict[int, Row]:
            return {number: self._step_one(number, episode, given[number]) for number, episode in episodes.items()}

        self._pending = [worker.run(job) for worker in self._workers]

    def step_wait(self) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """End the step that `step_async` started.

        Raises:
            LiberoGymError: no step is under way.
        """
        if self._pending is None:
            raise LiberoGymError("step_wait() without step_async()")
        rows = self._collect()
        infos: dict[str, Any] = {}
        for number in range(self.num_envs):
            infos = self._add_info(infos, rows[number][4], number)
        columns = [np.array([rows[number][part] for number in range(self.num_envs)]) for part in (1, 2, 3)]
        return self._batch(), columns[0].astype(np.float64), columns[1], columns[2], infos

    def step(self, actions: np.ndarray) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """`step_async` and `step_wait`."""
        self.step_async(actions)
        return self.step_wait()

    def render(self) -> tuple[np.ndarray, ...] | None:
        """The agentview of every environment for people, upright; None without a render mode."""
        if self.render_mode is None:
            return None
        size = max(RENDER_SIZE, self._options.image_size)

        def job(episodes: dict[int, Episode]) -> dict[int, Any]:
            quality = self._options.render_quality
            return {n: picture(episode.world, "agentview", size, "upright", quality) for n, episode in episodes.items()}

        pictures: dict[int, Any] = {}
        for future in [worker.run(job) for worker in self._workers]:
            pictures.update(future.result())
        return tuple(pictures[number] for number in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """End the workers and free their pictures' memory."""
        for worker in self._workers:
            worker.close()

    def _step_one(self, number: int, episode: Episode, action: np.ndarray) -> Row:
        """One environment's step, in its worker's thread."""
        if episode.over:
            if self._mode is AutoresetMode.DISABLED:
                return self._stand_still(number, episode)
            episode.begin(None, None)
            return observe(episode, self._options), 0.0, False, False, episode.info()
        outcome = episode.advance(action)
        observation, info = observe(episode, self._options), episode.info(outcome)
        if episode.over and self._mode is AutoresetMode.SAME_STEP:
            episode.begin(None, None)
            info = {**episode.info(), "final_obs": observation, "final_info": info}
            observation = observe(episode, self._options)
        return observation, float(outcome.rewards.sum()), outcome.terminated, outcome.truncated, info

    def _stand_still(self, number: int, episode: Episode) -> Row:
        row = self._rows[number]
        assert row is not None
        idle = Outcome(np.zeros(self._options.action_chunk or 1), 0, terminated=row[2], truncated=row[3])
        return row[0], 0.0, row[2], row[3], episode.info(idle)

    def _collect(self) -> dict[int, Row]:
        """Wait for all workers, even when one of them fails, and keep what they return."""
        assert self._pending is not None
        pending, self._pending = self._pending, None
        failures = [error for future in pending if (error := future.exception()) is not None]
        if failures:
            raise failures[0]
        rows: dict[int, Row] = {}
        for future in pending:
            rows.update(future.result())
        for number, row in rows.items():
            self._rows[number] = row
        return rows

    def _batch(self) -> dict[str, Any]:
        observations = [row[0] for row in self._rows if row is not None]
        return {
            key: tuple(observation[key] for observation in observations)
            if isinstance(space, gymnasium.spaces.Text)
            else np.stack([observation[key] for observation in observations])
            for key, space in self._spaces.items()
        }

    def _mask(self, mask: Any) -> np.ndarray:
        if mask is None:
            return np.ones(self.num_envs, dtype=bool)
        checked = np.asarray(mask)
        if checked.shape != (self.num_envs,) or checked.dtype != np.bool_:
            raise OptionError(
                f"reset_mask has shape {checked.shape} and type {checked.dtype}; expected ({self.num_envs},) bool"
            )
        if None in [row for row, chosen in zip(self._rows, checked, strict=True) if not chosen]:
            raise OptionError("reset_mask leaves out an environment that was never reset; reset all of them first")
        return checked

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + number for number in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise OptionError(f"{len(seed)} seeds for {self.num_envs} environments; expected one for each")
        return [None if one is None else int(one) for one in seed]

    def _for_each(self, key: str, value: Any) -> Sequence[Any]:
        """One value for each environment, from one for each or one for all."""
        shared = value is None or isinstance(value, (str, int, np.integer)) or np.ndim(value) == 0
        if key == "sim_state" and not shared and np.ndim(value) == 1 and np.asarray(value).dtype != object:
            shared = True
        if shared:
            return [value] * self.num_envs
        if len(value) != self.num_envs:
            raise OptionError(
                f"reset option {key} has {len(value)} values; expected one, or one for each of {self.num_envs}"
            )
        return list(value)


def _processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
