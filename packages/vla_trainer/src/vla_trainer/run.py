"""A run: what is run and where, what it says at the start and at the end, and the loop in between."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vla_trainer import checkpoint, resume
from vla_trainer.config.load import load_config, parse_config, to_yaml
from vla_trainer.config.schema import Config
from vla_trainer.config.text import read_text
from vla_trainer.errors import CheckpointError, CollapseError, ConfigError, ProcessLostError, TrainingDivergedError
from vla_trainer.folder_lock import holder_of
from vla_trainer.provenance import read_provenance
from vla_trainer.run_folder import CONFIG_FILE, EVALUATION_FILE, RunFolder, check_writable, claim, errors_of
from vla_trainer.types import VideoRequest

if TYPE_CHECKING:
    from vla_trainer.evaluation.evaluate import OnEpisode
    from vla_trainer.evaluation.result import Evaluation
    from vla_trainer.trainer import Trainer

RECIPE_COMMENT = "# recipe: "
"""First line of a run's config.yaml."""


@dataclass(frozen=True)
class RunSpec:
    """What is to be run, before anything is made."""

    recipe: str
    """The recipe's name, without folder and ending."""
    config: Config
    folder: Path | None = None
    """A run's folder that exists; None: a new one."""
    checkpoint: Path | None = None
    """Where to continue."""
    chosen: bool = False
    """The checkpoint was named, and is not just the newest."""

    @property
    def weights(self) -> str:
        """Return what results call the weights: the checkpoint's name or path, or "untrained"."""
        return self.checkpoint.name if self.checkpoint is not None else self.config.policy.checkpoint or "untrained"

    def claim(self) -> RunFolder:
        """Claim its folder, new or not; see `run_folder.claim`."""
        return claim(self.recipe, self.config.output_dir, self.folder)


def new_run(recipe: str, overrides: list[str]) -> RunSpec:
    """Return a run of a recipe; see `load_config` for what is raised."""
    return RunSpec(Path(recipe).stem if "/" in recipe else recipe.removesuffix(".yaml"), load_config(recipe, overrides))


def resumed_run(path: Path, recipe: str | None, overrides: list[str]) -> RunSpec:
    """Return a run that goes on in its own folder, under its own config and `overrides`.

    `path` is the run, which goes on from its newest checkpoint, or from its beginning where none was written yet; or
    one of its checkpoints.

    Raises:
        CheckpointError: no run there, no checkpoint, or `recipe` is not the run's.
    """
    spec = _run_at(path, overrides)
    if recipe is not None and new_run(recipe, []).recipe != spec.recipe:
        raise CheckpointError(f"{spec.folder} is a run of {spec.recipe}, not of {recipe}")
    return spec


def is_existing(path: Path) -> bool:
    """Return whether `path` is of `existing_run`, and not a recipe's."""
    return path.is_dir() or path.name == checkpoint.BEST


def existing_run(path: Path, overrides: list[str]) -> RunSpec:
    """Return the run in a folder, or of one of its checkpoints `run/checkpoints/step_NNNNNN` or `run/checkpoints/best`.

    Raises:
        CheckpointError: neither, or a run that has no checkpoint yet.
    """
    spec = _run_at(path, overrides)
    if spec.checkpoint is None:
        raise CheckpointError(f"no checkpoint in {path / checkpoint.FOLDER}")
    return spec


def _run_at(path: Path, overrides: list[str]) -> RunSpec:
    folder, chosen = path, None
    # False, too, where we may not look
    if not os.path.isfile(path / CONFIG_FILE) and os.path.isfile(_run_of(path) / CONFIG_FILE):
        folder, chosen = _run_of(path), checkpoint.follow(path)
    if not os.path.isfile(folder / CONFIG_FILE):
        raise CheckpointError(f"{path} is not a run: it has no {CONFIG_FILE}")
    text = read_text(folder / CONFIG_FILE)
    recipe = recipe_in(text) or folder.name
    config = parse_config(text, overrides, source=str(folder / CONFIG_FILE))
    return RunSpec(recipe, config, folder, chosen or checkpoint.newest(folder), chosen is not None)


def recipe_in(text: str) -> str | None:
    """Return the recipe that the first line of a run's config.yaml names; None where it names none."""
    first = text.partition("\n")[0]
    return first.removeprefix(RECIPE_COMMENT) if first.startswith(RECIPE_COMMENT) else None


def _run_of(path: Path) -> Path:
    """Which run the checkpoint at `path` would be of."""
    return path.parent.parent if len(path.parts) > 2 else path.absolute().parent.parent


