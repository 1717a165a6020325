"""Many LIBERO environments, over threads or processes.

    step_async(actions) --> worker 0: worlds 0, W, 2W, ...   physics without the GIL, then pictures
                        --> worker 1: worlds 1, W+1, ...
    step_wait()         <-- one batched observation, made of a row from each environment

A worker has its own copy of each task's model and its own OpenGL context; an environment adds its state. What an
environment does depends on its own seeds alone, so results are the same for any number and either kind of workers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from libero_gym import spaces
from libero_gym.errors import ActionError, LiberoGymError, OptionError, unknown
from libero_gym.options import check_options
from libero_gym.provenance import provenance
from libero_gym.tasks.init_states import count_states
from libero_gym.workers import WORKER_KINDS, open_workers
from libero_gym.workers.batch import ObservationBatch
from libero_gym.workers.protocol import Results
from libero_gym.workers.rows import Row, is_over, stand_still

RESET_OPTIONS = ("reset_mask", "task", "init_state", "sim_state")


class LiberoVectorEnv(VectorEnv[dict[str, Any], np.ndarray, np.ndarray]):
    """A batch of `LiberoEnv`, made by `gymnasium.make_vec(id, num_envs=N, vectorization_mode="vector_entry_point")`.

    Observations are batched: pictures (N, H, W, 3), `state` (N, 8), `instruction` a tuple of N sentences. Rewards (N,)
    float64, `terminated` and `truncated` (N,) bool, and info in Gymnasium's vector form.

    Autoreset modes are Gymnasium's. In `AutoresetMode.DISABLED` an environment whose episode is over stands still at no
    cost until it is reset: its last observation and flags are repeated, its reward is 0.

    With `worker_kind="process"` a worker may crash, or hang in a driver, and only its episodes are lost: they end as
    truncated in that step, with the reason in `info["worker_error"]` and their last known observation, and a new
    process goes on as the autoreset mode says. Processes are started with spawn, but without running the caller's
    script again, so no `if __name__ == "__main__"` is needed. What spawn needs is that a new interpreter finds the
    packages that this one has found, with the current environment variables and `sys.path`.
    """

    def __init__(
        self,
        suite: str,
        num_envs: int = 1,
        *,
        workers: int | None = None,
        worker_kind: str = "thread",
        worker_timeout: float = 120.0,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            suite: see `LiberoEnv`.
            num_envs: N.
            workers: threads or processes; None for one each processor, at most N.
            worker_kind: "thread", or "process" for isolation, at the price of a start of seconds and of memory.
            worker_timeout: seconds without a sign of life (one environment's step or reset that ends is one) after
                which a worker process counts as dead; a new process is given at least 60. Threads cannot be ended.
            autoreset_mode: what happens after an episode's end.
            copy: whether observations are the caller's to keep; without, their arrays are made once and each step
                writes into them, which spares a large batch the copying.
            kwargs: the keyword arguments of `LiberoEnv`.

        Raises:
            OptionError: a value that is not allowed, or a keyword argument that `LiberoEnv` does not have.
            AssetError: an asset set that is missing, or a bundle without the suite.
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
        if (
            isinstance(worker_timeout, bool)
            or not isinstance(worker_timeout, (int, float, np.number))
            or not worker_timeout > 0
        ):
            raise OptionError(f"worker_timeout {worker_timeout!r} in {options.suite.env_id}; allowed: seconds above 0")
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
            "render_quality": options.render_quality,
            "physics_quality": options.physics_quality,
            **provenance(options),
            # What `reset(options={"task": ..., "init_state": ...})` takes, so that a trainer can list the starts.
            "init_states": {
                task.id: count_states(task, options.split, options.scenes.published_states(task))
                for task in options.tasks
            },
        }
        self.single_observation_space = spaces.observation_space(options)
        self.single_action_space = spaces.action_space(options)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        count = min(int(workers) if workers else _processors(), self.num_envs)
        self._batch = ObservationBatch(options, self.num_envs)
        self._copy = bool(copy)
        self._workers = open_workers(worker_kind, options, self._mode, self._batch, count, float(worker_timeout))
        self._rows: list[Row | None] = [None] * self.num_envs
        self._seeds_given = [-1] * self.num_envs
        #: While a step is under way: the rows of the environments that take no part in it.
        self._standing: dict[int, Row] | None = None

    @property
    def asset_set(self) -> str:
        """Name of the asset set, e.g. "official" or "builtin-2"; `metadata` has its version too."""
        return self._options.scenes.name

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
            WorkerError: a worker process died of it, and so did the one that replaced it.
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
        if self._standing is not None:
            self._end_step()
        for number, one in enumerate(seeds):
            if mask[number] and one is not None:
                self._seeds_given[number] = one
        fresh = self._keep(
            self._workers.reset(
                {number: (seeds[number], plans[number]) for number in range(self.num_envs) if mask[number]}
            )
        )
        infos: dict[str, Any] = {}
        for number in sorted(fresh):
            infos = self._add_info(infos, fresh[number][4], number)
        return self._batch.read(copy=self._copy), infos

    def step_async(self, actions: np.ndarray) -> None:
        """Start a step; `step_wait` ends it.

        Args:
            actions: (N, 7) or, with chunks, (N, C, 7).

        Raises:
            ActionError: another shape, or NaN or infinity in it.
            LiberoGymError: a step is under way, or nothing was reset yet.
        """
        if self._standing is not None:
            raise LiberoGymError("step_async() while a step is under way; call step_wait() first")
        if None in self._rows:
            raise LiberoGymError("step() before every environment was reset; call reset() first")
        given = np.asarray(actions)
        if given.shape != self.action_space.shape:
            raise ActionError(f"actions have shape {given.shape}; expected {self.action_space.shape}")
        if not np.isfinite(given).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(given))[0])
            raise ActionError(f"actions have {given[place]} at {place}; all values must be finite")
        standing: dict[int, Row] = {}
        if self._mode is AutoresetMode.DISABLED:
            for number, row in enumerate(self._rows):
                assert row is not None
                if is_over(row, self._mode):
                    standing[number] = stand_still(row, self._options)
        self._workers.step_async({n: given[n] for n in range(self.num_envs) if n not in standing})
        self._standing = standing

    def step_wait(self) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """End the step that `step_async` started.

        Raises:
            LiberoGymError: no step is under way.
            WorkerError: a worker process died, and so did the one that replaced it.
        """
        if self._standing is None:
            raise LiberoGymError("step_wait() without step_async()")
        rows = self._end_step()
        infos: dict[str, Any] = {}
        for number in range(self.num_envs):
            infos = self._add_info(infos, rows[number][4], number)
        columns = [np.array([rows[number][part] for number in range(self.num_envs)]) for part in (1, 2, 3)]
        return self._batch.read(copy=self._copy), columns[0].astype(np.float64), columns[1], columns[2], infos

    def step(self, actions: np.ndarray) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """`step_async` and `step_wait`."""
        self.step_async(actions)
        return self.step_wait()

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]  # as Gymnasium's own subclasses do
        """The latest seed that each environment was given; -1 for none yet."""
        return tuple(self._seeds_given)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """The agentview of every environment for people, upright; None without a render mode."""
        if self.render_mode is None:
            return None
        pictures = self._workers.render()
        return tuple(pictures[number] for number in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """End the workers and free their pictures' memory."""
        self._workers.close()

    def _end_step(self) -> dict[int, Row]:
        """Wait for all workers, even when one of them fails."""
        assert self._standing is not None
        standing, self._standing = self._standing, None
        moved = self._workers.step_wait()
        return self._keep(Results({**standing, **moved.rows}, moved.error))

    def _keep(self, results: Results) -> dict[int, Row]:
        """Remember rows, those of other environments too where one has failed."""
        for number, row in results.rows.items():
            self._rows[number] = row
            self._batch.put(number, row.observation)
        if results.error is not None:
            raise results.error
        return results.rows

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
