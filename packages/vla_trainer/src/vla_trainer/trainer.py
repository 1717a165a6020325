"""What an iteration is: the trainers, which hold all state of a run and decide what a runtime carries out.

Axes: T policy steps, N environments, B policy steps that are learned from.
"""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from vla_trainer import checkpoint, resume
from vla_trainer.checkpoint import Unpublished
from vla_trainer.config.schema import Config
from vla_trainer.critic import Critic
from vla_trainer.evaluation.run import check_episodes, evaluate_run
from vla_trainer.initial_states import run_seeds
from vla_trainer.learning_rate import LearningRateFollower
from vla_trainer.rollout.env_spec import EnvSpec
from vla_trainer.rollout.priorities import task_sampler
from vla_trainer.rollout.statistics import WINDOW, rollout_metrics
from vla_trainer.runtime.interface import RLRuntime, Runtime
from vla_trainer.schedule import temperature_at
from vla_trainer.self_imitation import SelfImitation
from vla_trainer.types import Batch, Rollout, Video, VideoRequest
from vla_trainer.video import VideoWriter

if TYPE_CHECKING:
    from vla_trainer.evaluation.evaluate import OnEpisode
    from vla_trainer.evaluation.result import Evaluation
    from vla_trainer.sft.learner import DemonstrationLearner

IMPORTANCE_CAP = 2.0
"""Where `rollout.importance_cap` is null."""

Times = dict[str, float]
"""Seconds of each stage of an iteration."""


class Trainer(Protocol):
    """What the loop asks of an algorithm's trainer."""

    @property
    def env_spec(self) -> EnvSpec:
        """The environments that the policy is made for."""

    @property
    def runtime(self) -> Runtime:
        """What carries out its stages."""

    def prepare(self) -> str | None:
        """Read or open what is learned from, after `load`; returns a line about it."""

    def iteration(self, number: int, times: Times, videos: VideoWriter) -> dict[str, float]:
        """Learn once; returns metrics, and puts the seconds of its stages into `times`."""

    def evaluate(
        self, videos: VideoRequest | None = None, on_episode: "OnEpisode | None" = None
    ) -> "tuple[Evaluation, list[Video]]":
        """Evaluate the present weights as `config.eval` says; call `on_episode` after each episode."""

    def save(self, folder: Path, iteration: int, progress: dict[str, Any], score: float | None) -> Unpublished:
        """Write a checkpoint that the loop publishes in `folder`.

        `progress` is what the loop wants back, in plain types; `score` the value of `trainer.best_metric`, if measured.
        """

    def load(self, path: Path) -> tuple[int, dict[str, Any]]:
        """Continue from a checkpoint; returns its iteration and the loop's progress.

        Raises:
            CheckpointError: it is damaged, or does not fit.
        """

    def restore_weights(self, path: Path) -> None:
        """Put weights and optimizer of a checkpoint in the place of the present ones; all else stays as it is.

        Raises:
            CheckpointError: as `load`.
        """

    def scale_lr(self, scale: float) -> None:
        """Multiply what the config says about learning rates by this from now on; not what was set before."""

    def close(self) -> None:
        """Release environments and processes."""


class _RuntimeTrainer:
    """What all trainers do in the same way."""

    def __init__(self, config: Config, runtime: Runtime) -> None:
        self._config, self.runtime = config, runtime

    @property
    def env_spec(self) -> EnvSpec:
        return self.runtime.env_spec

    def evaluate(
        self, videos: VideoRequest | None = None, on_episode: "OnEpisode | None" = None
    ) -> "tuple[Evaluation, list[Video]]":
        return evaluate_run(self._config, self.runtime, videos, on_episode)

    def _average(self, number: int) -> bool:
        """Take part in the mean of the last iterations' weights; return whether it has taken their place."""
        settings = self._config.trainer
        first = max(settings.iterations - (settings.average_last or 0), 0) + 1
        if number < first:
            return False
        last = number == settings.iterations
        self.runtime.take_into_mean(first=number == first, last=last)
        return last

    def _save(self, folder: Path, iteration: int, state: dict[str, Any], score: float | None) -> Unpublished:
        settings = self._config.trainer
        scored = checkpoint.Score(settings.best_metric, score)
        last = iteration == settings.iterations
        export = settings.export == "every" or last or checkpoint.is_best(folder, scored)
        state = {
            resume.CONFIG_KEY: resume.written_under(self._config),
            "iteration": iteration,
            "torch": torch.get_rng_state(),
            **state,
        }
        return checkpoint.write(
            folder,
            iteration,
            partial(self.runtime.write_weights, export=export),
            state,
            settings.keep_checkpoints,
            self.env_spec.provenance,
            scored,
        )

    def _load(self, path: Path) -> dict[str, Any]:
        path = checkpoint.follow(path)
        state = checkpoint.read_state(path)
        resume.check_state(path, state, self._config)
        self.runtime.load_weights(path, state)
        torch.set_rng_state(state["torch"])
        return state

    def restore_weights(self, path: Path) -> None:
        path = checkpoint.follow(path)
        self.runtime.load_weights(path, checkpoint.read_state(path))

    def scale_lr(self, scale: float) -> None:
        self.runtime.scale_lr(scale)

    def close(self) -> None:
        self.runtime.close()