def run_supervised(spec: RunSpec, make: "Callable[[Config], Trainer]", say: Callable[[str], None]) -> Path:
    """`run_training`, which goes on by itself from the last checkpoint where a process is lost; returns the folder.

    Args:
        spec: what is run.
        make: makes a trainer, as `vla_trainer.trainer.make_trainer`.
        say: takes lines for the user.

    Raises:
        ProcessLostError: processes were lost more often than `cluster.restarts` allows.
        TrainerError: what `make` and `run_training` raise.
    """
    with spec.claim() as folder:
        if spec.folder is not None and not spec.chosen:
            # the newest now that nobody else writes there
            spec = replace(spec, checkpoint=checkpoint.newest(spec.folder))
        check_before(spec, say)
        left = spec.config.cluster.restarts
        while True:
            trainer = make(spec.config)
            try:
                return run_training(spec, trainer, say, folder)
            except ProcessLostError as error:
                if not folder.begun or not left:
                    raise
                left -= 1
                say(f"note: {error}; going on from the last checkpoint")
            finally:
                trainer.close()
            spec = resumed_run(folder.path, None, [])


def check_before(spec: RunSpec, say: Callable[[str], None]) -> None:
    """Check what a run begins with, as far as that needs neither policy nor environments.

    Raises:
        CheckpointError: the checkpoint, or that of `policy.checkpoint`, is missing, damaged, or not one that the config
            can go on from.
        LoggerError, MissingExtraError: a place that metrics should go to is not there.
        DatasetError: there is no such dataset, or it cannot be opened.
    """
    from vla_trainer import loggers

    for notice in _check_weights(spec):
        say(f"note: {notice}")
    loggers.check(spec.config.trainer.logger)
    if not spec.config.algorithm.uses_rollouts:
        from vla_trainer.sft.dataset import check_opens

        check_opens(spec.config.sft)


def check_evaluation(spec: RunSpec) -> None:
    """As `check_before`, for an evaluation, which logs nothing and continues no episodes."""
    _check_weights(spec)


def _check_weights(spec: RunSpec) -> list[str]:
    """Check the checkpoints that a run reads; return what a resume changes."""
    beside, path = spec.config.video_cfg.beside, spec.config.policy.checkpoint
    if beside is not None and not os.path.isdir(Path(beside).expanduser()):
        raise ConfigError(f"video_cfg.beside={beside} is no folder; allowed: the folder of a run that was evaluated")
    if path is not None:
        folder = Path(path).expanduser()
        if not os.path.isdir(folder) and folder.name != checkpoint.BEST:
            raise CheckpointError(
                f"policy.checkpoint={path} is no folder: it is a checkpoint of this trainer, as "
                "logs/RECIPE/TIME/checkpoints/step_000100; a published model is an argument of policy.factory, as "
                "policy.kwargs.path"
            )
        checkpoint.read_state(folder, mapped=True)
    return [] if spec.checkpoint is None else resume.check(spec.checkpoint, spec.config)


def run_training(
    spec: RunSpec,
    trainer: "Trainer",
    say: Callable[[str], None],
    folder: RunFolder | None = None,
) -> Path:
    """Train to the end; returns the run's folder, which is `folder`, or is claimed here.

    Raises:
        CheckpointError, LoggerError, DatasetError: what is wrong with what the run begins with.
        TrainingDivergedError: numbers are not finite, or the run has collapsed and `trainer.on_collapse` ends it; it
            names the newest checkpoint, whose weights are finite.
        RunFolderError: its folder is in use, or cannot be made or written.
        RunLostError: its folder was removed, or could not be written any more, or lacks something at the end.
    """
    if folder is None:
        with spec.claim() as folder:
            return run_training(spec, trainer, say, folder)
    from vla_trainer.loggers import Loggers, Run
    from vla_trainer.notes import Notes
    from vla_trainer.train_loop import train_loop
    from vla_trainer.video import folder_of, write_beside, writer_of

    config, settings = spec.config, spec.config.trainer
    first, progress = 1, None
    if spec.checkpoint is not None:
        done, progress = trainer.load(spec.checkpoint)
        first = done + 1
    shown = trainer.prepare()
    say(f"{spec.recipe}: {config.algorithm.name} on {config.env.name}, run folder {folder.path}")
    for notice in all_notices(config, trainer.env_spec.provenance.asset_set, spec.checkpoint):
        say(f"note: {notice}")
    if config.video_cfg.save_video:
        say(f"videos: {folder_of(config.video_cfg, folder.path)}")
    name = f"{spec.recipe}/{folder.path.name}"
    with folder.writing():
        # before config.yaml makes it a run: what cannot log does not begin
        run = Run(folder.path, name, settings.iterations, to_yaml(config), settings.logger, first)
        loggers = Loggers(run, say)
        try:
            folder.begin(f"{RECIPE_COMMENT}{spec.recipe}\n{to_yaml(config)}")
            _say_where_it_begins(spec, first, say)
            if shown is not None:
                say(shown)
            # what there is now stays to the end: looking through it again and again takes 2% of a small run's time
            gc.freeze()
            with writer_of(config.video_cfg, folder.path, trainer.env_spec.fps) as videos:
                train_loop(
                    config,
                    trainer,
                    loggers,
                    folder.path,
                    videos,
                    first,
                    progress=progress,
                    check_folder=folder.check,
                    notes=Notes(config, say),
                    say=say,
                )
            write_beside(config.video_cfg, folder.path, say)
        except CollapseError:
            raise  # it names a checkpoint already
        except TrainingDivergedError as error:
            found = checkpoint.found(folder.path / checkpoint.FOLDER)
            last = f"the last checkpoint is {found[-1]}" if found else "no checkpoint was written"
            raise TrainingDivergedError(f"{error}; {last}") from error
        finally:
            gc.unfreeze()
            loggers.close()
    folder.check_complete(
        range(first, settings.iterations + 1),
        metrics=settings.logger.jsonl.enable,
        evaluated=config.eval.episodes is not None,
    )
    return folder.path


