"""Many LIBERO environments, over threads or processes.

    step_async(actions) --> worker 0: worlds 0, W, 2W, ...   physics without the GIL, then images
                        --> worker 1: worlds 1, W+1, ...
    step_wait()         <-- one batched observation, made of a row from each environment

A worker has its own copy of each task's model and its own OpenGL context; an environment adds its state. What an
environment does depends on its own seeds alone, so results are the same for any number and either kind of workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from libero_gym import reset_request, spaces, vector_arguments
from libero_gym.checks import check_choice, check_flag, check_integer, finite_array
from libero_gym.env import LiberoEnv
from libero_gym.errors import ActionError, ClosedError, LiberoGymError, ResetNeededError
from libero_gym.options import ARGUMENTS, RENDER_MODES, check_argument_names, check_options
from libero_gym.provenance import image_flip, provenance
from libero_gym.reset_request import ResetRequest, check_reset, check_reset_keys, check_seeds, value_per_env
from libero_gym.tasks.init_states import count_states
from libero_gym.time_limit import with_limit, with_time_limit
from libero_gym.workers import WORKER_KINDS, open_workers
from libero_gym.workers.batch import ObservationBatch
from libero_gym.workers.protocol import Results
from libero_gym.workers.rows import Row, idle_row, is_over

RESET_OPTIONS = ("reset_mask", *reset_request.RESET_OPTIONS)
#: What `LiberoVectorEnv` takes and `LiberoEnv` does not; for the message on an unknown keyword argument.
_OWN_ARGUMENTS = ("num_envs", "workers", "worker_kind", "worker_timeout", "autoreset_mode", "copy")


class LiberoVectorEnv(VectorEnv[dict[str, Any], np.ndarray, np.ndarray]):
    """A batch of `LiberoEnv`, made by `gymnasium.make_vec(id, num_envs=N, vectorization_mode="vector_entry_point")`.

    Observations are batched: images (N, H, W, 3), `state` (N, 8), `instruction` a tuple of N sentences. Rewards (N,)
    float64, `terminated` and `truncated` (N,) bool, and info in Gymnasium's vector form.

    Autoreset modes are Gymnasium's. In `AutoresetMode.DISABLED` an environment whose episode is over is idle at no
    cost until it is reset: its last observation and flags are repeated, its reward is 0.

    With `worker_kind="process"` a worker may crash, or hang in a driver, and only its episodes are lost: they end as
    truncated in that step, with the reason in `info["worker_error"]` and their last known observation, and a new
    process goes on as the autoreset mode says. Processes are started with spawn, but without running the caller's
    script again, so no `if __name__ == "__main__"` is needed. What spawn needs is that a new interpreter finds the
    packages that this one has found, with the current environment variables and `sys.path`.
    """

    #: Whose keyword arguments the other ones are.
    env_class = LiberoEnv

    def __init__(
        self,
        suite: str,
        num_envs: int = 1,
        *,
        workers: int | None = None,
        worker_kind: Literal["thread", "process"] = "thread",
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
            worker_timeout: seconds without a sign of life (an environment's step or reset that ends is one) after
                which a worker process counts as dead; a new process is given at least 60. Threads cannot be ended.
            autoreset_mode: what happens after an episode's end.
            copy: whether observations are the caller's to keep; without, their arrays are made once and each step
                writes into them, which spares a large batch the copying.
            kwargs: the keyword arguments of `LiberoEnv`.

        Raises:
            OptionError: a value that is not allowed, or a keyword argument that `LiberoEnv` does not have.
            AssetError: an asset set that is missing, or a bundle without the suite.
        """
        given = with_time_limit(kwargs)
        check_argument_names(given, (*ARGUMENTS, *_OWN_ARGUMENTS), str(suite))
        options = check_options(suite, **given)
        place = options.suite.env_id
        self.autoreset_mode = vector_arguments.check_autoreset_mode(autoreset_mode, place)
        self.num_envs = check_integer("num_envs", num_envs, 1, vector_arguments.MAX_ENVS, place)
        count = vector_arguments.worker_count(workers, self.num_envs, place)
        kind = check_choice("worker_kind", worker_kind, WORKER_KINDS, place)
        timeout = vector_arguments.check_seconds("worker_timeout", worker_timeout, place)
        self._copy = check_flag("copy", copy, place)
        self._options = options
        self._arguments = deepcopy(
            {
                "suite": suite,
                "num_envs": self.num_envs,
                "workers": workers,
                "worker_kind": kind,
                "worker_timeout": timeout,
                "autoreset_mode": self.autoreset_mode,
                "copy": self._copy,
                **given,
            }
        )
        self._spec: EnvSpec | None = None
        self.render_mode = options.render_mode
        self.metadata = {
            "render_modes": list(RENDER_MODES),
            "render_fps": options.render_fps,
            "autoreset_mode": self.autoreset_mode,
            "image_orientation": options.image_orientation,
            "image_flip": image_flip(options),
            "render_quality": options.render_quality,
            "physics_quality": options.physics_quality,
            "saves_states": options.engine == "native",
            **provenance(options),
            # What `reset(options={"task": ..., "init_state": ...})` takes, for a trainer that goes through all of them.
            "init_states": {
                task.id: count_states(task, options.split, options.scenes.published_states(task))
                for task in options.tasks
            },
        }
        self.single_observation_space = spaces.observation_space(options)
        self.single_action_space = spaces.action_space(options)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._batch = ObservationBatch(options, self.num_envs)
        self._workers = open_workers(kind, options, self.autoreset_mode, self._batch, count, timeout)
        self._rows: list[Row | None] = [None] * self.num_envs
        self._seeds_given = [-1] * self.num_envs
        #: While a step is under way: the rows of the environments that take no part in it.
        self._idle: dict[int, Row] | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """What `gymnasium.make_vec` makes these environments again from; see `libero_gym.time_limit`."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = None if spec is None else with_limit(spec, self._options)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy how the environments were made, as `LiberoEnv` does; the copy begins with `reset()`."""
        return _make_again, (type(self), self._arguments, self._spec)

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
                `init_state`, `sim_state`, `state`: see `LiberoEnv.reset`, one for each environment or one for all.

        Returns:
            The observation of all environments, and the info of those that were reset.

        Raises:
            OptionError, TaskError, InitStateError: an unknown option, task or state.
            SavedStateError: a saved state that does not fit.
            WorkerError: a worker process died of it, and so did the one that replaced it.
        """
        self._check_usable("reset")
        seeds = check_seeds(self._options, seed, self.num_envs)
        given = check_reset_keys(self._options, {} if options is None else options, RESET_OPTIONS)
        mask = vector_arguments.check_mask(given.pop("reset_mask", None), [row is None for row in self._rows])
        by_env = {key: value_per_env(key, value, self.num_envs) for key, value in given.items()}
        requests = {}
        for index in np.flatnonzero(mask).tolist():
            env_options = {key: values[index] for key, values in by_env.items()}
            requests[index] = check_reset(self._options, seeds[index], env_options)
        # Nothing was changed up to here.
        if self._idle is not None:
            self._end_step()
        infos = self._begin(requests)
        return self._batch.read(copy=self._copy), infos

    def save_states(self) -> tuple[bytes, ...]:
        """Return each environment's state, see `LiberoEnv.save_state`, for `reset(options={"state": ...})`.

        Raises:
            ResetNeededError: before every environment was reset; LiberoGymError: a step is under way.
            WorkerError: a worker process has died, and the episode of an environment is lost with it.
        """
        self._check_usable("save_states", begun=True)
        return self.call("save_state")

    def fork(self, source: int, targets: Sequence[int]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Make environments go on from the present state of another one, to the last bit; nothing is rendered.

        What the targets were doing is dropped. Each keeps the generator that its later episodes are sampled from, so
        that they differ. A state that `call("set_sim_state", ...)` has set is observed after the next step.

        Args:
            source: index of the environment that is copied.
            targets: indices of those that become like it; `source` may be among them and stays as it is.

        Returns:
            What `reset` returns: the observation of all environments, and the info of the targets.

        Raises:
            OptionError: an index that is not among 0..N-1, or a target named twice.
            ResetNeededError: before every environment was reset; LiberoGymError: a step is under way.
            WorkerError: a worker process has died, and the episode of an environment is lost with it.
        """
        self._check_usable("fork", begun=True)
        self._check_idle("fork")
        chosen = [index for index in vector_arguments.check_targets(source, targets, self.num_envs) if index != source]
        state = self._workers.call("save_state", {source: ((), {})})[source]
        request = replace(check_reset(self._options, None, {"state": state}), forked=True)
        infos = self._begin(dict.fromkeys(chosen, request))
        self._batch.copy_rows(source, chosen)
        return self._batch.read(copy=self._copy), infos

    def step_async(self, actions: np.ndarray) -> None:
        """Start a step; `step_wait` ends it.

        Args:
            actions: (N, 7) or, with chunks, (N, C, 7).

        Raises:
            ActionError: another shape, or NaN or infinity in it; values beyond [-1, 1] are clipped, as LIBERO does.
            ResetNeededError: before the first reset; LiberoGymError: a step is under way.
            ClosedError, ForkError: the environments were closed, or belong to another process.
        """
        self._check_usable("step", begun=True)
        self._check_idle("step_async")
        shape = self.action_space.shape
        assert shape is not None
        checked = finite_array(ActionError, "actions", actions, shape)
        active = np.ones(self.num_envs, dtype=bool)
        idle: dict[int, Row] = {}
        if self.autoreset_mode is AutoresetMode.DISABLED:
            for index, row in enumerate(self._rows):
                assert row is not None
                if is_over(row, self.autoreset_mode):
                    active[index] = False
                    idle[index] = idle_row(row, self._options)
        self._workers.step_async(checked, active)
        self._idle = idle

    def step_wait(self) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """End the step that `step_async` started.

        Raises:
            LiberoGymError: no step is under way.
            WorkerError: a worker process died, and so did the one that replaced it.
        """
        self._check_usable("step_wait")
        if self._idle is None:
            raise LiberoGymError("step_wait() without step_async()")
        moved = self._end_step()
        rows = [moved[index] for index in range(self.num_envs)]
        infos: dict[str, Any] = {}
        for index, row in enumerate(rows):
            infos = self._add_info(infos, row.info, index)
        rewards = np.array([row.reward for row in rows], dtype=np.float64)
        terminated, truncated = np.array([row.terminated for row in rows]), np.array([row.truncated for row in rows])
        return self._batch.read(copy=self._copy), rewards, terminated, truncated, infos

    def step(self, actions: np.ndarray) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Do `step_async` and `step_wait`."""
        self.step_async(actions)
        return self.step_wait()

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]  # as Gymnasium's own subclasses do
        """The latest seed that each environment was given; -1 for none yet."""
        return tuple(self._seeds_given)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Render the agentview of every environment for people, upright; None without a render mode.

        Raises:
            ResetNeededError: before the first reset.
        """
        self._check_usable("render", begun=True)
        if self.render_mode is None:
            return None
        images = self._workers.render()
        return tuple(images[index] for index in range(self.num_envs))

    def render_env(self, index: int) -> np.ndarray | None:
        """Render one environment as `render` does all, (S, S, 3) uint8; OptionError: the index is not among 0..N-1."""
        self._check_usable("render_env", begun=True)
        return self.call_some([index], "render")[0]

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of each environment, or read an attribute, as Gymnasium's `SyncVectorEnv` does.

        Each environment answers as the `LiberoEnv` that it is: `call("get_sim_state")`, `call("set_sim_state", x)`,
        `call("model")`. What threads return is the environment's own object; processes return copies.

        Args:
            name: the method or attribute of `LiberoEnv`; not `reset`, `step` or `close`.
            args, kwargs: the method's arguments, the same for each environment.

        Returns:
            A value for each environment.

        Raises:
            EnvAttributeError: there is no such attribute, or a process cannot send its value.
            LiberoGymError: what the method raises, or a step is under way.
            WorkerError: a worker process has died, and the episode of an environment is lost with it.
        """
        return self.call_some(range(self.num_envs), name, *args, **kwargs)

    def call_some(self, indices: Sequence[int], name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Do `call` in some of the environments; OptionError: an index that is not among 0..N-1."""
        self._check_usable("call")
        self._check_idle("call")
        vector_arguments.check_call(name)
        for index in indices:
            vector_arguments.check_index("call_some()", index, self.num_envs)
        values = self._workers.call(name, dict.fromkeys(indices, (args, kwargs)))
        return tuple(values[index] for index in indices)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Do `call` without arguments."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of each environment; what a worker process that dies was given is lost with it.

        Args:
            name: the attribute.
            values: a list or tuple, one for each environment; any other value is for all of them.

        Raises:
            EnvAttributeError: it cannot be set.
            OptionError: a list or tuple of another length.
        """
        self._check_usable("set_attr")
        self._check_idle("set_attr")
        by_env = vector_arguments.attribute_values(name, values, self.num_envs)
        self._workers.call("__setattr__", {index: ((name, value), {}) for index, value in enumerate(by_env)})

    def close_extras(self, **kwargs: Any) -> None:
        """End the workers and free their images' memory."""
        # none yet where the constructor has refused an argument: Gymnasium 1.1 closes what it collects
        if hasattr(self, "_workers"):
            self._workers.close()

    def _begin(self, requests: dict[int, ResetRequest]) -> dict[str, Any]:
        """Start episodes as checked requests ask for; return the infos of these environments."""
        fresh = self._keep(self._workers.reset(requests))
        infos: dict[str, Any] = {}
        for index in sorted(fresh):
            if (env_seed := requests[index].seed) is not None:
                self._seeds_given[index] = env_seed
            infos = self._add_info(infos, fresh[index].info, index)
        return infos

    def _check_usable(self, method: str, *, begun: bool = False) -> None:
        if self.closed:
            raise ClosedError(f"{method}() after close(); make new environments")
        self._workers.check_process()
        if begun and None in self._rows:
            raise ResetNeededError(f"{method}() before every environment was reset; call reset() first")

    def _check_idle(self, method: str) -> None:
        if self._idle is not None:
            raise LiberoGymError(f"{method}() while a step is under way; call step_wait() first")

    def _end_step(self) -> dict[int, Row]:
        """Wait for all workers, even when one of them fails."""
        assert self._idle is not None
        idle, self._idle = self._idle, None
        moved = self._workers.step_wait()
        return self._keep(Results({**idle, **moved.rows}, moved.error))

    def _keep(self, results: Results) -> dict[int, Row]:
        """Remember rows, those of other environments too where one has failed."""
        for index, row in results.rows.items():
            self._rows[index] = row
            self._batch.instructions[index] = row.info["instruction"]
        if results.error is not None:
            raise results.error
        return results.rows


def _make_again(cls: type[LiberoVectorEnv], arguments: dict[str, Any], spec: EnvSpec | None) -> LiberoVectorEnv:
    envs = cls(**arguments)
    envs.spec = spec
    return envs
