"""`libero-gym doctor`: check an installation, and say how to fix it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

import click

from libero_gym.cli.help import examples
from libero_gym.cli.task_options import json_option
from libero_gym.doctor import CheckResult, examine

_STYLES: dict[str, dict[str, Any]] = {
    "ok": {"fg": "green"},
    "failed": {"fg": "red", "bold": True},
    "note": {"fg": "yellow"},
    "skipped": {"dim": True},
}


@click.command(
    short_help="Check the installation, and print how to fix each failure.",
    epilog=examples("libero-gym doctor", "LIBERO_GYM_ASSETS=my-assets libero-gym doctor --json"),
)
@json_option
def doctor(as_json: bool) -> None:
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
        click.echo(json.dumps(tree, indent=2))
    else:
        from libero_gym.cli.progress import waiting

        with waiting("checking") as show:
            for result in examine():
                results.append(result)
                show(_line(result))
        failed = _failed(results)
        verdict = f"{failed} of {len(results)} checks failed" if failed else "all is well"
        click.echo(f"{verdict} ({time.perf_counter() - begin:.0f} s)")
    if _failed(results):
        raise SystemExit(1)


def _failed(results: list[CheckResult]) -> int:
    return sum(result.status == "failed" for result in results)


def _line(result: CheckResult) -> str:
    from libero_gym.cli.tables import hanging

    status = click.style(f"{result.status:7}", **_STYLES[result.status])
    check = click.style(f"{result.check:13}", bold=True)
    line = f"{status}  {check}  {hanging(result.found, 24)}"
    if result.fix is None:
        return line
    return f"{line}\n{' ' * 24}{click.style(hanging(f'-> {result.fix}', 24), fg='cyan')}"