def _say_where_it_begins(spec: RunSpec, first: int, say: Callable[[str], None]) -> None:
    """Set checkpoints aside that are newer than the one to continue from, and tell where that is."""
    iterations = spec.config.trainer.iterations
    if spec.checkpoint is not None:
        for moved in checkpoint.continue_from(spec.checkpoint, spec.config.trainer.best_metric):
            say(f"note: a newer checkpoint is set aside: {moved}")
        if first > iterations:
            say(f"{spec.checkpoint} is at iteration {first - 1} of {iterations}: nothing is left to do")
        else:
            say(f"continuing from {spec.checkpoint}, at iteration {first} of {iterations}")
    elif spec.folder is not None:
        say(f"note: no checkpoint was written in {spec.folder} yet: starting again at iteration 1")


@contextmanager
def evaluation_folder(spec: RunSpec, say: Callable[[str], None]) -> Iterator[RunFolder | Path]:
    """Where an evaluation writes: a new folder, claimed as a run's is and left only if something was written; or the
    run's own, which may be running: each file is replaced whole.

    Raises:
        RunFolderError, CheckpointError: it is in use, cannot be made or written, or is another run's.
    """
    if spec.folder is None:
        with spec.claim() as claimed:
            yield claimed
        return
    check_writable(spec.folder)
    if (holder := holder_of(spec.folder)) is not None:
        say(f"note: the run goes on in {holder}, whose own evaluations replace {spec.folder / EVALUATION_FILE}")
    yield spec.folder


def run_evaluation(
    spec: RunSpec,
    trainer: "Trainer",
    on_episode: "OnEpisode | None" = None,
    *,
    folder: RunFolder | Path | None = None,
    say: Callable[[str], None] = print,
) -> "Evaluation":
    """Evaluate and, with a `folder` of `evaluation_folder`, write eval.json and videos into it; returns the result.

    Raises:
        CheckpointError: the checkpoint does not fit.
        RunLostError: the folder could not be written any more.
    """
    from vla_trainer.video import write_beside, writer_of

    config = spec.config
    if spec.checkpoint is not None:
        trainer.load(spec.checkpoint)
    video = config.video_cfg
    request = VideoRequest(video.episodes, video.max_frames, video.failures)
    recording = video.save_video and folder is not None
    evaluation, videos = trainer.evaluate(request if recording else None, on_episode)
    evaluation = labelled(evaluation, spec)
    if folder is None:
        return evaluation
    path = folder if isinstance(folder, Path) else folder.path
    with errors_of(path):
        evaluation.write(path / EVALUATION_FILE)
    if isinstance(folder, RunFolder):
        folder.keep()
    with writer_of(video, path, trainer.env_spec.fps) as writer:
        writer.write(videos, f"eval/{Path(spec.weights).name}")
    write_beside(video, path, say)
    return evaluation


def labelled(evaluation: "Evaluation", spec: RunSpec) -> "Evaluation":
    """Return an evaluation with the name of the weights and with all notices of its run."""
    notices = all_notices(spec.config, evaluation.asset_set, spec.checkpoint)
    notices = [*evaluation.notices, *(notice for notice in notices if notice not in evaluation.notices)]
    return replace(evaluation, weights=spec.weights, notices=notices)


def all_notices(config: Config, assets: str | None, checkpoint: Path | None = None) -> list[str]:
    """The config's notices, which asset set is used, and whether the checkpoint was trained on another one."""
    notices = config.notices()
    if assets is not None:
        notices.append(f"asset set: {assets}")
    trained = read_provenance(checkpoint) if checkpoint is not None else None
    if trained is not None and trained.asset_set is not None and trained.asset_set != assets:
        notices.append(f"the checkpoint was trained on another asset set: {trained.asset_set}")
    return notices
