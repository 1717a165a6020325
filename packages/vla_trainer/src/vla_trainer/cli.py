"""`vla-train` and `vla-eval`. Nothing heavy is imported before it is needed: help and `--check` come at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vla_trainer.config.load import recipe_names
from vla_trainer.errors import ConfigError, TrainerError

if TYPE_CHECKING:
    from vla_trainer.config.schema import Config
    from vla_trainer.evaluate import Evaluation

Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RECIPE [KEY=VALUE]...", show_default=False, help="A recipe's name or a YAML file, then overrides."
    ),
]


def _train(
    arguments: Arguments = None,
    check: Annotated[bool, typer.Option("--check", help="Only check the config; nothing is made.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would run where; nothing is made.")] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="DIR",
            help="Continue this run, or from this checkpoint.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train a policy."""
    with _one_line():
        from vla_trainer import run

        recipe, overrides = _split(arguments or [])
        if resume is not None:
            planned = run.plan_resume(resume, recipe, overrides)
        else:
            planned = run.plan_new(_required(recipe), overrides)
        if plan:
            from vla_trainer.plan import describe_plan

            typer.echo(describe_plan(planned.config, planned.recipe))
            return
        check_placement(planned.config)
        if check:
            typer.echo(f"{planned.recipe}: ok")
            return
        with _one_line(ValueError):
            from vla_trainer.backend import make_backend

            backend = make_backend(planned.config)
        try:
            folder = run.run_training(planned, backend, typer.echo)
        finally:
            backend.close()
        typer.echo(f"done: {folder}")


def _evaluate(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RECIPE-OR-RUN [KEY=VALUE]...",
            show_default=False,
            help="A run's folder, one of its checkpoints, a recipe's name or a YAML file; then overrides.",
        ),
    ] = None,
) -> None:
    """Evaluate a policy: per task and in all, with Wilson intervals, into eval.json."""
    with _one_line():
        from vla_trainer import run

        recipe, overrides = _split(arguments or [])
        target = _required(recipe)
        planned = (
            run.plan_existing(Path(target), overrides)
            if run.is_existing(Path(target))
            else run.plan_new(target, overrides)
        )
        with _one_line(ValueError):
            from vla_trainer.backend import make_backend

            backend = make_backend(planned.config)
        try:
            evaluation, folder = run.run_evaluation(planned, backend)
        finally:
            backend.close()
        for notice in run.all_notices(planned.config, evaluation.asset_set, planned.checkpoint):
            typer.echo(f"note: {notice}")
        typer.echo(describe_evaluation(evaluation))
        typer.echo(f"written: {folder / 'eval.json'}")


def check_placement(config: "Config") -> None:
    """Raise PlacementError if `cluster.component_placement` does not fit the machines that are written beside it."""
    from vla_trainer import placement

    cluster = config.cluster
    placement.parse(cluster.component_placement, cluster.num_nodes, cluster.gpus_per_node)


def train() -> None:
    """The console script `vla-train`."""
    _run(_train, "vla-train", "vla-train tiny_spatial_ppo trainer.iterations=10 trainer.seed=1")


def evaluate() -> None:
    """The console script `vla-eval`."""
    _run(_evaluate, "vla-eval", "vla-eval logs/tiny_spatial_ppo/2026-01-01_12-00-00 eval.episodes=10")


def describe_evaluation(evaluation: "Evaluation") -> str:
    """What it was measured in, then success per task and in all, one line each."""
    head = [evaluation.env_id]
    head += [f"split {evaluation.split}"] if evaluation.split is not None else []
    head += [f"assets {evaluation.asset_set}"] if evaluation.asset_set is not None else []
    over = [*([evaluation.heading] if evaluation.heading is not None else []), ", ".join(head)]
    lines = [
        f"{task.task}: {task.successes}/{task.episodes} = {task.success_rate:.1%} "
        f"[{task.interval[0]:.1%}, {task.interval[1]:.1%}]"
        for task in evaluation.tasks
    ]
    if evaluation.success_rate is None:
        said = f"{evaluation.episodes} episodes, mean return {evaluation.reward_mean:.4g}; success is not reported"
        return "\n".join([*over, said])
    low, high = evaluation.interval
    lines.append(
        f"all: {evaluation.successes}/{evaluation.episodes} = {evaluation.success_rate:.1%} [{low:.1%}, {high:.1%}]"
    )
    return "\n".join([*over, *lines])


def _run(command: Callable[..., None], name: str, example: str) -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    epilog = f"Recipes: {', '.join(recipe_names())}.\n\nExample: {example}"
    app.command(no_args_is_help=True, epilog=epilog)(command)
    app(prog_name=name)


def _split(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The recipe, if the first argument is one, and the overrides."""
    if arguments and "=" not in arguments[0]:
        return arguments[0], arguments[1:]
    return None, arguments


def _required(recipe: str | None) -> str:
    if recipe is None:
        raise ConfigError(f"missing RECIPE; allowed: {', '.join(recipe_names())}, or a path to a .yaml file")
    return recipe


@contextmanager
def _one_line(*also: type[Exception]) -> Iterator[None]:
    """What a user can mend, and `also`, becomes one line on standard error and exit code 2; the rest is a traceback."""
    try:
        yield
    except Exception as error:
        named = isinstance(error, (TrainerError, *also))
        # asked by name, because importing gymnasium for it would slow down every start
        if not named and not any(base.__module__ == "gymnasium.error" for base in type(error).__mro__):
            raise
        typer.echo(f"{type(error).__name__}: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(2) from error
