"""The command `vla-eval --sweep`: evaluate a policy over values of the environment's arguments, or compare two so.

RECIPE, RUN, CHECKPOINT --read_sweep--> points --evaluate, kept part by part--> SweepResult --.
                                                           sweep.json --read---------------->+--> table, plot,
                                                                                                  sweep_comparison.json
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from vla_trainer import run
from vla_trainer.config.schema import Config
from vla_trainer.config.sweep import OPTION, Point, check_axes, parse_axes, points_of
from vla_trainer.errors import ComparisonError, ConfigError
from vla_trainer.eval_command import MakeTrainer, check_same_episodes, is_result, run_of_target
from vla_trainer.evaluation.report import EvaluationProgress, draw_plot, print_line
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.evaluation.sweep.comparison import COMPARISON_FILE, compare_sweeps
from vla_trainer.evaluation.sweep.identity import check_identity, fingerprint, identity_of
from vla_trainer.evaluation.sweep.parts import SweepParts
from vla_trainer.evaluation.sweep.report import print_sweep, print_sweep_comparison
from vla_trainer.evaluation.sweep.result import PLOT_FILE, SWEEP_FILE, Identity, PointResult, SweepResult, sweep_result
from vla_trainer.run_folder import check_writable, claim, errors_of
from vla_trainer.versions import describe_versions

if TYPE_CHECKING:
    from vla_trainer.trainer import Trainer


@dataclass(frozen=True)
class SweepSpec:
    """What is to be evaluated, before anything is made."""

    run_spec: run.RunSpec
    """Without the values that are swept."""
    points: Sequence[Point]
    configs: Sequence[Config]
    """Of the points, in their order."""
    identity: Identity
    folder: Path
    """Where `sweep.json` is written; may not exist yet."""


def evaluate_sweep(
    target: str,
    sweeps: Sequence[str],
    overrides: list[str],
    console: Console,
    make_trainer: MakeTrainer,
    *,
    per_task: bool = False,
) -> None:
    """Evaluate a recipe, run or checkpoint at each point, print the table and write sweep.json and sweep.png.

    What was done before under the same command is read and not done again.

    Args:
        target, overrides: see `eval_command.evaluate_one`.
        sweeps: arguments of `--sweep`.
        per_task: print a row for each task of a point.

    Raises:
        TrainerError: an argument is wrong; another sweep is in the folder.
    """
    if is_result(target):
        raise ConfigError(f"{target} is a result already; compare it with --compare")
    spec = read_sweep(target, sweeps, overrides)
    file, begin = spec.folder / SWEEP_FILE, time.perf_counter()
    result = _finished(spec)
    done_before = result is not None
    if result is None:
        result = _evaluated(spec, console, make_trainer)
    print_sweep(result, console, per_task=per_task)
    if done_before:
        print_line(console, f"this sweep was finished before; nothing was run: {file}")
    else:
        seconds = time.perf_counter() - begin
        print_line(console, f"{result.episodes} episodes, written after {seconds:.0f} s: {file}")
    if not done_before or not (spec.folder / PLOT_FILE).exists():
        _plot(result, spec.folder / PLOT_FILE, console)


def compare_two_sweeps(
    target: str, other: str, sweeps: Sequence[str], overrides: list[str], console: Console, make_trainer: MakeTrainer
) -> None:
    """Compare two on the same episodes of each point and write sweep_comparison.json beside the first's sweep.json.

    A sweep.json is read, anything else is swept. The second's sweep.json stands in its own folder if it was there
    before, else in a folder `compared_...` of the first's. The overrides hold for both.

    Raises:
        ComparisonError: not the same points or episodes; before any is run where the configs show it.
        TrainerError: as `evaluate_sweep`.
    """
    names = (target, other)
    if not sweeps and not all(map(is_result, names)):
        missing = next(name for name in names if not is_result(name))
        raise ConfigError(f"{OPTION} is missing: {missing} is to be swept as the other was")
    if (sweeps or overrides) and all(map(is_result, names)):
        raise ConfigError(f"{[*sweeps, *overrides][0]} is not read: both are results already")
    sides = [
        SweepResult.read(Path(name).expanduser()) if is_result(name) else read_sweep(name, sweeps, overrides)
        for name in names
    ]
    _check_same_points(sides, names)
    first = sides[0]
    folder = first.folder if isinstance(first, SweepSpec) else Path(target).expanduser().parent
    if isinstance(first, SweepResult):
        check_writable(folder)
    found: list[SweepResult] = []
    for number, (side, name) in enumerate(zip(sides, names, strict=True)):
        if isinstance(side, SweepSpec):
            beside = folder / f"compared_{fingerprint(side.identity)}"
            found.append(_evaluated_for(side, beside if number else None, console, make_trainer, name))
        else:
            found.append(side)
    comparison = compare_sweeps(found[0], found[1], target, other)
    print_sweep_comparison(comparison, console)
    with errors_of(folder):
        comparison.write(folder / COMPARISON_FILE)
    print_line(console, f"written: {folder / COMPARISON_FILE}")


def is_sweep(target: str) -> bool:
    """Return whether a target is the sweep.json of a sweep that is finished."""
    if not is_result(target):
        return False
    try:
        tree = json.loads(Path(target).expanduser().read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(tree, dict) and "points" in tree


def read_sweep(target: str, sweeps: Sequence[str], overrides: list[str]) -> SweepSpec:
    """Read and check everything that a sweep is given; makes nothing.

    Raises:
        ConfigError: `sweeps`, or a value of them, is wrong.
        TrainerError: `target` or `overrides` is wrong.
    """
    axes = parse_axes(sweeps)
    spec = run_of_target(target, overrides)
    check_axes(axes, spec.config)
    points = points_of(axes)
    configs = []
    for point in points:
        try:
            configs.append(run_of_target(target, [*overrides, *point.overrides]).config)
        except ConfigError as error:
            raise ConfigError(f"{OPTION}: {error}") from error
    values = [point.values(config) for point, config in zip(points, configs, strict=True)]
    try:
        identity = identity_of(spec.config, spec.checkpoint, values)
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be read: {error.strerror}") from error
    chosen = any(override.partition("=")[0].strip() == "output_dir" for override in overrides)
    if spec.folder is not None and not chosen:
        folder = spec.folder
    elif spec.config.output_dir is not None:
        folder = Path(spec.config.output_dir).expanduser()
    else:
        # not by time: the same command finds what it has done
        folder = Path("logs") / spec.recipe / f"sweep_{fingerprint(identity)}"
    return SweepSpec(spec, points, configs, identity, folder)


def _evaluated_for(
    side: SweepSpec, beside: Path | None, console: Console, make_trainer: MakeTrainer, name: str
) -> SweepResult:
    """Return a side's sweep: of its own folder where that is finished; else, with `beside`, of that folder."""
    if beside is not None:
        own = side.folder / SWEEP_FILE
        if own.exists() and (result := SweepResult.read(own)).identity == side.identity:
            return result
        side = replace(side, folder=beside)
    result_before = _finished(side)
    return result_before if result_before is not None else _evaluated(side, console, make_trainer, name)


