"""A run: its folder, what it says at the start and at the end, and the loop in between."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vla_trainer import checkpoint, durable
from vla_trainer.config.algorithm import SFT
from vla_trainer.config.load import load_config, parse_config, to_yaml
from vla_trainer.config.schema import Config
from vla_trainer.errors import CheckpointError, ProcessLostError, TrainingDivergedError
from vla_trainer.provenance import read_provenance
from vla_trainer.records import FilmRequest

if TYPE_CHECKING:
    from vla_trainer.backend import Backend, Common, Imitating
    from vla_trainer.evaluate import OnEpisode
    from vla_trainer.result import Evaluation

CONFIG_FILE = "config.yaml"
RECIPE_COMMENT = "# recipe: "
"""First line of a run's config.yaml."""


@dataclass(frozen=True)
class RunPlan:
    """What is to be run, before anything is made."""

    recipe: str
    """The recipe's name, without folder and ending."""
    config: Config
    folder: Path | None = None
    """A run's folder that exists; None: a new one."""
    checkpoint: Path | None = None
    """Where to continue."""


def plan_new(recipe: str, overrides: list[str]) -> RunPlan:
    """A run of a recipe; see `load_config` for what is raised."""
    return RunPlan(Path(recipe).stem if "/" in recipe else recipe.removesuffix(".yaml"), load_config(recipe, overrides))


def plan_resume(path: Path, recipe: str | None, overrides: list[str]) -> RunPlan:
    """A run that goes on in its own folder, under its own config and `overrides`.

    `path` is the run, which goes on from its newest checkpoint, or from its beginning where none was written yet; or
    one of its checkpoints.

    Raises:
        CheckpointError: no run there, no checkpoint, or `recipe` is not the run's.
    """
    plan = _plan_at(path, overrides)
    if recipe is not None and plan_new(recipe, []).recipe != plan.recipe:
        raise CheckpointError(f"{plan.folder} is a run of {plan.recipe}, not of {recipe}")
    return plan


def is_existing(path: Path) -> bool:
    """Whether `plan_existing` is meant, and not a recipe."""
    return path.is_dir() or path.name == checkpoint.BEST


def plan_existing(path: Path, overrides: list[str]) -> RunPlan:
    """A run's folder, or one of its checkpoints `run/checkpoints/step_NNNNNN` or `run/checkpoints/best`.

    Raises:
        CheckpointError: neither, or a run that has no checkpoint yet.
    """
    plan = _plan_at(path, overrides)
    if plan.checkpoint is None:
        raise CheckpointError(f"no checkpoint in {path / checkpoint.FOLDER}")
    return plan


def _plan_at(path: Path, overrides: list[str]) -> RunPlan:
    folder, chosen = path, None
    if not (path / CONFIG_FILE).is_file() and (_run_of(path) / CONFIG_FILE).is_file():
        folder, chosen = _run_of(path), checkpoint.follow(path)
    if not (folder / CONFIG_FILE).is_file():
        raise CheckpointError(f"{path} is not a run: it has no {CONFIG_FILE}")
    text = (folder / CONFIG_FILE).read_text(encoding="utf-8")
    first = text.partition("\n")[0]
    recipe = first.removeprefix(RECIPE_COMMENT) if first.startswith(RECIPE_COMMENT) else folder.name
    config = parse_config(text, overrides, source=str(folder / CONFIG_FILE))
    return RunPlan(recipe, config, folder, chosen or checkpoint.newest(folder))


def _run_of(path: Path) -> Path:
    """Which run the checkpoint at `path` would be of."""
    return path.parent.parent if len(path.parts) > 2 else path.absolute().parent.parent


def run_supervised(plan: RunPlan, make: "Callable[[Config], Backend | Imitating]", say: Callable[[str], None]) -> Path:
    """`run_training`, which goes on by itself from the last checkpoint where a process is lost; returns the folder.

    Args:
        plan: what is run.
        make: makes a backend, as `make_backend`.
        say: takes lines for the user.

    Raises:
        ProcessLostError: processes were lost more often than `cluster.restarts` allows.
        TrainerError: what `make` and `run_training` raise.
    """
    left = plan.config.cluster.restarts
    while True:
        backend = make(plan.config)
        try:
            return run_training(plan, backend, say)
        except ProcessLostError as error:
            folder = error.run or plan.folder
            if folder is None or not left:
                raise
            left -= 1
            say(f"note: {error}; going on from the last checkpoint")
        finally:
            backend.close()
        plan = plan_resume(folder, None, [])


