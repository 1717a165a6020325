"""Progress, on standard error so that standard output can be piped."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm


@contextmanager
def progress_bar(total: int, description: str = "compiling scenes") -> Iterator[Callable[[object], None]]:
    """Show a bar of `total` steps; yield a function that advances it by a step.

    Where standard error is no terminal, a line at the end replaces it. An error removes the bar, so that only the
    error's line is printed.
    """
    if sys.stderr.isatty():
        shape, file = "{desc} |{bar:40}| {n_fmt}/{total_fmt} {elapsed}", sys.stderr
    else:
        shape, file = "{desc} {n_fmt}/{total_fmt} {elapsed}", io.StringIO()
    with (
        _quiet("libero_gym.waiting"),  # the bar shows it
        tqdm(total=total, desc=description, bar_format=shape, file=file) as bar,
        logging_redirect_tqdm(),
    ):

        def advance(_: object) -> None:
            bar.update()

        try:
            yield advance
        except Exception:
            bar.leave = False
            raise
        if file is not sys.stderr:
            click.echo(str(bar), err=True)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Let a logger say errors only, for as long as the block runs."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def waiting(text: str) -> Iterator[Callable[[str], None]]:
    """Show a text on a terminal while something runs; yield a function that prints a line above it."""
    with tqdm(desc=text, bar_format="{desc}", leave=False, disable=None) as bar:

        def show(line: str) -> None:
            with bar.external_write_mode():
                click.echo(line)

        yield show