def _finished(spec: SweepSpec) -> SweepResult | None:
    """Return the sweep if it is finished; None if there is none.

    Raises:
        SweepError, ComparisonError: the file there is of another sweep, or of none.
    """
    file = spec.folder / SWEEP_FILE
    if not file.exists():
        return None
    result = SweepResult.read(file)
    check_identity(result.identity, spec.identity, str(file), "move it away, or write elsewhere with output_dir=")
    return result


def _evaluated(spec: SweepSpec, console: Console, make_trainer: MakeTrainer, name: str = "") -> SweepResult:
    """Evaluate what is not done yet, and write sweep.json."""
    run.check_evaluation(spec.run_spec)
    with _claimed(spec) as keep, errors_of(spec.folder), SweepParts(spec.folder, spec.identity) as parts:
        try:
            points = _evaluate_points(spec, parts, console, make_trainer, name)
        finally:
            if parts.any():
                keep()
        result = sweep_result(
            points,
            recipe=spec.run_spec.recipe,
            policy=spec.run_spec.config.policy.factory,
            weights=spec.run_spec.weights,
            versions=describe_versions(),
            identity=spec.identity,
        )
        result.write(spec.folder / SWEEP_FILE)
        parts.remove()
    return result


def _evaluate_points(
    spec: SweepSpec, parts: SweepParts, console: Console, make_trainer: MakeTrainer, name: str
) -> list[PointResult]:
    from vla_trainer.evaluation.sweep.run import check_environment, evaluate_point

    done = [parts.evaluation(index) for index in range(len(spec.points))]
    results: list[PointResult] = []
    with ExitStack() as stack:
        trainer: Trainer | None = None
        if None in done:
            trainer = make_trainer(spec.run_spec.config)
            stack.callback(trainer.close)
            for point, config, evaluation in zip(spec.points, spec.configs, done, strict=True):
                if evaluation is None and config.cluster.backend == "local":
                    check_environment(config, point.name, trainer.env_spec)
            if spec.run_spec.checkpoint is not None:
                trainer.load(spec.run_spec.checkpoint)
        for index, (point, config) in enumerate(zip(spec.points, spec.configs, strict=True)):
            called = f"{name}{' ' if name else ''}{index + 1} of {len(spec.points)}, {point.name}"
            evaluation = done[index]
            if evaluation is None:
                assert trainer is not None
                with EvaluationProgress(console, called) as progress:
                    evaluation = evaluate_point(config, trainer.runtime, parts, index, progress)
                evaluation = run.labelled(evaluation, replace(spec.run_spec, config=config))
                parts.finish(index, evaluation)
            else:
                print_line(console, f"{called}: done before")
            results.append(PointResult(point.name, point.values(config), evaluation))
    return results


@contextmanager
def _claimed(spec: SweepSpec) -> Iterator[Callable[[], None]]:
    """Make sure that the folder can be written; gives what keeps it from being removed, if it was made here."""
    if spec.folder == spec.run_spec.folder:
        check_writable(spec.folder)
        yield lambda: None
        return
    with claim(spec.run_spec.recipe, str(spec.folder)) as claimed:
        yield claimed.keep


def _check_same_points(sides: Sequence[SweepSpec | SweepResult], names: tuple[str, str]) -> None:
    """Raise ComparisonError where configs and results already show that points or episodes will differ."""
    first, second = (_points(side) for side in sides)
    for mine, others, name, other in ((first, second, *names), (second, first, *names[::-1])):
        if missing := [values for values in mine if values not in others]:
            raise ComparisonError(f"not the same values: {missing[0]} is of {name} and not of {other}")
    for values, side in first.items():
        check_same_episodes([side, second[values]], names)


def _points(side: SweepSpec | SweepResult) -> dict[str, "run.RunSpec | Evaluation"]:
    """Return by its values each point's evaluation, or its run."""
    if isinstance(side, SweepResult):
        return {json.dumps(point.values, sort_keys=True): point.evaluation for point in side.points}
    return {
        json.dumps(point.values(config), sort_keys=True): replace(side.run_spec, config=config)
        for point, config in zip(side.points, side.configs, strict=True)
    }


def _plot(result: SweepResult, file: Path, console: Console) -> None:
    """Draw the plot; a note says why there is none."""
    from vla_trainer.evaluation.sweep.plot import plot_sweep

    draw_plot(console, file, lambda: plot_sweep(result, file))
