"""The `ray` runtime: environments, rollout and actor in processes of their own, where the placement puts them.

    EnvWorker          its environments, and the collector over them     one an env process
    PolicyWorker       acts (rollout), learns (actor), or does both      one a rollout or actor process; where the two
                                                                         have the same GPUs they share one
    EpisodeQueueActor  which episode comes next                          one

    env worker --observations, seeds--> policy worker --actions, log-probabilities--> env worker
                                            | images stay there, in Ray's object store
    driver <--what happened, row numbers-- env worker
    driver --advantages, row numbers--> policy workers that learn <--images-- object store

Nothing that is large goes through the driver.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from vla_trainer import checkpoint
from vla_trainer.algorithms.queues import GroupOrder, HorizonOrder, ListOrder
from vla_trainer.config.environment import class_metadata
from vla_trainer.config.schema import Config, Env
from vla_trainer.errors import CheckpointError
from vla_trainer.evaluation.evaluate import OnEpisode
from vla_trainer.facts import Fact
from vla_trainer.initial_states import run_seeds
from vla_trainer.placement import place
from vla_trainer.rollout.env_spec import EnvSpec
from vla_trainer.runtime.connect import Machines
from vla_trainer.runtime.eager_update import POLL_SECONDS, EagerUpdate
from vla_trainer.runtime.episode_queue import EpisodeQueueActor
from vla_trainer.runtime.merge import merge
from vla_trainer.runtime.object_store import PackedBatch
from vla_trainer.runtime.process_layout import layout_of
from vla_trainer.runtime.supervisor import EnvProcesses, unwrapped
from vla_trainer.types import Batch, EvaluationRollout, Rollout, VideoRequest


class RayRuntime:
    """See `vla_trainer.runtime.interface.RLRuntime`."""

    env_spec: EnvSpec

    def __init__(self, config: Config) -> None:
        """
        Raises:
            PlacementError, BackendError: the placement does not fit the amounts, or the machines are not there.
            EnvError, PolicyError: what making environments and policies in their processes raises.
        """
        self._config = config
        self._layout = layout_of(place(config), config.env.num_envs, config.rollout.pipeline_stage_num)
        self.sync_bytes = 0
        """Sent by the latest weight sync."""
        self._temperature = config.rollout.temperature
        self._policies: list[Any] = []
        self._queue: Any = None
        self._eager: EagerUpdate | None = None
        self._machines = Machines(config.cluster, class_metadata(config.env.id).get("environment_variables", ()))
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def name_renderer(self) -> str | None:
        renderer = self._envs.renderer()
        self.env_spec = self.env_spec.rendered_by(renderer)
        return renderer

    def collect(
        self,
        order: HorizonOrder | GroupOrder,
        temperature: float,
        videos: VideoRequest | None = None,
        eager_iteration: int | None = None,
    ) -> Rollout:
        if temperature != self._temperature:
            self._call([policy.sample_at.remote(temperature) for policy in self._acting()])
            self._temperature = temperature
        resampled = 0
        if isinstance(order, GroupOrder):
            self._call(self._queue.begin.remote(order))
            eager = self._eager = self._eager_update(order, eager_iteration)
            parts = self._envs.run(
                lambda worker, rank: worker.collect_episodes.remote(_of_first(videos, rank), eager is not None),
                None if eager is None else eager.look,
                POLL_SECONDS,
            )
            resampled = self._call(self._queue.resampled.remote())
        else:
            parts = self._envs.run(lambda worker, rank: worker.collect_horizon.remote(order, _of_first(videos, rank)))
            # from where a process that is lost in the next iteration goes on
            self._envs.remember()
        flushed = self._call([policy.flush.remote() for policy in self._acting()])
        return merge(parts, self._layout.envs, dict(enumerate(flushed)), resampled)

    def update(
        self, batch: Batch, iteration: int, shuffles: Tensor, importance_cap: float | None
    ) -> tuple[dict[str, float], Tensor]:
        import ray

        if self._eager is not None:
            self._call(self._eager.under_way)
        # once, not for each process
        shared = ray.put(PackedBatch.of(batch))
        answers = self._call(
            [policy.update.remote(shared, iteration, shuffles, importance_cap) for policy in self._learning()]
        )
        metrics, shuffles = answers[0]
        return dict(metrics), shuffles

    def sync(self, version: int) -> None:
        self.sync_bytes = sum(self._call([policy.sync.remote(version) for policy in self._policies]))

    def open_evaluation(self, env: Env | None = None) -> EnvSpec:
        config = self._config
        per_process = max((config.eval.num_envs or config.env.num_envs) // len(self._layout.envs), 1)
        return self._envs.open_evaluation(per_process, env)

    def evaluate(
        self, order: ListOrder, videos: VideoRequest | None = None, on_episode: OnEpisode | None = None
    ) -> EvaluationRollout:
        self._call(self._queue.begin.remote(order))
        reported = 0

        def report() -> None:
            nonlocal reported
            ended, successes = self._call(self._queue.progress.remote())
            if on_episode is not None and ended > reported:
                reported = ended
                on_episode(ended, len(order.initial_states), successes)

        parts = self._envs.run(
            lambda worker, rank: worker.evaluate.remote(_of_first(videos, rank)), report if on_episode else None
        )
        if on_episode is not None:
            report()
        rollouts = [part for part in parts if part is not None]
        return EvaluationRollout(
            {number: episode for part in rollouts for number, episode in part.episodes.items()},
            [video for part in rollouts for video in part.videos],
        )

    def policy_facts(self) -> tuple[Fact, ...]:
        facts: tuple[Fact, ...] = self._call([self._policies[0].facts.remote()])[0]
        return facts

    def running(self) -> tuple[list[dict[str, Any]], list[int]]:
        return self._envs.running()

    def continue_episodes(self, running: Sequence[Mapping[str, Any]], begun: Sequence[int]) -> None:
        self._envs.go_on(running, begun)

    def write_weights(self, folder: Path, name: Path, *, export: bool = True) -> dict[str, Any]:
        whole, shards = str(folder.absolute()) if export else None, str(folder.absolute() / checkpoint.SHARDS)
        self._call([policy.save.remote(whole, shards) for policy in self._learning()])
        return {"policy": None}

    def load_weights(self, path: Path, state: dict[str, Any]) -> None:
        path, learning = path.absolute(), self._learning()
        if state.pop("policy") is None:
            self._call([policy.load.remote(str(path / checkpoint.SHARDS)) for policy in learning])
        elif len(learning) == 1:
            self._call(learning[0].load_whole.remote(str(path)))
        else:
            raise CheckpointError(
                f"{path} was written by one process; {len(learning)} actor processes read only what several wrote. "
                "Continue with one actor process, whose checkpoints any number can read"
            )

    def take_into_mean(self, *, first: bool, last: bool) -> None:
        self._call([policy.take_into_mean.remote(first, last) for policy in self._learning()])

    def scale_lr(self, scale: float) -> None:
        self._call([policy.scale_lr.remote(scale) for policy in self._learning()])

    def close(self) -> None:
        import ray

        if ray.is_initialized():
            if hasattr(self, "_envs"):
                self._envs.close()
            for handle in [*self._policies, self._queue]:
                if handle is not None:
                    ray.kill(handle)
            self._policies, self._queue = [], None
        self._machines.close()

    def processes(self) -> dict[str, int]:
        """Return the operating system's number of each process, by name: "env process 0", "rollout process 1", ..."""
        named = {process.name: handle for process, handle in zip(self._layout.policies, self._policies, strict=True)}
        named |= {f"env process {rank}": handle for rank, handle in enumerate(self._envs.handles)}
        return dict(zip(named, self._call([handle.pid.remote() for handle in named.values()]), strict=True))

    def trainable_bytes(self) -> int:
        """Return the bytes of the weights that are trained."""
        return int(self._call(self._policies[0].trainable_bytes.remote()))

    def _start(self) -> None:
        import ray

        from vla_trainer.runtime.policy_worker import PolicyWorker

        config, layout = self._config, self._layout
        queue: Any = ray.remote(EpisodeQueueActor)
        self._queue = queue.options(**self._machines.options(0, (), {})).remote()
        cores = {node: self._machines.cores(node) for node in layout.per_node()}
        for rank, process in enumerate(layout.policies):
            on_node = sum(other.node == process.node for other in layout.policies)
            threads = config.trainer.threads or max(cores[process.node] // on_node, 1)
            options = self._machines.options(process.node, process.gpus, {"OMP_NUM_THREADS": str(threads)})
            self._policies.append(ray.remote(PolicyWorker).options(**options).remote(config, process, rank, threads))
        per_env_seed = run_seeds(config.trainer.seed)[0]
        self._envs = EnvProcesses(
            config, layout.envs, self._machines, self._acting(), self._queue, per_env_seed, self._names()
        )
        self.env_spec = self._envs.open()
        assert self.env_spec.action_dim
        size, nodes = len(self._policies), [layout.policies[index].node for index in layout.learning()]
        address = self._call(self._policies[0].address.remote(size)) if size > 1 else None
        self._call([policy.open.remote(self.env_spec, address, nodes, size) for policy in self._policies])

    def _acting(self) -> list[Any]:
        """Those that act, by rollout rank."""
        return [self._policies[index] for index in self._layout.acting()]

    def _learning(self) -> list[Any]:
        """Those that learn, by actor rank."""
        return [self._policies[index] for index in self._layout.learning()]

    def _eager_update(self, order: GroupOrder, iteration: int | None) -> EagerUpdate | None:
        """Where those that learn have nothing else to do, they begin with the groups that end first."""
        actor = self._config.actor
        if actor.batch_order != "groups" or iteration is None or not self._layout.apart():
            return None
        assert actor.global_batch_size is not None
        return EagerUpdate(
            self._queue,
            self._acting(),
            self._learning(),
            order,
            batch_size=actor.global_batch_size,
            iteration=iteration,
        )

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
        named = {handle._actor_id.hex(): process.name for process, handle in handles}
        if self._queue is not None:
            named[self._queue._actor_id.hex()] = "the process with the queue of episodes"
        return named


def _of_first(videos: VideoRequest | None, rank: int) -> VideoRequest | None:
    """One env process records."""
    return videos if rank == 0 else None