class RLTrainer(_RuntimeTrainer):
    """Learns from rollouts: PPO, GRPO."""

    runtime: RLRuntime

    def __init__(self, config: Config, runtime: RLRuntime) -> None:
        """
        Raises:
            ConfigError: `rollout.task_sampling` does not fit the environment; the runtime is closed then.
        """
        super().__init__(config, runtime)
        self._algorithm = config.policy_gradient
        initial_states_seed, shuffles_seed = run_seeds(config.trainer.seed)
        self._initial_state_rng = np.random.default_rng(initial_states_seed)
        self._shuffles = torch.Generator().manual_seed(shuffles_seed).get_state()
        try:
            self._tasks = task_sampler(config, runtime.env_spec)
        except BaseException:
            runtime.close()
            raise
        settings = self._algorithm.own_critic
        try:
            self._critic = None if settings is None else Critic(settings, runtime.env_spec, config.trainer.seed)
        except BaseException:
            runtime.close()
            raise
        imitation = self._algorithm.self_imitation
        self._own = None if imitation is None else SelfImitation(imitation)
        """Successes that are imitated."""
        self._rate = LearningRateFollower(config.actor) if config.actor.update_kl is not None else None
        self._scale = 1.0
        """What the learning rates are multiplied by besides, after a rollback."""
        self._version = 0
        """How often the weights have been updated."""
        self.env_steps = 0
        """Environment steps collected since the run began, resumes included."""
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._behavior_version = 0
        """Of the weights that collected the latest rollout."""
        self._background = ThreadPoolExecutor(1, "collect")
        self._ahead: Rollout | None = None
        """The next iteration's rollout, where it was collected during this one's update."""
        self._before: Any = None
        """Where it began."""
        self._videos: VideoRequest | None = None

    def prepare(self) -> str | None:
        renderer = self.runtime.name_renderer()
        return None if renderer is None else f"images are rendered by {renderer}"

    def iteration(self, number: int, times: Times, videos: VideoWriter) -> dict[str, float]:
        config = self._config
        with timed(times, "rollout"):
            due = (number - 1) % config.video_cfg.every == 0
            rollout = self.collect(video_request(config) if due else None, number)
        with timed(times, "advantage"):
            batch = self._algorithm.batch(rollout)
            metrics = rollout_metrics(rollout, batch, self._recent) | self._tasks.metrics()
            if self._own is not None:
                batch = self._own.add_to(batch, rollout)
        if config.rollout.temperature_final is not None:
            metrics["rollout/temperature"] = temperature_at(config.rollout, number, config.trainer.iterations)
        with timed(times, "update"):
            # without a group whose returns differ there is nothing to learn from
            learns = len(batch) and number > self._algorithm.critic_only_iterations
            metrics |= self.update(batch, number) if learns else {}
        if self._critic is not None:
            with timed(times, "critic"):
                metrics |= self._critic.fit(rollout, batch)
        if self._average(number):
            self._new_weights()
        if rollout.videos:
            with timed(times, "video"):
                videos.write(rollout.videos, f"train/iteration_{number:06d}")
        return metrics | {"throughput/env_steps_per_second": rollout.env_steps / times["rollout"]}

    def collect(self, videos: VideoRequest | None = None, iteration: int | None = None) -> Rollout:
        """Collect one iteration's rollout with the present weights, or with those of before as `rollout.max_staleness`
        says.

        `videos` asks for images of the next episodes. `iteration` says what temperature it is sampled at (None: that of
        the first), and is needed to begin its update early.
        """
        if self._ahead is None:
            rollout = self._collect(videos, iteration)
        else:
            rollout, self._ahead = self._ahead, None
            self._videos = videos  # of what is collected next
        # one version in all of a rollout: weights are sent when nothing is being collected
        self._behavior_version = int(rollout.version[rollout.mask].max())
        self._tasks.note(rollout.episodes)
        self.env_steps += rollout.env_steps
        return rollout if self._critic is None else self._critic.judge(rollout)

    def _collect(self, videos: VideoRequest | None, iteration: int | None) -> Rollout:
        config = self._config
        order = self._algorithm.order(config, self._tasks, self._initial_state_rng)
        temperature = temperature_at(config.rollout, iteration or 1, config.trainer.iterations)
        return self.runtime.collect(order, temperature, videos, iteration)

    def update(self, batch: Batch, iteration: int) -> dict[str, float]:
        """Move the weights; returns `actor/*`."""
        settings, ahead = self._config.rollout, None
        if settings.max_staleness and iteration < self._config.trainer.iterations:
            # a checkpoint of this iteration goes on from here, and collects again
            self._before = self._position()
            ahead = self._background.submit(self._collect, self._videos, iteration + 1)
        staleness = self._version - self._behavior_version
        cap = (settings.importance_cap or IMPORTANCE_CAP) if staleness else None
        metrics, self._shuffles = self.runtime.update(batch, iteration, self._shuffles, cap)
        if settings.max_staleness:
            metrics["rollout/staleness"] = float(staleness)
        if self._rate is not None and "actor/update_kl" in metrics:
            self._rate.follow(metrics["actor/update_kl"], undone=metrics["actor/undone_updates"] > 0)
            self.scale_lr(self._scale)
        if ahead is not None:
            self._ahead, self._videos = ahead.result(), None
        self._new_weights()
        return metrics

    def save(self, folder: Path, iteration: int, progress: dict[str, Any], score: float | None) -> Unpublished:
        rng, running, begun = self._before if self._ahead is not None else self._position()
        state = {
            "progress": {"recent_successes": list(self._recent), **progress},
            "running": running,
            "begun": begun,
            "env_steps": self.env_steps,
            "start_rng": rng,
            "tasks": self._tasks.state(),
            "version": self._version,
            "shuffles": self._shuffles,
        }
        if self._critic is not None:
            state["critic"] = self._critic.state()
        if self._own is not None:
            state["successes"] = self._own.state()
        if self._rate is not None:
            state["lr_factor"] = self._rate.factor
        return self._save(folder, iteration, state, score)

    def load(self, path: Path) -> tuple[int, dict[str, Any]]:
        state = self._load(path)
        self._initial_state_rng.bit_generator.state = state["start_rng"]
        self._tasks.restore(state["tasks"])
        self._shuffles = state["shuffles"]
        self.env_steps, self._version = int(state["env_steps"]), int(state["version"])
        self._recent.extend(state["progress"].get("recent_successes", []))
        if self._critic is not None:
            self._critic.load(state["critic"])
        if self._own is not None:
            self._own.load(state["successes"])
        if self._rate is not None:
            self._rate.factor = float(state["lr_factor"])
            self.scale_lr(self._scale)
        self.runtime.sync(self._version)
        self.runtime.continue_episodes(*resume.running_episodes(state, self._config))
        return int(state["iteration"]), state["progress"]

    def restore_weights(self, path: Path) -> None:
        super().restore_weights(path)
        if self._critic is not None:
            self._critic.load(checkpoint.read_state(checkpoint.follow(path))["critic"])
        self._ahead = None  # it was collected with weights that are given up
        self._new_weights()

    def scale_lr(self, scale: float) -> None:
        self._scale = scale
        super().scale_lr(scale if self._rate is None else scale * self._rate.factor)

    def close(self) -> None:
        super().close()
        self._background.shutdown()

    def _new_weights(self) -> None:
        self._version += 1
        self.runtime.sync(self._version)

    def _position(self) -> tuple[Any, list[dict[str, Any]], list[int]]:
        """Where the next rollout begins: the generator of initial states, and what runs in the environments."""
        return (self._initial_state_rng.bit_generator.state, *self.runtime.running())


