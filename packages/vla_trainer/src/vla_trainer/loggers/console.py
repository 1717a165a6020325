"""What a person sees: a progress bar in a terminal, a line an iteration elsewhere, and a table at the end."""

from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

SHOWN = {
    "reward": "rollout/reward_mean",
    "success": "rollout/success_rate",
    "loss": "actor/loss",
    "value loss": "actor/value_loss",
    "kl": "actor/approx_kl",
    "steps/s": "throughput/env_steps_per_second",
}
"""Heading to metric."""
MAX_ROWS = 40
"""Longer runs show evenly spaced iterations in the final table."""


class ConsoleLogger:
    """Writes to standard output."""

    def __init__(self, iterations: int, console: Console | None = None) -> None:
        self._console = console or Console()
        self._iterations = iterations
        self._rows: list[tuple[int, Mapping[str, float]]] = []
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        self._rows.append((iteration, metrics))
        line = "  ".join(
            f"{heading} {_number(metrics.get(name))}" for heading, name in SHOWN.items() if name in metrics
        )
        if not self._console.is_terminal:
            self._console.print(f"iteration {iteration}/{self._iterations}  {line}", highlight=False, soft_wrap=True)
            return
        if self._progress is None:
            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self._progress = Progress(*columns, console=self._console)
            self._task = self._progress.add_task("", total=self._iterations, completed=iteration - 1)
            self._progress.start()
        assert self._task is not None
        self._progress.update(self._task, completed=iteration, description=line)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
        if not self._rows:
            return
        headings = [heading for heading, name in SHOWN.items() if any(name in metrics for _, metrics in self._rows)]
        table = Table("iteration", *headings)
        for column in table.columns:
            column.justify = "right"
        stride = -(-len(self._rows) // MAX_ROWS)
        for index, (iteration, metrics) in enumerate(self._rows):
            if index % stride == 0 or index == len(self._rows) - 1:
                table.add_row(str(iteration), *(_number(metrics.get(SHOWN[heading])) for heading in headings))
        self._console.print(table)
        if (change := self._change()) is not None:
            self._console.print(change, highlight=False)

    def _change(self) -> str | None:
        """Where the reward began and where it ended, each a mean over a few iterations, which are noisy one by one."""
        rewards = [metrics[SHOWN["reward"]] for _, metrics in self._rows if SHOWN["reward"] in metrics]
        few = min(5, len(rewards) // 2)
        if few == 0:
            return None
        first, last = sum(rewards[:few]) / few, sum(rewards[-few:]) / few
        return f"mean reward of the first {few} iterations {first:.3g}, of the last {few} {last:.3g}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
