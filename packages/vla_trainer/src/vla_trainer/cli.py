"""The commands of the package. Heavy imports come late, so that help and `--check` are quick."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vla_trainer import eval_options
from vla_trainer.config.load import recipe_names
from vla_trainer.errors import ConfigError, TrainerError

if TYPE_CHECKING:
    from vla_trainer.config.schema import Config
    from vla_trainer.trainer import Trainer

_format_warning: Callable[..., str] = warnings.formatwarning

Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RECIPE [KEY=VALUE]...",
        show_default=False,
        help="A recipe's name or a YAML file, then overrides of its keys.",
    ),
]


def _show_version(wanted: bool) -> None:
    if wanted:
        from vla_trainer.versions import describe_versions

        typer.echo(describe_versions())
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, help="Print the versions of the packages."),
]


def _train(
    arguments: Arguments = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check the config, the placement and the memory; make nothing.")
    ] = False,
    here: Annotated[
        bool,
        typer.Option("--here", help="With --check: also compare this machine with the config; make nothing."),
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print components, devices, amounts and estimated times; make nothing.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="DIR",
            help="Continue the run in this folder, or from this checkpoint of it.",
            show_default=False,
        ),
    ] = None,
    version: Version = False,
) -> None:
    """Train a policy as a recipe says."""
    with _one_line():
        from vla_trainer import run

        recipe, overrides = _split(arguments or [])
        if here and not check:
            raise ConfigError("--here is read with --check only")
        if resume is not None:
            spec = run.resumed_run(resume, recipe, overrides)
        else:
            spec = run.new_run(_required(recipe), overrides)
        if plan:
            from vla_trainer.planner.describe import describe

            typer.echo(describe(spec.config, spec.recipe))
            return
        check_placement(spec.config)
        if check:
            if here:
                check_machine(spec.config)
            check_sizes(spec.config)
            typer.echo(f"{spec.recipe}: ok")
            return
        typer.echo(f"done: {run.run_supervised(spec, _make, typer.echo)}")


def _evaluate(
    arguments: eval_options.Arguments = None,
    compare: eval_options.Compare = None,
    explain: eval_options.Explain = False,
    protocol: eval_options.Protocol = None,
    sweeps: eval_options.Sweeps = None,
    per_task: eval_options.PerTask = False,
    version: Version = False,
) -> None:
    """Evaluate a policy: success per task and in all, with 95% Wilson intervals; written to eval.json."""
    kept = "; what is done is kept, and the same command goes on from there" if sweeps else ": no result is written"
    with _one_line(), _interruptible(kept):
        from rich.console import Console

        from vla_trainer import eval_command, explain_command, sweep_command

        if explain:
            if sweeps or compare is not None or protocol is not None:
                raise ConfigError("--explain is read without --sweep, --compare and --protocol only")
            explain_command.explain_results(arguments or [], Console())
            return
        recipe, overrides = _split(arguments or [])
        target, console, make = _required(recipe), Console(), partial(_make, training=False)
        if protocol is not None:
            overrides = eval_command.with_protocol(target, overrides, protocol)
        if per_task and (not sweeps or compare is not None):
            raise ConfigError("--per-task is read with --sweep and without --compare only")
        if sweeps or (compare is not None and sweep_command.is_sweep(target)):
            if compare is None:
                sweep_command.evaluate_sweep(target, sweeps or [], overrides, console, make, per_task=per_task)
            else:
                sweep_command.compare_two_sweeps(target, compare, sweeps or [], overrides, console, make)
        elif compare is None:
            eval_command.evaluate_one(target, overrides, console, make)
        else:
            eval_command.evaluate_pair(target, compare, overrides, console, make)


def _ablate(
    arguments: Arguments = None,
    over: Annotated[
        list[str] | None,
        typer.Option(
            "--over",
            metavar="KEY=V1,V2,...",
            show_default=False,
            help="Train with each of these values of a key of the config. A value is written as in KEY=VALUE, commas "
            "inside [...], {...} and quotes belong to it, and a map replaces the recipe's. Keys that change "
            "together: 'KEY=V1,V2; KEY2=W1,W2'. May be given more than once: then one is changed at a time. A value "
            "that the recipe has already is the base.",
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            metavar="N",
            help="Train every point under N seeds: trainer.seed, trainer.seed + 1, ...; an interval needs 2 or more.",
        ),
    ] = 3,
    grid: Annotated[
        bool, typer.Option("--grid", help="Train all combinations of the values.", show_default=False)
    ] = False,
    parallel: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            metavar="J",
            show_default=False,
            help="Runs beside each other; without it, as many as there are cores for: cores / threads of one, and "
            "1 on a GPU and on a cluster.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="X",
            show_default=False,
            help="Report when the learning curve, a mean over 5 iterations, was at X for the first time; without it, "
            "0.8 where the curve is one of success.",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            show_default=False,
            help="What runs are compared by at their end; without it, success in the last evaluation, else in "
            "training, else the return.",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="DIR",
            show_default=False,
            help="Folder of the runs and of the result; without it, logs/ablations/RECIPE_FINGERPRINT, which is the "
            "same for the same base and keys.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and list the runs; make nothing.", show_default=False)
    ] = False,
    version: Version = False,
) -> None:
    """Ablate a recipe: train it with single keys changed, over seeds, and write one table of what each is worth.

    The same command goes on where it was interrupted or killed.
    With more values or seeds, it runs only what is new.
    A run that failed stays in the table, and is tried again.
    """
    kept = "; what is done is kept, and the same command goes on from there"
    with _one_line(), _interruptible(kept):
        from rich.console import Console

        from vla_trainer import ablate_command
        from vla_trainer.ablation.plan import plan_ablation

        recipe, overrides = _split(arguments or [])
        settings = ablate_command.Settings(parallel, metric, threshold)
        ablate_command.check_settings(settings)
        plan = plan_ablation(_required(recipe), overrides, over or [], seeds=seeds, grid=grid, out=out)
        failed = ablate_command.ablate(plan, settings, Console(), dry_run=dry_run)
    if failed:
        raise typer.Exit(1)


def _report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            show_default=False,
            help="Folders of vla-train, of vla-ablate and of vla-eval with or without --sweep.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            show_default=False,
            help="The file to write; without it, report.html in the folder, or here where there are several.",
        ),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option("--title", metavar="TEXT", show_default=False, help="Its heading; else the folders' names."),
    ] = None,
    max_mb: Annotated[
        float,
        typer.Option("--max-mb", metavar="X", min=0.1, help="Largest size; videos that do not fit are named instead."),
    ] = 15.0,
    show: Annotated[bool, typer.Option("--open", help="Open it in a browser.", show_default=False)] = False,
    version: Version = False,
) -> None:
    """Write one HTML file about runs: learning curves, success per task, videos, config, ablations and sweeps."""
    with _one_line(), _interruptible(": no report is written"):
        from vla_trainer import report_command

        report_command.write_report(runs, typer.echo, out=out, title=title, max_mb=max_mb, show=show)


def _make(config: "Config", *, training: bool = True) -> "Trainer":
    from vla_trainer.trainer import make_trainer

    with _one_line(ValueError):
        check_sizes(config, training=training)
        if sys.stderr.isatty():
            typer.echo("making environments and policy; the first time scenes are built and code is compiled", err=True)
        return make_trainer(config)


def check_placement(config: "Config") -> None:
    """Raise PlacementError if `cluster.component_placement` does not fit the machines or the run's amounts."""
    from vla_trainer import placement

    placement.place(config)


