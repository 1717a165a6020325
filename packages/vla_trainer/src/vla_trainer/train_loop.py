"""The whole loop.

    starts ----> rollout ---------> advantage ---------> update ----> weights
                 envs x policy      GAE or GRPO          loss            |
                 (T, N) grid        (B,) per decision    epochs          |
                    ^                                                    |
                    '------------------- next iteration -----------------'

Axes: T decisions, N environments, B decisions that carry a signal.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vla_trainer.advantage.batch import BATCHES
from vla_trainer.backend import Backend
from vla_trainer.checkpoint import FOLDER as CHECKPOINTS
from vla_trainer.checkpoint import Unpublished
from vla_trainer.config.schema import Config
from vla_trainer.loggers import Loggers
from vla_trainer.records import Film, FilmRequest
from vla_trainer.rollout.statistics import WINDOW, rollout_metrics
from vla_trainer.video import write_video


def train_loop(
    config: Config,
    backend: Backend,
    loggers: Loggers,
    folder: Path,
    first: int = 1,
    progress: Mapping[str, Any] | None = None,
) -> None:
    """Run iterations `first` to `config.trainer.iterations` and leave checkpoints, films and eval.json in `folder`.

    Iterations count from 1. `progress` is what a checkpoint kept of this loop; None at the start of a run.
    """
    trainer = config.trainer
    make_batch = BATCHES[config.algorithm.name]
    recent_successes: deque[bool] = deque(progress["recent_successes"] if progress else [], maxlen=WINDOW)
    for iteration in range(first, trainer.iterations + 1):
        times: dict[str, float] = {}
        last = iteration == trainer.iterations
        saved: Unpublished | None = None
        with _timed(times, "iteration"):
            with _timed(times, "rollout"):
                due = (iteration - 1) % config.video_cfg.every == 0
                rollout = backend.collect(_films(config) if due else None)
            with _timed(times, "advantage"):
                batch = make_batch(rollout, config.algorithm)
                metrics = rollout_metrics(rollout, batch, recent_successes)
            with _timed(times, "update"):
                # without a group whose returns differ there is nothing to learn from
                metrics |= backend.update(batch, iteration) if len(batch) else {}
            if rollout.films:
                with _timed(times, "video"):
                    _write_films(rollout.films, config, folder, f"train/iteration_{iteration:06d}", backend.fps)
            if config.eval.episodes is not None and (last or _due(iteration, trainer.eval_every)):
                with _timed(times, "eval"):
                    metrics |= _evaluate(config, backend, folder, iteration)
            if last or _due(iteration, trainer.save_every):
                with _timed(times, "checkpoint"):
                    kept = {"recent_successes": list(recent_successes)}
                    score = metrics.get(trainer.best_metric)
                    saved = backend.save(folder / CHECKPOINTS, iteration, kept, score)
        metrics["throughput/env_steps_per_second"] = rollout.env_steps / times["rollout"]
        loggers.log(iteration, metrics | {f"time/{name}": seconds for name, seconds in times.items()})
        if saved is not None:
            saved.publish()  # only now, so that a run that goes on from it lacks no iteration in its logs


def _evaluate(config: Config, backend: Backend, folder: Path, iteration: int) -> dict[str, float]:
    evaluation, films = backend.evaluate(_films(config))
    evaluation.write(folder / "eval.json")
    _write_films(films, config, folder, f"eval/iteration_{iteration:06d}", backend.fps)
    return evaluation.metrics()


def _films(config: Config) -> FilmRequest | None:
    video = config.video_cfg
    return FilmRequest(video.episodes, video.max_frames) if video.save_video else None


def _write_films(films: list[Film], config: Config, folder: Path, name: str, fps: float) -> None:
    base = Path(config.video_cfg.video_base_dir) if config.video_cfg.video_base_dir else folder / "video"
    for index, film in enumerate(films):
        write_video(film.frames, base / f"{name}_{index}.mp4", fps, info=config.video_cfg.info_on_video)


def _due(iteration: int, every: int | None) -> bool:
    return every is not None and iteration % every == 0


@contextmanager
def _timed(times: dict[str, float], name: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    times[name] = time.perf_counter() - begin