def run_training(plan: RunPlan, backend: "Backend | Imitating", say: Callable[[str], None]) -> Path:
    """Train to the end; returns the run's folder.

    Raises:
        CheckpointError, LoggerError, DatasetError: what is wrong with what the run begins with.
        TrainingDivergedError: numbers are not finite; it names the newest checkpoint, whose weights are.
    """
    from vla_trainer.loggers import Loggers, Run
    from vla_trainer.notes import Notes
    from vla_trainer.train_loop import Imitation, Learning, Reinforcement, train_loop
    from vla_trainer.video import writer_of

    config = plan.config
    first, progress = 1, None
    if plan.checkpoint is not None:
        done, progress = backend.load(plan.checkpoint)
        first = done + 1
    # before there is a folder: a dataset may be missing or damaged
    shown = _show_demonstrations(cast("Imitating", backend)) if isinstance(config.algorithm, SFT) else None
    folder = plan.folder or _new_folder(plan)
    durable.sweep(folder)
    durable.write_text(folder / CONFIG_FILE, f"{RECIPE_COMMENT}{plan.recipe}\n{to_yaml(config)}")
    say(f"{plan.recipe}: {config.algorithm.name} on {config.env.id}, run folder {folder}")
    for notice in all_notices(config, backend.provenance.asset_set, plan.checkpoint):
        say(f"note: {notice}")
    if plan.checkpoint is not None:
        for moved in checkpoint.continue_from(plan.checkpoint, config.trainer.best_metric):
            say(f"note: a newer checkpoint is set aside: {moved}")
        if first > config.trainer.iterations:
            say(f"{plan.checkpoint} is at iteration {first - 1} of {config.trainer.iterations}: nothing is left to do")
        else:
            say(f"continuing from {plan.checkpoint}, at iteration {first} of {config.trainer.iterations}")
    elif plan.folder is not None:
        say(f"note: no checkpoint was written in {folder} yet: starting again at iteration 1")
    if shown is not None:
        say(shown)
    name = f"{plan.recipe}/{folder.name}"
    loggers = Loggers(Run(folder, name, config.trainer.iterations, to_yaml(config), config.trainer.logger, first), say)
    try:
        with writer_of(config.video_cfg, folder, backend.fps) as films:
            learning: Learning
            if isinstance(config.algorithm, SFT):
                learning = Imitation(cast("Imitating", backend))
            else:
                learning = Reinforcement(config, cast("Backend", backend), films, progress)
            train_loop(config, backend, learning, loggers, folder, films, first, Notes(config, say))
    except ProcessLostError as error:
        error.run = folder
        raise
    except TrainingDivergedError as error:
        found = checkpoint.found(folder / checkpoint.FOLDER)
        last = f"the last checkpoint is {found[-1]}" if found else "no checkpoint was written"
        raise TrainingDivergedError(f"{error}; {last}") from error
    finally:
        loggers.close()
    return folder


def _show_demonstrations(backend: "Imitating") -> str:
    """Open and read the dataset; returns what there is."""
    from vla_trainer.report import CountProgress

    demonstrations = backend.open_demonstrations()
    with CountProgress("reading demonstrations", len(demonstrations.episodes)) as progress:
        decisions = backend.read_demonstrations(demonstrations, progress)
    return f"{demonstrations}, {decisions:,} decisions"


def run_evaluation(
    plan: RunPlan, backend: "Common", on_episode: "OnEpisode | None" = None, *, write: bool = True
) -> "tuple[Evaluation, Path]":
    """Evaluate and, with `write`, write eval.json and films; returns the result and the folder.

    The folder of a recipe's evaluation is made when there is something to write, so that one that is broken off leaves
    nothing.
    """
    from vla_trainer.video import writer_of

    config = plan.config
    folder = plan.folder or _new_folder_name(plan)
    if plan.checkpoint is not None:
        backend.load(plan.checkpoint)
    video = config.video_cfg
    request = FilmRequest(video.episodes, video.max_frames, video.failures)
    evaluation, films = backend.evaluate(request if video.save_video and write else None, on_episode)
    weights = plan.checkpoint.name if plan.checkpoint is not None else config.policy.path or "untrained"
    said = all_notices(config, evaluation.asset_set, plan.checkpoint)
    notices = [*evaluation.notices, *(notice for notice in said if notice not in evaluation.notices)]
    evaluation = replace(evaluation, weights=weights, notices=notices)
    if not write:
        return evaluation, folder
    durable.make_folder(folder)
    evaluation.write(folder / "eval.json")
    with writer_of(video, folder, backend.fps) as writer:
        writer.write(films, f"eval/{Path(weights).name}")
    return evaluation, folder


def all_notices(config: Config, assets: str | None, checkpoint: Path | None = None) -> list[str]:
    """The config's notices, which asset set is used, and whether the checkpoint was trained on another one."""
    from vla_trainer.rollout.envs import knows_splits

    said = config.notices(knows_splits(config.env.id))
    if assets is not None:
        said.append(f"asset set: {assets}")
    trained = read_provenance(checkpoint) if checkpoint is not None else None
    if trained is not None and trained.asset_set is not None and trained.asset_set != assets:
        said.append(f"the checkpoint was trained on another asset set: {trained.asset_set}")
    return said


def check_folder(plan: RunPlan) -> None:
    """Raise CheckpointError if the run is a new one whose folder is taken."""
    if plan.folder is None:
        _new_folder_name(plan)


def _new_folder(plan: RunPlan) -> Path:
    folder = _new_folder_name(plan)
    durable.make_folder(folder)
    return folder


def _new_folder_name(plan: RunPlan) -> Path:
    if plan.config.output_dir is not None:
        folder = Path(plan.config.output_dir).expanduser()
        if (folder / CONFIG_FILE).exists():
            raise CheckpointError(
                f"output_dir={folder} already holds a run; continue it with --resume {folder}, or choose another"
            )
        return folder
    return Path("logs") / plan.recipe / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
