"""An ablation as a table: in Markdown, with everything; and printed, in columns that fit a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vla_trainer.ablation.curve import Budget
from vla_trainer.ablation.result import ENDED, FAILED, WAITING, AblationResult, PointResult, RunResult
from vla_trainer.evaluation.report import make_table, print_line
from vla_trainer.metrics import mean

_NONE = "-"
SPENT = ("iterations", "episodes", "env steps", "minutes")
PAIRS = (
    "95% over episodes: Newcombe's for pairs of (seed, initial state); it is about these policies alone; p: exact "
    "McNemar test of the same pairs"
)
LEGEND = (
    "difference: to the base, mean over the seeds that both have; intervals and p are not corrected for the number of "
    "rows",
    "95% over seeds: Student's t for pairs of equal seeds; it is about training again with other seeds",
    PAIRS,
    "minutes: of the iterations, evaluations and checkpoints included; runs beside each other slow each other down",
)


def full_table(result: AblationResult) -> tuple[list[str], list[list[str]]]:
    """Return the heads of the whole table, and a row of cells for each point."""
    head = ["point", _metric(result), "by seed", "difference", "95% over seeds", "95% over episodes", "p"]
    head += [f"{what} to {_threshold(result)}" for what in SPENT] + [f"{what} in all" for what in SPENT] + ["note"]
    rows = [
        [_name(point), *_quality(result, point), *_to_threshold(point), *_totals(point), _note(point)]
        for point in result.points
    ]
    return head, rows


def markdown(result: AblationResult) -> str:
    """Return the text of `ablation.md`."""
    head, rows = full_table(result)
    lines = [f"# Ablation of {result.recipe}", ""]
    lines += [summary(result), ""]
    lines += [_row(head), _row(["---"] * len(head)), *map(_row, rows), ""]
    lines += [f"- {line}" for line in legend(result)]
    failures = [(point, run) for point in result.points for run in point.of(FAILED)]
    if failures:
        lines += ["", "Failed runs:", ""]
        lines += [
            f"- {point.name}, seed {run.seed}, `{run.folder}`: {_cell(run.error or '')}" for point, run in failures
        ]
    return "\n".join(lines) + "\n"


def print_ablation(result: AblationResult, console: Console) -> None:
    """Print how good each point is, then what it spent, then what has to be said with it."""
    print_line(console, summary(result))
    heads = ["mean", "by seed", "to base", "95% seeds", "95% episodes", "p"]
    shown = len(heads) if _has_pairs(result) else len(heads) - 2
    table = make_table("point", *heads[:shown])
    for point in result.points:
        table.add_row(Text(_name(point)), *_quality(result, point)[:shown])
    console.print(_narrow(table))
    table = make_table("spent" if result.threshold is None else f"to {_threshold(result)} / in all", *SPENT)
    for point in result.points:
        totals, first = _totals(point), _to_threshold(point)
        pairs = zip(first, totals, strict=True)
        cells = totals if result.threshold is None else [f"{reached} / {total}" for reached, total in pairs]
        table.add_row(Text(_name(point)), *cells)
    console.print(_narrow(table))
    for point in result.points:
        for run in point.of(FAILED):
            print_line(console, f"failed: {point.name}, seed {run.seed}: {run.error}")
    for line in legend(result):
        print_line(console, line)


def _narrow(table: Table) -> Table:
    """Let all columns be wrapped, at spaces."""
    for column in table.columns:
        column.no_wrap = False
    table.columns[0].min_width = 12
    return table


def number(value: float, metric: str | None, sign: str = "") -> str:
    """Return a value of a metric: a rate in percent, anything else with four digits."""
    return f"{value:{sign}.1%}" if metric is not None and "rate" in metric else f"{value:{sign}.4g}"


def summary(result: AblationResult) -> str:
    """Return what is compared, and how many runs are at their end, in a line."""
    changed = f" {' '.join(result.overrides)}" if result.overrides else ""
    seeds = f"seed{'s' if len(result.seeds) > 1 else ''} {', '.join(map(str, result.seeds))}"
    runs = sum(len(point.runs) for point in result.points)
    by = "" if result.metric is None else f"; compared by {result.metric}"
    return f"{result.recipe}{changed}; {seeds}; {result.ended} of {runs} runs are at their end{by}"


def legend(result: AblationResult) -> list[str]:
    """Return what the heads of the table stand for, and the notices."""
    curve = "" if result.curve is None else f"{result.curve}, mean over {result.window} iterations"
    lines = [] if result.threshold is None else [f"to {_threshold(result)}: when {curve}, was there for the first time"]
    if any(point.difference is not None and point.difference.interval is None for point in result.points):
        lines.append("no interval over seeds: --seeds 2 or more")
    lines += [line for line in LEGEND if line != PAIRS or _has_pairs(result)]
    return [*lines, *(f"note: {notice}" for notice in result.notices)]


def _has_pairs(result: AblationResult) -> bool:
    return any(point.difference is not None and point.difference.episodes is not None for point in result.points)


def _metric(result: AblationResult) -> str:
    return result.metric or "value"


def _threshold(result: AblationResult) -> str:
    return "threshold" if result.threshold is None else number(result.threshold, result.curve)


def _name(point: PointResult) -> str:
    return point.name + (f" (= {', '.join(point.also)})" if point.also else "")


def _quality(result: AblationResult, point: PointResult) -> list[str]:
    """Return mean, each seed's, difference, its two intervals, and p."""
    metric = result.metric
    middle = _NONE if point.mean is None else number(point.mean, metric)
    by_seed = ", ".join(_of_seed(run, metric) for run in point.runs)
    found = point.difference
    if found is None:
        return [middle, by_seed, _NONE, _NONE, _NONE, _NONE]
    pairs = found.episodes
    return [
        middle,
        by_seed,
        number(found.mean, metric, "+"),
        _NONE if found.interval is None else _ends(found.interval, metric),
        _NONE if pairs is None else _ends(pairs.difference_interval, metric),
        _NONE if pairs is None else f"{pairs.p_value:.3g}",
    ]


