"""`libero-gym doctor`: what is wrong with an installation, and how to mend it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from libero_gym.doctor import Finding, examine

if TYPE_CHECKING:
    from rich.console import Console

_COLOURS = {"ok": "green", "failed": "bold red", "note": "yellow", "skipped": "dim"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="As JSON on standard output.")] = False) -> None:
    """Check versions, OpenGL, cache, assets, what the simulation computes and draws; say how to mend what is wrong.

    Takes 15 s, or up to a minute where scenes have to be compiled first. Exit code 0 if all is well, 1 if not.
    """
    begin = time.perf_counter()
    findings: list[Finding] = []
    if as_json:
        findings = list(examine())
        tree = {"ok": not _failed(findings), "findings": [asdict(finding) for finding in findings]}
        typer.echo(json.dumps(tree, indent=2))
    else:
        from rich.console import Console

        console = Console(highlight=False)
        # The spinner is for a person who waits; it draws nothing where the output is no terminal.
        with console.status("looking"):
            for finding in examine():
                findings.append(finding)
                _print(console, finding)
        failed = _failed(findings)
        verdict = f"{failed} of {len(findings)} checks failed" if failed else "all is well"
        typer.echo(f"{verdict} ({time.perf_counter() - begin:.0f} s)")
    if _failed(findings):
        raise SystemExit(1)


def _failed(findings: list[Finding]) -> int:
    return sum(finding.status == "failed" for finding in findings)


def _print(console: Console, finding: Finding) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(width=7)
    table.add_column(width=13)
    table.add_column(overflow="fold")
    table.add_row(Text(finding.status, _COLOURS[finding.status]), Text(finding.check, "bold"), Text(finding.found))
    if finding.mend is not None:
        table.add_row("", "", Text(f"-> {finding.mend}", "cyan"))
    console.print(table)
