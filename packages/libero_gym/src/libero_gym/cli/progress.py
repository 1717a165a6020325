"""Progress bars, on standard error so that standard output can be piped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress_bar(total: int, description: str = "compiling scenes") -> Iterator[Callable[[object], None]]:
    """Show a bar of `total` steps; yield a function that advances it by a step.

    An error removes the bar, so that only the error's line is printed.
    """
    logging.getLogger("libero_gym.waiting").setLevel(logging.ERROR)  # the bar shows it
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(description, total=total)
        try:
            yield lambda _: progress.advance(bar)
        except Exception:
            progress.live.transient = True
            console.quiet = not console.is_terminal  # a removed bar would leave an empty line in a file
            raise
