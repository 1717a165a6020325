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
    """Begin `vla-train arguments`; what it prints is added to `log`."""
    process = _context.Process(target=_main, args=(arguments, str(log)), daemon=True)
    process.start()
    return process


def _main(arguments: list[str], log: str) -> None:
    from vla_trainer.cli import train

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = ["vla-train", *arguments]
    train()
