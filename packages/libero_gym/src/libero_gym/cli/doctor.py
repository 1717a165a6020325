"""`libero-gym doctor`: check an installation, and say how to fix it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from libero_gym.cli.task_options import JsonOption
from libero_gym.doctor import CheckResult, examine

if TYPE_CHECKING:
    from rich.console import Console

_COLOURS = {"ok": "green", "failed": "bold red", "note": "yellow", "skipped": "dim"}


def doctor(as_json: JsonOption = False) -> None:
    """Check versions, cache, OpenGL, assets, simulation and rendering, and print how to fix each failure.

    Takes 15 s, or up to a minute where scenes have to be compiled first. Exit code 0 if all is well, 1 if not.
    """
    begin = time.perf_counter()
    results: list[CheckResult] = []
    if as_json:
        results = list(examine())
        checks = [{**asdict(result), "mend": result.fix} for result in results]
        # "findings" and "mend" are the old names of "checks" and "fix", for one release
        tree = {"ok": not _failed(results), "checks": checks, "findings": checks}
        typer.echo(json.dumps(tree, indent=2))
    else:
        from rich.console import Console

        console = Console(highlight=False)
        # The spinner prints nothing where the output is no terminal.
        with console.status("checking"):
            for result in examine():
                results.append(result)
                _print(console, result)
        failed = _failed(results)
        verdict = f"{failed} of {len(results)} checks failed" if failed else "all is well"
        typer.echo(f"{verdict} ({time.perf_counter() - begin:.0f} s)")
    if _failed(results):
        raise SystemExit(1)


def _failed(results: list[CheckResult]) -> int:
    return sum(result.status == "failed" for result in results)


def _print(console: Console, result: CheckResult) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(width=7)
    table.add_column(width=13)
    table.add_column(overflow="fold")
    table.add_row(Text(result.status, _COLOURS[result.status]), Text(result.check, "bold"), Text(result.found))
    if result.fix is not None:
        table.add_row("", "", Text(f"-> {result.fix}", "cyan"))
    console.print(table)