class SFTTrainer(_RuntimeTrainer):
    """Learns from demonstrations, in this process."""

    runtime: "DemonstrationLearner"

    def __init__(self, config: Config, runtime: "DemonstrationLearner") -> None:
        super().__init__(config, runtime)
        self._done = 0

    def prepare(self) -> str | None:
        return self.runtime.read_demonstrations(self._done)

    def iteration(self, number: int, times: Times, videos: VideoWriter) -> dict[str, float]:
        with timed(times, "update"):
            metrics = self.runtime.fit(number)
        self._average(number)
        return metrics

    def save(self, folder: Path, iteration: int, progress: dict[str, Any], score: float | None) -> Unpublished:
        return self._save(folder, iteration, {"progress": progress}, score)

    def load(self, path: Path) -> tuple[int, dict[str, Any]]:
        state = self._load(path)
        self._done = int(state["iteration"])
        return self._done, state["progress"]


def make_trainer(config: Config) -> Trainer:
    """Make the trainer of a config's algorithm, with its environments and policy.

    Raises:
        BackendError: `cluster.backend` is unknown, or not available.
        ConfigError: there are fewer initial states than `eval.episodes`.
        EnvError, PolicyError, gymnasium.error.Error, ValueError: what making the environments and the policy raises.
    """
    if config.eval.episodes is not None:
        check_episodes(config)
    if not config.algorithm.uses_rollouts:
        from vla_trainer.sft.learner import DemonstrationLearner

        return SFTTrainer(config, DemonstrationLearner(config))
    from vla_trainer.runtime import make_runtime

    return RLTrainer(config, make_runtime(config))


def video_request(config: Config, failures: int = 0) -> VideoRequest | None:
    """Return what `config.video_cfg` asks to be recorded; None if nothing."""
    video = config.video_cfg
    return VideoRequest(video.episodes, video.max_frames, failures) if video.save_video else None


@contextmanager
def timed(times: Times, name: str) -> Iterator[None]:
    """Put the seconds of what is inside into `times`."""
    begin = time.perf_counter()
    yield
    times[name] = time.perf_counter() - begin
