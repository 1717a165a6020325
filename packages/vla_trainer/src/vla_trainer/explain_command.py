"""The command `vla-eval --explain RESULT REFERENCE`: why is my number different?

eval.json, eval.json or the name of a published result --explain--> table, likely cause
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vla_trainer.errors import ConfigError
from vla_trainer.eval_command import is_result
from vla_trainer.evaluation.explanation import Explanation, FactRow, Side, explain, side_of
from vla_trainer.evaluation.reference import read_reference
from vla_trainer.evaluation.report import interval_text, print_line
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.run_folder import EVALUATION_FILE

WIDTH = 46
"""Characters of a value in the table."""


def explain_results(arguments: Sequence[str], console: Console) -> Explanation:
    """Compare a result with a reference and print what differs, the likely cause first.

    Args:
        arguments: an eval.json or its folder; and another one, or the name of a published result.
        console: prints.

    Raises:
        ConfigError: not two arguments.
        ComparisonError: a file that is no eval.json, or a name that is no published result.
    """
    if len(arguments) != 2:
        raise ConfigError(
            f"--explain takes RESULT and REFERENCE, not {len(arguments)} arguments; allowed: an eval.json, then an "
            "eval.json or the name of a published result"
        )
    mine, other = arguments
    evaluation = Evaluation.read(_file(mine))
    reference = (
        side_of(other, Evaluation.read(_file(other)))
        if is_result(other) or Path(other).expanduser().is_dir()
        else read_reference(other, evaluation.env_id)
    )
    found = explain(side_of(mine, evaluation), reference)
    print_explanation(found, console)
    return found


def print_explanation(found: Explanation, console: Console) -> None:
    """Print rates, the likely cause, a table of the facts that differ, and what is not recorded."""
    for letter, side in (("A", found.mine), ("B", found.reference)):
        print_line(console, f"{letter} = {side.name}: {_rate(side)}")
        for source in side.sources:
            print_line(console, f"    from {source}")
    _print_verdict(found, console)
    for note in found.notes:
        print_line(console, f"note: {note}")
    if found.different:
        table = Table("fact that differs", "A", "B", "cost", "what it does")
        for column, share in zip(table.columns, (0, 2, 2, 0, 3), strict=True):
            column.overflow = "fold"
            column.ratio = share or None
        for row in found.different:
            table.add_row(row.name, _text(row.mine), _text(row.reference), f"{row.weight:.0f}", row.cause)
        console.print(table)
        print_line(console, "cost: points of success that such a difference may take; docs/explain.md says from where")
    _print_names(console, "equal", found.equal)
    _print_names(console, "not recorded by A", [row for row in found.unrecorded if row.state == "only reference"])
    _print_names(console, "not recorded by B", [row for row in found.unrecorded if row.state == "only mine"])


def _print_verdict(found: Explanation, console: Console) -> None:
    rates, cause = found.rates, found.likely_cause
    if rates is None:
        print_line(console, "success is not reported by both, so that rates cannot be compared")
    else:
        ends = interval_text(rates.interval, "+")
        print_line(console, f"A - B: {rates.difference:+.1%} [{ends}] (95%), {rates.method}: p = {rates.p_value:.3g}")
        if rates.beyond_chance:
            print_line(console, "The rates differ beyond chance.")
        else:
            print_line(console, "The rates do not differ beyond chance: no cause, or too few episodes to tell.")
    if cause is None:
        print_line(console, "No recorded fact differs.")
    else:
        values = f"{_text(cause.mine)}, reference {_text(cause.reference)}"
        label = "Likely cause" if rates is None or rates.beyond_chance else "Likely cause, if they differ"
        print_line(console, f"{label}: {cause.name}: {values}: {cause.cause}.")


def _print_names(console: Console, what: str, rows: Sequence[FactRow]) -> None:
    if rows:
        print_line(console, f"{what}: {', '.join(row.name for row in rows)}")


def _rate(side: Side) -> str:
    if side.rate is None:
        return f"{side.episodes} episodes, success is not reported"
    return f"{side.rate:.1%} [{interval_text(side.interval)}] of {side.episodes} episodes"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def _file(name: str) -> Path:
    path = Path(name).expanduser()
    return path / EVALUATION_FILE if path.is_dir() else path
