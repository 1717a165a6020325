"""The options of `vla-eval`, as Typer reads them."""

from typing import Annotated

import typer

Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RECIPE-OR-RUN [KEY=VALUE]...",
        show_default=False,
        help="A run's folder, one of its checkpoints, a recipe's name or a YAML file; then overrides.",
    ),
]

Compare = Annotated[
    str | None,
    typer.Option(
        "--compare",
        metavar="OTHER",
        show_default=False,
        help="Compare with another run, checkpoint, recipe or eval.json on the same episodes; RECIPE-OR-RUN may be "
        "an eval.json, too. With --sweep: point by point, with another run or sweep.json.",
    ),
]

Explain = Annotated[
    bool,
    typer.Option(
        "--explain",
        show_default=False,
        help="With RESULT REFERENCE as arguments: compare an eval.json, fact by fact, with another one or with a "
        "published result by its name, and name the likely cause of a difference.",
    ),
]

Protocol = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        metavar="NAME",
        show_default=False,
        help="Evaluate as a published evaluation loop does that the environment knows, e.g. openvla-oft: its initial "
        "scenes, settling, images and time limits, whatever the config says of them.",
    ),
]

Sweeps = Annotated[
    list[str] | None,
    typer.Option(
        "--sweep",
        metavar="env.KEY=V1,V2,...",
        show_default=False,
        help="Evaluate at each of these values of an argument of the environment; written to sweep.json and "
        "sweep.png. A value is written as in KEY=VALUE, null is the default, and commas inside [...], {...} and "
        "quotes belong to it. May be given more than once: then all combinations. The same command again goes on "
        "where it was interrupted.",
    ),
]

PerTask = Annotated[
    bool, typer.Option("--per-task", help="With --sweep: print a row for each task, too.", show_default=False)
]
