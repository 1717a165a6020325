"""The command `vla-eval`: evaluate one policy, or two on the same episodes.

RECIPE, RUN, CHECKPOINT --evaluate--> Evaluation --.
                          eval.json --read-------->+--> table, comparison.json
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from vla_trainer import run
from vla_trainer.config.environment import class_metadata
from vla_trainer.errors import ComparisonError, ConfigError, did_you_mean
from vla_trainer.evaluation.comparison import compare
from vla_trainer.evaluation.report import EvaluationProgress, print_comparison, print_evaluation, print_line
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.run_folder import RunFolder, check_writable, errors_of

if TYPE_CHECKING:
    from vla_trainer.config.schema import Config
    from vla_trainer.trainer import Trainer

LIMIT = "max_episode_steps"

MakeTrainer = Callable[["Config"], "Trainer"]


def evaluate_one(target: str, overrides: list[str], console: Console, make_trainer: MakeTrainer) -> None:
    """Evaluate a recipe, run or checkpoint, print the table and write eval.json.

    Raises:
        TrainerError: `target` or `overrides` is wrong.
    """
    if is_result(target):
        raise ConfigError(f"{target} is a result already; compare it with --compare")
    spec = run_of_target(target, overrides)
    begin = time.perf_counter()
    evaluation, folder = _evaluated(spec, console, make_trainer)
    assert folder is not None
    for notice in evaluation.notices:
        print_line(console, f"note: {notice}")
    print_evaluation(evaluation, console)
    seconds = time.perf_counter() - begin
    print_line(console, f"{evaluation.episodes} episodes in {seconds:.0f} s, written: {folder / 'eval.json'}")


def evaluate_pair(target: str, other: str, overrides: list[str], console: Console, make_trainer: MakeTrainer) -> None:
    """Compare two on the same episodes and write comparison.json beside the first's eval.json.

    An eval.json is read, anything else is evaluated. The overrides hold for both.

    Raises:
        ComparisonError: not the same episodes; before any is run where the configs show it.
        TrainerError: one of the two or `overrides` is wrong.
    """
    sides = [_read(name) if is_result(name) else run_of_target(name, overrides) for name in (target, other)]
    if overrides and all(isinstance(side, Evaluation) for side in sides):
        raise ConfigError(f"{overrides[0]} is not read: both are results already")
    check_same_episodes(sides, (target, other))
    folder = Path(target).expanduser().parent
    if is_result(target):
        check_writable(folder)
    found: list[Evaluation] = []
    for number, (side, name) in enumerate(zip(sides, (target, other), strict=True)):
        if isinstance(side, Evaluation):
            found.append(side)
            continue
        # the second result is in comparison.json only: both may be of the same run, which has one eval.json
        evaluation, where = _evaluated(side, console, make_trainer, name, write=number == 0)
        found.append(evaluation)
        folder = where if where is not None else folder
    comparison = compare(found[0], found[1], target, other)
    print_comparison(comparison, console)
    with errors_of(folder):
        comparison.write(folder / "comparison.json")
    print_line(console, f"written: {folder / 'comparison.json'}")


def with_protocol(target: str, overrides: list[str], name: str) -> list[str]:
    """Return the overrides with those that make an evaluation a published loop's, see `EnvMetadata.protocols`.

    Raises:
        ConfigError: the environment knows no such loop, or an override is of what the loop fixes.
        TrainerError: `target` or `overrides` is wrong.
    """
    if is_result(target):
        raise ConfigError(f"--protocol {name}: {target} is a result already")
    env_id = run_of_target(target, overrides).config.env.id
    known = class_metadata(env_id).get("protocols", {})
    if name not in known:
        raise ConfigError(f"--protocol {name} in {env_id}{did_you_mean(name, known) if known else ': it knows none'}")
    fixed = known[name]
    for override in overrides:
        key = override.lstrip("~").partition("=")[0].strip()
        if key.removeprefix("env.").removeprefix("eval.") in fixed and key.startswith(("env.", "eval.")):
            raise ConfigError(f"{override}: --protocol {name} fixes {key}")
    added = [f"eval.{key}={json.dumps(value)}" for key, value in fixed.items()]
    if fixed.get(LIMIT, 0) is None:  # the trainer's own key, whose null is that of `env`
        added.append(f"env.{LIMIT}=null")
    return [*overrides, *added]


def _evaluated(
    spec: run.RunSpec, console: Console, make_trainer: MakeTrainer, name: str = "", *, write: bool = True
) -> tuple[Evaluation, Path | None]:
    """Evaluate; return the result, and the folder that it was written to."""

    def say(line: str) -> None:
        print_line(console, line)

    with ExitStack() as stack:
        # before the evaluation, which takes minutes
        folder = stack.enter_context(run.evaluation_folder(spec, say)) if write else None
        run.check_evaluation(spec)
        trainer = make_trainer(spec.config)
        stack.callback(trainer.close)
        progress = stack.enter_context(EvaluationProgress(console, name))
        evaluation = run.run_evaluation(spec, trainer, progress, folder=folder, say=say)
    return evaluation, folder.path if isinstance(folder, RunFolder) else folder


def check_same_episodes(sides: Sequence["run.RunSpec | Evaluation"], names: tuple[str, str]) -> None:
    """Raise ComparisonError where configs and results already show that the episodes will differ."""
    first, second = (_episode_keys(side) for side in sides)
    for key in first.keys() & second.keys():
        if not any(value in second[key] for value in first[key]):
            a, b = first[key][-1], second[key][-1]
            raise ComparisonError(f"not the same episodes: {key} is {a} for {names[0]} and {b} for {names[1]}")


def _episode_keys(side: "run.RunSpec | Evaluation") -> dict[str, list[Any]]:
    """Return by config key the values that would give the episodes of `side`, as far as it shows them."""
    if isinstance(side, Evaluation):
        complete = side.available == side.episodes
        episodes = [None, side.episodes] if complete else [side.episodes]
        return {"env.id": [side.env_id], "eval.split": [side.split], "eval.episodes": episodes}
    config = side.config
    values: dict[str, list[Any]] = {
        "env.id": [config.env.name],
        "env.task": [config.evaluated("task")],
        "eval.episodes": [config.eval.episodes],
    }
    return values if config.eval.split is None else {**values, "eval.split": [config.eval.split]}


def run_of_target(target: str, overrides: list[str]) -> run.RunSpec:
    """Return the run of a folder, a checkpoint or a recipe; see `run.existing_run` and `run.new_run`."""
    path = Path(target)
    return run.existing_run(path, overrides) if run.is_existing(path) else run.new_run(target, overrides)


def is_result(target: str) -> bool:
    """Return whether a target is a result that was written before."""
    return target.endswith(".json")


def _read(target: str) -> Evaluation:
    return Evaluation.read(Path(target).expanduser())
