"""`vla-train` in processes of their own, which can be killed; forked from one that has imported torch already."""

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from rank_processes import PRELOAD

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOAD)


def start(arguments: list[str], log: Path) -> ForkServerProcess:
    """Begin `vla-train arguments`, with the present environment variables; what it prints is added to `log`."""
    # a forked process has those of the moment when the first of all was asked for, by whichever test that was
    process = _context.Process(target=_main, args=(arguments, str(log), dict(os.environ)), daemon=True)
    process.start()
    return process


def _main(arguments: list[str], log: str, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    from vla_trainer.cli import train

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = ["vla-train", *arguments]
    train()
