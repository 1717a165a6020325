"""Print a sweep or the comparison of two as tables, in the form of `vla_trainer.evaluation.report`."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from vla_trainer.evaluation.comparison import Paired
from vla_trainer.evaluation.report import as_words, interval_text, make_table, print_line
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
    for notice in notices_of(result):
        print_line(console, f"note: {notice}")
    if any(point.evaluation.success_rate is None for point in result.points):
        print_line(console, "success is not reported")
        table = make_table(head_of(result.keys), "episodes", "mean return", "mean steps")
        for point in result.points:
            evaluation = point.evaluation
            steps = f"{evaluation.mean_env_steps:.1f}"
            table.add_row(Text(point.name), str(evaluation.episodes), f"{evaluation.reward_mean:.4g}", steps)
        console.print(table)
        return
    table = make_table(head_of(result.keys), "successes", "rate", "95% interval", "mean steps")
    for point in result.points:
        table.add_row(Text(point.name), *numbers_of(point.evaluation))
        for task in point.evaluation.tasks if per_task else ():
            table.add_row(Text(f"  {as_words(task.task)}"), *numbers_of(task))
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
    table = make_table(head_of(list(comparison.points[0].values)), "only A", "only B", "A - B", "95% interval", "p")
    for point in comparison.points:
        table.add_row(Text(point.name), *_pair_columns(point.comparison.all))
    table.add_section()
    total = comparison.all
    table.add_row("all", *_pair_columns(total))
    console.print(table)
    print_line(console, f"both: {total.both}, neither: {total.neither}, of {total.episodes} over all points")
    print_line(console, "interval: Newcombe, paired; p: exact McNemar test, not corrected for the number of rows")
    print_line(console, f"A: {total.rate_a:.1%} [{interval_text(total.interval_a)}], B: {total.rate_b:.1%} ", end="")
    print_line(console, f"[{interval_text(total.interval_b)}] (95%, Wilson), over all points")


def head_of(keys: Sequence[str]) -> str:
    """Return what the first column of a table of points is called."""
    return keys[0] if len(keys) == 1 else "point"


def _pair_columns(pairs: Paired) -> list[str]:
    """Return what fits into 80 characters beside a point's name; sweep_comparison.json has the rest."""
    interval = interval_text(pairs.difference_interval, "+")
    return [str(pairs.only_a), str(pairs.only_b), f"{pairs.difference:+.1%}", interval, f"{pairs.p_value:.3g}"]


def notices_of(result: SweepResult) -> Iterator[str]:
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


def numbers_of(counts: Evaluation | TaskCount) -> list[str]:
    """Return successes, rate, 95% Wilson interval and mean length as a table shows them."""
    steps = "-" if counts.mean_env_steps is None else f"{counts.mean_env_steps:.1f}"
    rate = "-" if counts.success_rate is None else f"{counts.success_rate:.1%}"
    return [f"{counts.successes}/{counts.episodes}", rate, interval_text(counts.interval), steps]
