"""Print an evaluation: progress while it runs, then tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from vla_trainer.errors import MissingExtraError
from vla_trainer.evaluation.comparison import Comparison, Paired
from vla_trainer.evaluation.result import Evaluation

LINES = 10
"""Lines of progress where there is no terminal."""


class _Bar:
    """A progress bar that shows on a terminal only; a context manager."""

    def __init__(self, console: Console, what: str, total: int | None, *columns: ProgressColumn) -> None:
        self._console = console
        self._bar = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._bar.stop()


class EvaluationProgress(_Bar):
    """A bar on a terminal, a line every tenth of the episodes elsewhere; called after an episode."""

    def __init__(self, console: Console, name: str = "") -> None:
        self._name = f"{name}: " if name else ""
        described = TextColumn("{task.description}", markup=False)  # a name may hold brackets
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), described)
        super().__init__(console, f"{self._name}episodes", None, *columns)
        self._printed = 0

    def __call__(self, ended: int, total: int, successes: int) -> None:
        """Show progress; see `vla_trainer.evaluation.evaluate.OnEpisode`."""
        text = f"{self._name}{successes} successes"
        if self._console.is_terminal:
            self._bar.update(self._task, completed=ended, total=total, description=text)
        elif (tenth := ended * LINES // total) > self._printed:
            self._printed = tenth
            self._console.print(f"{ended}/{total} episodes, {text}", highlight=False, soft_wrap=True)


class CountProgress(_Bar):
    """A bar on a terminal, nothing elsewhere; called with the number of items that are done."""

    def __init__(self, what: str, total: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        super().__init__(Console(), what, total, *columns)

    def __call__(self, done: int) -> None:
        self._bar.update(self._task, completed=done)


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print what was evaluated, then a table of success per task and in all."""
    head = [evaluation.env_id]
    head += [f"split {evaluation.split}"] if evaluation.split is not None else []
    head += [f"assets {evaluation.asset_set}"] if evaluation.asset_set is not None else []
    head += [f"rendered by {evaluation.renderer}"] if evaluation.renderer is not None else []
    head += [f"weights {evaluation.weights}"] if evaluation.weights is not None else []
    print_line(console, evaluation.heading)
    print_line(console, ", ".join(head))
    if evaluation.success_rate is None:
        line = f"{evaluation.episodes} episodes, mean return {evaluation.reward_mean:.4g}; success is not reported"
        print_line(console, line)
        return
    table = make_table("task", "successes", "rate", "95% interval", "mean steps")
    for task in evaluation.tasks:
        steps = "-" if task.mean_env_steps is None else f"{task.mean_env_steps:.1f}"
        counted = f"{task.successes}/{task.episodes}"
        table.add_row(as_words(task.task), counted, f"{task.success_rate:.1%}", interval_text(task.interval), steps)
    table.add_section()
    counted = f"{evaluation.successes}/{evaluation.episodes}"
    steps = f"{evaluation.mean_env_steps:.1f}" if evaluation.states else "-"
    table.add_row("all", counted, f"{evaluation.success_rate:.1%}", interval_text(evaluation.interval), steps)
    console.print(table)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the table of pairs, the two rates, their difference and its interval."""
    print_line(console, comparison.heading)
    print_line(console, f"{comparison.env_id}, {comparison.all.episodes} episodes of each")
    print_line(console, f"A = {comparison.a}")
    print_line(console, f"B = {comparison.b}")
    for notice in comparison.notices:
        print_line(console, f"note: {notice}")
    table = make_table("task", "both", "only A", "only B", "neither", "A - B", "p")
    for task in comparison.tasks:
        table.add_row(*_pair_row(task))
    table.add_section()
    table.add_row(*_pair_row(comparison.all))
    console.print(table)
    total = comparison.all
    print_line(console, f"A: {total.rate_a:.1%} [{interval_text(total.interval_a)}], B: {total.rate_b:.1%} ", end="")
    print_line(console, f"[{interval_text(total.interval_b)}] (95%, Wilson)")
    difference = interval_text(total.difference_interval, "+")
    print_line(console, f"A - B: {total.difference:+.1%} [{difference}] (95%, Newcombe, paired)")
    print_line(console, f"exact McNemar test: p = {total.p_value:.3g}")


def _pair_row(pairs: Paired) -> list[str]:
    counts = [str(count) for count in (pairs.both, pairs.only_a, pairs.only_b, pairs.neither)]
    return [as_words(pairs.name), *counts, f"{pairs.difference:+.1%}", f"{pairs.p_value:.3g}"]


def make_table(first: str, *others: str) -> Table:
    """Return a table whose first column may be wrapped; the others hold numbers."""
    table = Table(first, *others)
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    table.columns[0].overflow = "fold"
    table.columns[0].min_width = 16
    return table


def as_words(name: str) -> str:
    """Return a task's name as words, which a table can wrap."""
    return name.replace("_", " ")


def interval_text(ends: tuple[float, float], sign: str = "") -> str:
    """Return the ends of an interval of a rate in percent; with `sign` "+" those of a difference."""
    return f"{ends[0]:{sign}.1%}, {ends[1]:{sign}.1%}"


def print_line(console: Console, line: str | None, end: str = "\n") -> None:
    """Print a line as it is; None: nothing."""
    # without markup: a name may hold brackets
    if line is not None:
        console.print(line, end=end, markup=False, highlight=False, soft_wrap=True)


def draw_plot(console: Console, file: Path, draw: Callable[[], None]) -> None:
    """Call `draw`, which writes a plot into `file`; where it cannot, a note says why."""
    try:
        draw()
    except MissingExtraError as error:
        print_line(console, f"note: no {file.name}: {error}")
    except Exception as error:  # the numbers are written; no failure of a plot is worth an error
        print_line(console, f"note: no {file.name}: {type(error).__name__}: {' '.join(str(error).split())}")
    else:
        print_line(console, f"plotted: {file}")
