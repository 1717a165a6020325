"""The console: in a terminal a table that grows over a progress bar, elsewhere a line an iteration and a table at the
end."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

SHOWN: dict[str, tuple[str, Callable[[float], str]]] = {
    "reward": ("rollout/reward_mean", lambda value: f"{value:.4g}"),
    "success": ("rollout/success_rate", lambda value: f"{value:.1%}"),
    "loss": ("actor/loss", lambda value: f"{value:.2g}"),
    "epochs": ("data/epochs", lambda value: f"{value:.1f}"),
    "value loss": ("actor/value_loss", lambda value: f"{value:.2g}"),
    "kl": ("actor/approx_kl", lambda value: f"{value:.2g}"),
    "waited": ("time/data", lambda value: f"{value:.1f} s"),
    "policy steps/s": ("throughput/policy_steps_per_second", lambda value: f"{value:.0f}"),
    "steps/s": ("throughput/env_steps_per_second", lambda value: f"{value:.0f}"),
    "eval": ("eval/success_rate", lambda value: f"{value:.1%}"),
}
"""Headings to metrics and their format."""
ALWAYS = ("reward", "success", "loss", "kl", "steps/s", "eval")
"""Headings that the growing table of RL has from its first row on."""
BEST = ("eval", "success", "reward")
"""Headings whose largest number is the best so far: the first that a run has."""
MAX_ROWS = 40
"""Longer runs show evenly spaced iterations in the final table; the growing one repeats its headings."""
TIMED = 10
"""Number of last iterations from which the remaining time is estimated."""


class ConsoleLogger:
    """Writes to standard output."""

    def __init__(self, iterations: int, first: int = 1, console: Console | None = None) -> None:
        self._console = console or Console()
        self._iterations = iterations
        self._rows: list[tuple[int, Mapping[str, float]]] = []
        self._seconds: deque[float] = deque(maxlen=TIMED)
        self._progress: Progress | None = None
        if self._console.is_terminal and first <= iterations:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                TextColumn("{task.fields[best]}"),
            )
            self._progress = Progress(*columns, console=self._console, refresh_per_second=2)
            done = first - 1
            self._task = self._progress.add_task(self._doing(first), total=iterations, completed=done, left="", best="")
            self._progress.start()

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        self._rows.append((iteration, metrics))
        if "time/iteration" in metrics:
            self._seconds.append(metrics["time/iteration"])
        if self._progress is None:
            line = [f"{heading} {_shown(heading, metrics)}" for heading in self._headings([(iteration, metrics)])]
            left = self._left(iteration)
            words = [f"iteration {iteration}/{self._iterations}", *line, *([f"eta {left}"] if left else [])]
            self._console.print("  ".join(words), highlight=False, soft_wrap=True)
            return
        headings = self._headings(self._rows)
        if self._has("reward"):
            headings = [heading for heading in SHOWN if heading in ALWAYS or heading in headings]
        if len(self._rows) % MAX_ROWS == 1:
            titles = "".join(f"{heading:>{_width(heading)}}" for heading in headings)
            self._print(f"[bold]iteration{titles}")
        cells = "".join(f"{_shown(heading, metrics, ''):>{_width(heading)}}" for heading in headings)
        self._print(f"{iteration:>9}{cells}")
        left = self._left(iteration)
        self._progress.update(
            self._task,
            completed=iteration,
            description=self._doing(min(iteration + 1, self._iterations)),
            left=f"{left} left" if left else "",
            best=self._best() or "",
        )

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
        if not self._rows:
            return
        if self._progress is None:
            self._print_table()
        for line in (self._change(), self._best()):
            if line is not None:
                self._console.print(line, highlight=False)

    def _print_table(self) -> None:
        headings = self._headings(self._rows)
        table = Table("iteration", *headings)
        for column in table.columns:
            column.justify = "right"
        stride = -(-len(self._rows) // MAX_ROWS)
        for index, (iteration, metrics) in enumerate(self._rows):
            if index % stride == 0 or index == len(self._rows) - 1:
                table.add_row(str(iteration), *(_shown(heading, metrics) for heading in headings))
        self._console.print(table)

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, no_wrap=True, overflow="crop")

    def _doing(self, iteration: int) -> str:
        return f"iteration {iteration}/{self._iterations}"

    def _headings(self, rows: list[tuple[int, Mapping[str, float]]]) -> list[str]:
        """Return the headings that some row has a number for."""
        return [heading for heading, (name, _) in SHOWN.items() if any(name in metrics for _, metrics in rows)]

    def _has(self, heading: str) -> bool:
        return any(SHOWN[heading][0] in metrics for _, metrics in self._rows)

    def _left(self, iteration: int) -> str | None:
        """Return the time of the remaining iterations, h:mm:ss."""
        remaining = self._iterations - iteration
        if not self._seconds or remaining <= 0:
            return None
        return str(timedelta(seconds=round(remaining * sum(self._seconds) / len(self._seconds))))

    def _best(self) -> str | None:
        """Return the best iteration by success in evaluations, else in rollouts, else by reward."""
        for heading in BEST:
            name, form = SHOWN[heading]
            found = [(metrics[name], -iteration) for iteration, metrics in self._rows if name in metrics]
            if found:
                value, iteration = max(found)
                return f"best {heading} {form(value)} in iteration {-iteration}"
        return None

    def _change(self) -> str | None:
        """Return the reward at the start and at the end, means over a few iterations, as single ones are noisy."""
        name = SHOWN["reward"][0]
        rewards = [metrics[name] for _, metrics in self._rows if name in metrics]
        few = min(5, len(rewards) // 2)
        if few == 0:
            return None
        first, last = sum(rewards[:few]) / few, sum(rewards[-few:]) / few
        return f"mean reward of the first {few} iterations {first:.3g}, of the last {few} {last:.3g}"


def _shown(heading: str, metrics: Mapping[str, float], missing: str = "-") -> str:
    name, form = SHOWN[heading]
    return form(metrics[name]) if name in metrics else missing


def _width(heading: str) -> int:
    return max(9, len(heading) + 2)
