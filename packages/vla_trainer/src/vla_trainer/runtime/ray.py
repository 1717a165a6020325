"""The `ray` backend: environments, rollout and actor in processes of their own, where the placement puts them.

What it does in an iteration is what the `local` backend does, in the same order: episodes have the same starts and
samples, the update the same batch and shuffles. See `vla_trainer.runtime` for the processes.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vla_trainer import checkpoint, resume
from vla_trainer.checkpoint import Unpublished
from vla_trainer.config.algorithm import GRPO, PPO, SFT
from vla_trainer.config.environment import class_metadata
from vla_trainer.config.schema import Config
from vla_trainer.errors import CheckpointError, EnvError
from vla_trainer.evaluation.evaluate import OnEpisode, summarize
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.placement.check import place
from vla_trainer.provenance import Provenance
from vla_trainer.rollout.envs import evaluation_env
from vla_trainer.rollout.initial_states import evaluation_states
from vla_trainer.rollout.priorities import TaskSampler
from vla_trainer.runtime.components import write_checkpoint
from vla_trainer.runtime.connect import Machines
from vla_trainer.runtime.eager_update import POLL_SECONDS, EagerUpdate
from vla_trainer.runtime.episode_queue import EpisodeQueueActor, GroupOrder, ListOrder
from vla_trainer.runtime.merge import merge
from vla_trainer.runtime.process_layout import layout_of
from vla_trainer.runtime.supervisor import EnvProcesses, unwrapped
from vla_trainer.types import Batch, Rollout, Video, VideoRequest
from vla_trainer.update.schedule import temperature_at

IMPORTANCE_CAP = 2.0
"""Where `rollout.importance_cap` is null."""


class RayBackend:
    """See `vla_trainer.runtime.interface.Backend`."""

    def __init__(self, config: Config) -> None:
        """
        Raises:
            PlacementError, BackendError: the placement does not fit the amounts, or the machines are not there.
            EnvError, PolicyError: what making environments and policies in their processes raises.
        """
        self._config = config
        assert not isinstance(config.algorithm, SFT)
        self._algorithm: PPO | GRPO = config.algorithm
        self._layout = layout_of(place(config), config.env.num_envs, config.rollout.pipeline_stage_num)
        # as in the local backend
        initial_states_seed, shuffles_seed = np.random.SeedSequence(config.trainer.seed).generate_state(2)
        self._initial_state_rng = np.random.default_rng(initial_states_seed)
        self._shuffles = torch.Generator().manual_seed(int(shuffles_seed)).get_state()
        self._version = 0
        self.env_steps = 0
        self.sync_bytes = 0
        """Sent by the latest weight sync."""
        self._policies: list[Any] = []
        self._queue: Any = None
        self._eager: EagerUpdate | None = None
        self._background = ThreadPoolExecutor(1, "collect")
        self._ahead: Rollout | None = None
        """The next iteration's rollout, where it was collected during this one's update."""
        self._before: Any = None
        """Where it began."""
        self._videos: VideoRequest | None = None
        self._acted = 0
        """The version of the weights that collected the latest rollout."""
        self._machines = Machines(config.cluster, class_metadata(config.env.id).get("environment_variables", ()))
        try:
            self._start(int(initial_states_seed))
        except BaseException:
            self.close()
            raise

    @property
    def fps(self) -> float:
        return self._env_spec.fps

    @property
    def provenance(self) -> Provenance:
        return self._env_spec.provenance

    def collect(self, videos: VideoRequest | None = None, iteration: int | None = None) -> Rollout:
        if self._ahead is None:
            rollout = self._collect(videos, iteration)
        else:
            rollout, self._ahead = self._ahead, None
            self._videos = videos  # of what is collected next
        # one version in all of a rollout: weights are sent when nothing is being collected
        self._acted = int(rollout.version[rollout.mask].max())
        self._tasks.note(rollout.episodes)
        self.env_steps += rollout.env_steps
        return rollout

    def _collect(self, videos: VideoRequest | None, iteration: int | None) -> Rollout:
        config, algorithm = self._config.rollout, self._algorithm
        if config.temperature_final is not None:
            temperature = temperature_at(config, iteration or 1, self._config.trainer.iterations)
            self._call([self._policies[index].sample_at.remote(temperature) for index in self._layout.acting()])
        if isinstance(algorithm, GRPO):
            assert config.episodes is not None
            count = config.episodes // algorithm.group_size
            drawn = self._tasks.draw(self._initial_state_rng, count, config.resample_groups)
            seed = int(self._initial_state_rng.integers(2**31))
            self._call(
                self._queue.begin.remote(
                    GroupOrder(drawn, count, algorithm.group_size, seed, algorithm.keep_mean_return)
                )
            )
            eager = self._eager = self._eager_update(algorithm, iteration)
            parts = self._envs.run(
                lambda worker, rank: worker.collect_episodes.remote(_of_first(videos, rank), eager is not None),
                None if eager is None else eager.look,
                POLL_SECONDS,
            )
        else:
            parts = self._envs.run(
                lambda worker, rank: worker.collect_horizon.remote(config.horizon, _of_first(videos, rank))
            )
            # from where a process that is lost in the next iteration goes on
            self._envs.remember()
        flushed = self._call([self._policies[index].flush.remote() for index in self._layout.acting()])
        resampled = self._call(self._queue.resampled.remote()) if isinstance(algorithm, GRPO) else 0
        return merge(parts, self._layout.envs, dict(enumerate(flushed)), resampled)

    def update(self, batch: Batch, iteration: int) -> dict[str, float]:
        settings = self._config.rollout
        ahead = None
        if settings.max_staleness and iteration < self._config.trainer.iterations:
            # a checkpoint of this iteration goes on from here, and collects again
            self._before = (self._initial_state_rng.bit_generator.state, *self._envs.running())
            ahead = self._background.submit(self._collect, self._videos, iteration + 1)
        if self._eager is not None:
            self._call(self._eager.under_way)
        staleness = self._version - self._acted
        cap = (settings.importance_cap or IMPORTANCE_CAP) if staleness else None
        done = self._call([one.update.remote(batch, iteration, self._shuffles, cap) for one in self._learning()])
        metrics, self._shuffles = done[0]
        if settings.max_staleness:
            metrics = {**metrics, "rollout/staleness": float(staleness)}
        if ahead is not None:
            self._ahead, self._videos = ahead.result(), None
        self._version += 1
        self._synchronize()
        return dict(metrics)

    def evaluate(
        self, videos: VideoRequest | None = None, on_episode: OnEpisode | None = None
    ) -> tuple[Evaluation, list[Video]]:
        config, settings = self._config, self._config.eval
        each = max((settings.num_envs or config.env.num_envs) // len(self._layout.envs), 1)
        env_spec = self._envs.open_evaluation(each)
        listed = evaluation_states(env_spec.init_states, settings.episodes)
        self._call(self._queue.begin.remote(ListOrder(listed, config.trainer.seed)))
        told = 0

        def tell() -> None:
            nonlocal told
            ended, successes = self._call(self._queue.progress.remote())
            if on_episode is not None and ended > told:
                told = ended
                on_episode(ended, len(listed), successes)

        parts = self._envs.run(
            lambda worker, rank: worker.evaluate.remote(_of_first(videos, rank)), tell if on_episode else None
        )
        if on_episode is not None:
            tell()
        rollouts = [part for part in parts if part is not None]
        episodes = {number: episode for part in rollouts for number, episode in part.episodes.items()}
        evaluation = summarize(
            [episodes[number] for number in range(len(listed))],
            env_spec.provenance,
            None if env_spec.init_states is None else sum(env_spec.init_states.values()),
            deterministic=settings.deterministic,
            split=evaluation_env(config.env, settings).get("split"),
            notices=[*config.notices(), *config.evaluation_notices()],
        )
        return evaluation, [video for part in rollouts for video in part.videos]

    def save(self, folder: Path, iteration: int, progress: dict[str, Any], score: float | None) -> Unpublished:
        if self._ahead is None:
            self._before = (self._initial_state_rng.bit_generator.state, *self._envs.running())
        start_rng, running, begun = self._before
        state: dict[str, Any] = {
            "iteration": iteration,
            "progress": progress,
            "running": running,
            "env_steps": self.env_steps,
            "start_rng": start_rng,
            "tasks": self._tasks.state(),
            "shuffles": self._shuffles,
            "begun": begun,
            "version": self._version,
            "torch": torch.get_rng_state(),
        }
        written: Any = _Remote(self)
        return write_checkpoint(self._config, folder, iteration, written, state, self.provenance, score)

    def load(self, path: Path) -> tuple[int, dict[str, Any]]:
        path = checkpoint.follow(path).absolute()
        state = checkpoint.read_state(path)
        resume.check_state(path, state, self._config)
        self._load_weights(path, state)
        self._initial_state_rng.bit_generator.state = state["start_rng"]
        self._tasks.restore(state["tasks"])
        self._shuffles = state["shuffles"]
        self.env_steps, self._version = int(state["env_steps"]), int(state["version"])
        self._envs.go_on(*resume.running_episodes(state, self._config))
        self._synchronize()
        return int(state["iteration"]), state["progress"]

    def restore_weights(self, path: Path) -> None:
        path = checkpoint.follow(path).absolute()
        self._load_weights(path, checkpoint.read_state(path))
        # collected ahead with weights that are given up
        self._ahead = None
        self._version += 1
        self._synchronize()

    def scale_lr(self, scale: float) -> None:
        self._call([one.scale_lr.remote(scale) for one in self._learning()])

    def close(self) -> None:
        import ray

        if ray.is_initialized():
            if hasattr(self, "_envs"):
                self._envs.close()
            for one in [*self._policies, self._queue]:
                if one is not None:
                    ray.kill(one)
            self._policies, self._queue = [], None
        self._background.shutdown()
        self._machines.close()

    def processes(self) -> dict[str, int]:
        """The operating system's number of each process, by name: "env 0", "rollout process 1", "queue", ..."""
        named = {one.name: handle for one, handle in zip(self._layout.policies, self._policies, strict=True)}
        named |= {f"env process {rank}": handle for rank, handle in enumerate(self._envs.handles)}
        return dict(zip(named, self._call([handle.pid.remote() for handle in named.values()]), strict=True))

    def trainable_bytes(self) -> int:
        """Of the weights that are trained."""
        return int(self._call(self._policies[0].trainable_bytes.remote()))

    def _load_weights(self, path: Path, state: dict[str, Any]) -> None:
        """Let those that learn read weights and optimizer."""
        learning = self._learning()
        if state["policy"] is None:
            self._call([one.load.remote(str(path / checkpoint.SHARDS)) for one in learning])
        elif len(learning) == 1:
            self._call(learning[0].load_whole.remote(str(path)))
        else:
            raise CheckpointError(
                f"{path} was written by one process; {len(learning)} actor processes read only what several wrote. "
                "Continue with one actor process, whose checkpoints any number can read"
            )

    def _start(self, initial_states_seed: int) -> None:
        import ray

        from vla_trainer.runtime.policy_worker import PolicyWorker

        config, layout = self._config, self._layout
        queue: Any = ray.remote(EpisodeQueueActor)
        self._queue = queue.options(**self._machines.options(0, (), {})).remote()
        on_node = layout.per_node()
        cores = {node: self._machines.cores(node) for node in on_node}
        for rank, one in enumerate(layout.policies):
            here = sum(other.node == one.node for other in layout.policies)
            threads = config.trainer.threads or max(cores[one.node] // here, 1)
            options = self._machines.options(one.node, one.gpus, {"OMP_NUM_THREADS": str(threads)})
            self._policies.append(ray.remote(PolicyWorker).options(**options).remote(config, one, rank, threads))
        acting = [self._policies[index] for index in layout.acting()]
        self._envs = EnvProcesses(
            config, layout.envs, self._machines, acting, self._queue, initial_states_seed, self._names()
        )
        self._env_spec = self._envs.open()
        self._tasks = TaskSampler(self._env_spec.init_states, self._config.rollout.task_sampling)
        space = self._env_spec.action_space
        if space.shape is None:
            raise EnvError(f"{config.env.name}: its action space is {space}; the trainer needs a Box")
        size, learning = len(self._policies), len(layout.learning())
        address = self._call(self._policies[0].address.remote(size)) if size > 1 else None
        self._call([one.open.remote(self._env_spec, address, learning, size) for one in self._policies])

    def _learning(self) -> list[Any]:
        """Those that learn, by actor rank."""
        return [self._policies[index] for index in self._layout.learning()]

    def _eager_update(self, algorithm: GRPO, iteration: int | None) -> EagerUpdate | None:
        """Where those that learn have nothing else to do, they begin with the groups that end first."""
        actor = self._config.actor
        if actor.batch_order != "groups" or iteration is None or not self._layout.apart():
            return None
        assert actor.global_batch_size is not None
        policies = [self._policies[index] for index in self._layout.acting()]
        return EagerUpdate(self._queue, policies, self._learning(), algorithm, actor.global_batch_size, iteration)

    def _synchronize(self) -> None:
        """All processes act with the present weights from now on."""
        self.sync_bytes = sum(self._call([one.sync.remote(self._version) for one in self._policies]))

    def _call(self, refs: Any) -> Any:
        """What processes answer; what they raise is raised here as it was there."""
        import ray

        try:
            waiting = list(refs) if isinstance(refs, list) else [refs]
            while waiting:
                # one after the other as they end: where one is lost, others may wait for it
                done, waiting = ray.wait(waiting, num_returns=1)
                ray.get(done)
            return ray.get(refs)
        except ray.exceptions.RayError as error:
            raise unwrapped(error, self._names()) from error

    def _names(self) -> dict[str, str]:
        """What each process is called in messages, by Ray's number of it."""
        handles = zip([*self._layout.policies], self._policies, strict=False)
        named = {handle._actor_id.hex(): one.name for one, handle in handles}
        if self._queue is not None:
            named[self._queue._actor_id.hex()] = "the process with the queue of episodes"
        return named


class _Remote:
    """What `checkpoint.write` asks of a policy, in the processes that have it."""

    def __init__(self, backend: RayBackend) -> None:
        self._backend = backend

    def save_pretrained(self, folder: Path) -> None:
        backend, here = self._backend, folder.absolute()
        backend._call([one.save.remote(str(here), str(here / checkpoint.SHARDS)) for one in backend._learning()])

    def state_dict(self) -> None:
        """Is in `checkpoint.SHARDS`."""


def _of_first(videos: VideoRequest | None, rank: int) -> VideoRequest | None:
    """One env process videos."""
    return videos if rank == 0 else None
