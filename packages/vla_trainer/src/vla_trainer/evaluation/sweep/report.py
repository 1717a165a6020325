"""Print a sweep or the comparison of two as tables, in the form of `vla_trainer.evaluation.report`."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from vla_trainer.evaluation.report import as_words, interval_text, make_table, pair_row, print_line
from vla_trainer.evaluation.result import Evaluation, TaskCount
from vla_trainer.evaluation.sweep.comparison import SweepComparison
from vla_trainer.evaluation.sweep.result import SweepResult


def print_sweep(result: SweepResult, console: Console, *, per_task: bool = False) -> None:
    """Print what was evaluated, what has to be said with it, and a row for each point; `per_task`: for tasks, too."""
    first = result.points[0].evaluation
    head = [result.env_id]
    head += [f"split {first.split}"] if first.split is not None else []
    head += [f"assets {name}" for name in result.asset_sets]
    head += [f"weights {result.weights}"]
    print_line(console, result.heading)
    print_line(console, ", ".join(head))
    for notice in _notices(result):
        print_line(console, f"note: {notice}")
    if any(point.evaluation.success_rate is None for point in result.points):
        print_line(console, "success is not reported")
        table = make_table(_head(result), "episodes", "mean return", "mean steps")
        for point in result.points:
            evaluation = point.evaluation
            steps = f"{evaluation.mean_env_steps:.1f}"
            table.add_row(Text(point.name), str(evaluation.episodes), f"{evaluation.reward_mean:.4g}", steps)
        console.print(table)
        return
    table = make_table(_head(result), "successes", "rate", "95% interval", "mean steps")
    for point in result.points:
        table.add_row(Text(point.name), *_numbers(point.evaluation))
        for task in point.evaluation.tasks if per_task else ():
            table.add_row(Text(f"  {as_words(task.task)}"), *_numbers(task))
        if per_task:
            table.add_section()
    console.print(table)


def print_sweep_comparison(comparison: SweepComparison, console: Console) -> None:
    """Print the table of pairs by point and over all, the two rates, their difference and its interval."""
    print_line(console, comparison.heading)
    print_line(console, f"{comparison.env_id}, {comparison.all.episodes} episodes of each")
    print_line(console, f"A = {comparison.a}")
    print_line(console, f"B = {comparison.b}")
    for notice in comparison.notices:
        print_line(console, f"note: {notice}")
    keys = list(comparison.points[0].values)
    table = make_table(
        keys[0] if len(keys) == 1 else "point", "both", "only A", "only B", "neither", "A - B", "95%", "p"
    )
    for point in comparison.points:
        pairs = point.comparison.all
        *counts, difference, p_value = pair_row(pairs)[1:]
        table.add_row(Text(point.name), *counts, difference, interval_text(pairs.difference_interval, "+"), p_value)
    table.add_section()
    total = comparison.all
    *counts, difference, p_value = pair_row(total)[1:]
    table.add_row("all", *counts, difference, interval_text(total.difference_interval, "+"), p_value)
    console.print(table)
    print_line(console, "A - B: 95%, Newcombe, paired; p: exact McNemar test, not corrected for the number of rows")
    print_line(console, f"A: {total.rate_a:.1%} [{interval_text(total.interval_a)}], B: {total.rate_b:.1%} ", end="")
    print_line(console, f"[{interval_text(total.interval_b)}] (95%, Wilson), over all points")


def _head(result: SweepResult) -> str:
    return result.keys[0] if len(result.keys) == 1 else "point"


def _notices(result: SweepResult) -> Iterator[str]:
    """Yield what is noted of all points, then what is noted of some, with their names."""
    of_points: dict[str, list[str]] = {}
    for point in result.points:
        for notice in dict.fromkeys(point.evaluation.notices):
            of_points.setdefault(notice, []).append(point.name)
    for notice, names in of_points.items():
        if len(names) == len(result.points):
            yield notice
    for notice, names in of_points.items():
        if len(names) < len(result.points):
            yield f"{'; '.join(names)}: {notice}"


def _numbers(counts: Evaluation | TaskCount) -> list[str]:
    steps = "-" if counts.mean_env_steps is None else f"{counts.mean_env_steps:.1f}"
    rate = "-" if counts.success_rate is None else f"{counts.success_rate:.1%}"
    return [f"{counts.successes}/{counts.episodes}", rate, interval_text(counts.interval), steps]