def check_machine(config: "Config") -> None:
    """Print a line for each check of this machine; exit with code 1 where one fails."""
    from vla_trainer.planner import machine

    checks = machine.examine(config, machine.this_machine(config))
    for line in checks:
        typer.echo(str(line))
    if failed := sum(line.status == "failed" for line in checks):
        typer.echo(f"{failed} of {len(checks)} checks of this machine failed", err=True)
        raise typer.Exit(1)


def check_sizes(config: "Config", *, training: bool = True) -> None:
    """Raise ConfigError if the machines have too little memory, and warn of what is unusual."""
    from vla_trainer import sizes

    for line in sizes.check_sizes(config, training=training):
        typer.echo(f"warning: {line}", err=True)


def train() -> None:
    """Run the console script `vla-train`."""
    _run(_train, "vla-train", "vla-train tiny_spatial_ppo trainer.iterations=10 trainer.seed=1")


def evaluate() -> None:
    """Run the console script `vla-eval`."""
    _run(_evaluate, "vla-eval", "vla-eval logs/tiny_spatial_ppo/2026-01-01_12-00-00 eval.episodes=10")


def ablate() -> None:
    """Run the console script `vla-ablate`."""
    _run(_ablate, "vla-ablate", "vla-ablate tiny_spatial_ppo --over actor.lr=1e-4,1e-3 --seeds 3")


def report() -> None:
    """Run the console script `vla-report`."""
    _run(_report, "vla-report", "vla-report logs/tiny_spatial_ppo/2026-01-01_12-00-00 --open", recipes=False)


def _run(command: Callable[..., None], name: str, example: str, *, recipes: bool = True) -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    known = f"Recipes: {', '.join(recipe_names())}.\n\n" if recipes else ""
    epilog = f"{known}Example: {example}"
    app.command(no_args_is_help=True, epilog=epilog)(command)
    warnings.formatwarning = _one_line_warning
    app(prog_name=name)


def _one_line_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Return a warning for the user without the place in the code that it comes from."""
    if issubclass(category, FutureWarning):
        return f"warning: {message}\n"
    return _format_warning(message, category, filename, lineno, line)


def _split(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Split arguments into the recipe, which is the first that is no override, and the overrides."""
    index = next((i for i, argument in enumerate(arguments) if not _is_override(argument)), None)
    if index is None:
        return None, arguments
    return arguments[index], [*arguments[:index], *arguments[index + 1 :]]


def _is_override(argument: str) -> bool:
    """Return whether it is `key=value` or `~key`; a path may have "=" in it, a key has no "/"."""
    key, equals, _ = argument.partition("=")
    return "/" not in key and (bool(equals) or key.startswith("~"))


def _required(recipe: str | None) -> str:
    if recipe is None:
        raise ConfigError(f"missing RECIPE; allowed: {', '.join(recipe_names())}, or a path to a .yaml file")
    return recipe


@contextmanager
def _one_line(*also: type[Exception]) -> Iterator[None]:
    """Print a TrainerError, and `also`, as one line and exit with its code; other errors keep their traceback."""
    try:
        yield
    except Exception as error:
        named = isinstance(error, (TrainerError, *also))
        # compared by name, because importing gymnasium for it would slow down every start
        if not named and not any(base.__module__ == "gymnasium.error" for base in type(error).__mro__):
            raise
        typer.echo(f"{type(error).__name__}: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(error.exit_code if isinstance(error, TrainerError) else 2) from error


@contextmanager
def _interruptible(consequence: str) -> Iterator[None]:
    """Turn Ctrl-C into one line, "interrupted" and the consequence, and exit code 130, as shells do."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"interrupted{consequence}", err=True)
        raise typer.Exit(130) from None
