"""The whole loop.

Reinforcement:

    starts ----> rollout ---------> advantage ---------> update ----> weights
                 envs x policy      GAE or GRPO          loss            |
                 (T, N) grid        (B,) per policy step    epochs          |
                    ^                                                    |
                    '------------------- next iteration -----------------'

Imitation: demonstrations --> loss --> weights.

Axes: T policy steps, N environments, B policy steps that carry a signal.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from vla_trainer.checkpoint import FOLDER as CHECKPOINTS
from vla_trainer.checkpoint import Unpublished
from vla_trainer.collapse import CollapseGuard
from vla_trainer.config.schema import Config
from vla_trainer.loggers import Loggers
from vla_trainer.notes import Notes
from vla_trainer.rollback import respond
from vla_trainer.rollout.statistics import WINDOW, rollout_metrics
from vla_trainer.runtime import Backend, Common, Imitating
from vla_trainer.schedule import temperature_at
from vla_trainer.types import VideoRequest
from vla_trainer.video import VideoWriter

GUARD = "collapse"
"""In a checkpoint's progress: the state of the guard."""

Times = dict[str, float]
"""Seconds of each stage of an iteration."""


class Trainer(Protocol):
    """What an iteration learns from."""

    def iteration(self, number: int, times: Times) -> dict[str, float]:
        """Learn once; returns metrics, and puts the seconds of its stages into `times`."""

    def progress(self) -> dict[str, Any]:
        """What a checkpoint keeps of it, in plain types."""


class RLTrainer:
    """Learning from rollouts."""

    def __init__(
        self, config: Config, backend: Backend, videos: VideoWriter, progress: Mapping[str, Any] | None
    ) -> None:
        """`progress` is what a checkpoint kept; None at the start of a run."""
        self._config, self._backend, self._videos = config, backend, videos
        self._algorithm = config.policy_gradient
        self._recent: deque[bool] = deque(progress["recent_successes"] if progress else [], maxlen=WINDOW)

    def iteration(self, number: int, times: Times) -> dict[str, float]:
        config, backend = self._config, self._backend
        with _timed(times, "rollout"):
            due = (number - 1) % config.video_cfg.every == 0
            rollout = backend.collect(_videos(config) if due else None, number)
        with _timed(times, "advantage"):
            batch = self._algorithm.batch(rollout)
            metrics = rollout_metrics(rollout, batch, self._recent)
        if config.rollout.temperature_final is not None:
            metrics["rollout/temperature"] = temperature_at(config.rollout, number, config.trainer.iterations)
        with _timed(times, "update"):
            # without a group whose returns differ there is nothing to learn from
            metrics |= backend.update(batch, number) if len(batch) else {}
        if rollout.videos:
            with _timed(times, "video"):
                self._videos.write(rollout.videos, f"train/iteration_{number:06d}")
        return metrics | {"throughput/env_steps_per_second": rollout.env_steps / times["rollout"]}

    def progress(self) -> dict[str, Any]:
        return {"recent_successes": list(self._recent)}


class SFTTrainer:
    """Learning from demonstrations."""

    def __init__(self, backend: Imitating) -> None:
        self._backend = backend

    def iteration(self, number: int, times: Times) -> dict[str, float]:
        with _timed(times, "update"):
            return self._backend.fit(number)

    def progress(self) -> dict[str, Any]:
        return {}


def train_loop(
    config: Config,
    backend: Common,
    learning: Trainer,
    loggers: Loggers,
    folder: Path,
    videos: VideoWriter,
    first: int = 1,
    progress: Mapping[str, Any] | None = None,
    check_folder: Callable[[], None] | None = None,
    notes: Notes | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Run iterations `first` to `config.trainer.iterations` and leave checkpoints, videos and eval.json in `folder`.

    Iterations count from 1. `progress` is what a checkpoint kept. `check_folder` is called before anything is written,
    and raises where `folder` is gone. `notes` looks at each iteration's metrics; `say` takes lines for the user.

    Raises:
        TrainingDivergedError: the run has collapsed, and `trainer.on_collapse` ends it; see `vla_trainer.rollback`.
    """
    trainer = config.trainer
    guard = CollapseGuard.of(config, (progress or {}).get(GUARD))
    backend.scale_lr(guard.lr_scale)
    for iteration in range(first, trainer.iterations + 1):
        times: Times = {}
        last = iteration == trainer.iterations
        saved: Unpublished | None = None
        with _timed(times, "iteration"):
            metrics = learning.iteration(iteration, times)
            if check_folder is not None:
                check_folder()
            if config.eval.episodes is not None and (last or _due(iteration, trainer.eval_every)):
                with _timed(times, "eval"):
                    metrics |= _evaluate(config, backend, folder, videos, iteration)
            signs = guard.look(iteration, metrics)
            metrics["trainer/collapse_signs"] = float(len(signs))
            rollbacks = guard.rollbacks
            end = respond(trainer, guard, backend, folder / CHECKPOINTS, iteration, signs, say)
            if end is None and (last or _due(iteration, trainer.save_every)):
                with _timed(times, "checkpoint"):
                    # after a rollback, what was measured is of weights that were given up
                    score = metrics.get(trainer.best_metric) if guard.rollbacks == rollbacks else None
                    kept = {**learning.progress(), GUARD: guard.state()}
                    saved = backend.save(folder / CHECKPOINTS, iteration, kept, score)
        loggers.log(iteration, metrics | {f"time/{name}": seconds for name, seconds in times.items()})
        if notes is not None:
            notes.look(iteration, metrics)
        if end is not None:
            raise end
        if saved is not None:
            saved.publish()  # only now, so that a run that goes on from it lacks no iteration in its logs


def _evaluate(config: Config, backend: Common, folder: Path, videos: VideoWriter, iteration: int) -> dict[str, float]:
    evaluation, recorded = backend.evaluate(_videos(config, config.video_cfg.failures))
    evaluation.write(folder / "eval.json")
    videos.write(recorded, f"eval/iteration_{iteration:06d}")
    return evaluation.metrics()


def _videos(config: Config, failures: int = 0) -> VideoRequest | None:
    video = config.video_cfg
    return VideoRequest(video.episodes, video.max_frames, failures) if video.save_video else None


def _due(iteration: int, every: int | None) -> bool:
    return every is not None and iteration % every == 0


@contextmanager
def _timed(times: dict[str, float], name: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    times[name] = time.perf_counter() - begin