def _of_seed(run: RunResult, metric: str | None) -> str:
    if run.state != ENDED:
        return run.state
    return _NONE if run.value is None else number(run.value, metric)


def _ends(interval: tuple[float, float], metric: str | None) -> str:
    return f"{number(interval[0], metric, '+')}, {number(interval[1], metric, '+')}"


def _to_threshold(point: PointResult) -> list[str]:
    """Return iterations, episodes, env steps and minutes: means over the seeds that were there."""
    ended = point.of(ENDED)
    found = [run.threshold for run in ended if run.threshold is not None]
    if not found:
        return [_NONE] * 4
    seeds = "" if len(found) == len(ended) else f" ({len(found)}/{len(ended)} seeds)"
    first, *others = _means(found)
    return [first + seeds, *others]


def _totals(point: PointResult) -> list[str]:
    """Return iterations, episodes, env steps and minutes of a run: means over the seeds."""
    found = [run.total for run in point.of(ENDED) if run.total is not None]
    return _means(found) if found else [_NONE] * 4


def _means(budgets: Sequence[Budget]) -> list[str]:
    """Return the means of iterations, episodes, env steps and minutes."""
    counts = [
        mean([budget.iterations for budget in budgets]),
        mean([budget.episodes for budget in budgets]),
        mean([budget.env_steps for budget in budgets]),
    ]
    return [*(f"{count:,.0f}" for count in counts), f"{mean([budget.minutes for budget in budgets]):.1f}"]


def _note(point: PointResult) -> str:
    parts = [f"{len(point.of(state))} {state}" for state in (FAILED, WAITING) if point.of(state)]
    return ", ".join(parts)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Return text that Markdown shows as it is in a table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
