"""The whole loop.

Reinforcement learning:

    initial states --> rollout ---------> advantage ---------> update ----> weights
                       envs x policy      GAE or GRPO          loss            |
                       (T, N) grid        (B,) per step        epochs          |
                          ^                                                    |
                          '------------------- next iteration -----------------'

Supervised fine-tuning: demonstrations --> loss --> weights.

`vla_trainer.trainer` has the stages of an iteration and decides: seeds, episodes, temperature, versions of the
weights. `vla_trainer.runtime` carries them out.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vla_trainer.checkpoint import FOLDER as CHECKPOINTS
from vla_trainer.checkpoint import Unpublished
from vla_trainer.collapse import CollapseGuard
from vla_trainer.config.schema import Config
from vla_trainer.loggers import Loggers
from vla_trainer.notes import Notes
from vla_trainer.rollback import respond
from vla_trainer.trainer import Times, Trainer, timed, video_request
from vla_trainer.video import VideoWriter

GUARD = "collapse"
"""In a checkpoint's progress: the state of the guard."""


def train_loop(
    config: Config,
    trainer: Trainer,
    loggers: Loggers,
    folder: Path,
    videos: VideoWriter,
    first: int = 1,
    progress: Mapping[str, Any] | None = None,
    check_folder: Callable[[], None] | None = None,
    notes: Notes | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Run iterations `first` to `config.trainer.iterations`; leave checkpoints, videos and eval.json in `folder`.

    Iterations count from 1. `progress` is what a checkpoint kept. `check_folder` is called before anything is written,
    and raises where `folder` is gone. `notes` looks at each iteration's metrics; `say` takes lines for the user.

    Raises:
        TrainingDivergedError: the run has collapsed, and `trainer.on_collapse` ends it; see `vla_trainer.rollback`.
    """
    settings = config.trainer
    guard = CollapseGuard.of(config, (progress or {}).get(GUARD))
    trainer.scale_lr(guard.lr_scale)
    for iteration in range(first, settings.iterations + 1):
        times: Times = {}
        last = iteration == settings.iterations
        saved: Unpublished | None = None
        with timed(times, "iteration"):
            metrics = trainer.iteration(iteration, times, videos)
            if check_folder is not None:
                check_folder()
            if config.eval.episodes is not None and (last or _due(iteration, settings.eval_every)):
                with timed(times, "eval"):
                    metrics |= _evaluate(config, trainer, folder, videos, iteration)
            signs = guard.look(iteration, metrics)
            metrics["trainer/collapse_signs"] = float(len(signs))
            rollbacks = guard.rollbacks
            end = respond(settings, guard, trainer, folder / CHECKPOINTS, iteration, signs, say)
            if end is None and (last or _due(iteration, settings.save_every)):
                with timed(times, "checkpoint"):
                    # after a rollback, what was measured is of weights that were given up
                    score = metrics.get(settings.best_metric) if guard.rollbacks == rollbacks else None
                    saved = trainer.save(folder / CHECKPOINTS, iteration, {GUARD: guard.state()}, score)
        loggers.log(iteration, metrics | {f"time/{name}": seconds for name, seconds in times.items()})
        if notes is not None:
            notes.look(iteration, metrics)
        if end is not None:
            raise end
        if saved is not None:
            saved.publish()  # only now, so that a run that goes on from it lacks no iteration in its logs


def _evaluate(config: Config, trainer: Trainer, folder: Path, videos: VideoWriter, iteration: int) -> dict[str, float]:
    evaluation, recorded = trainer.evaluate(video_request(config, config.video_cfg.failures))
    evaluation.write(folder / "eval.json")
    videos.write(recorded, f"eval/iteration_{iteration:06d}")
    return evaluation.metrics()


def _due(iteration: int, every: int | None) -> bool:
    return every is not None and iteration % every == 0
