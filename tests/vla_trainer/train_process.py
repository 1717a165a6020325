"""`vla-train` in processes of their own, which can be killed; forked from one that has imported torch already."""

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from rank_processes import PRELOAD

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOAD)


def start(arguments: list[str], log: Path, command: str = "vla-train", folder: Path | None = None) -> ForkServerProcess:
    """Begin `command arguments` in `folder`, with the present environment variables; `log` gets what it prints."""
    # a forked process has those of the moment when the first of all was asked for, by whichever test that was
    where = str(folder or Path.cwd())
    process = _context.Process(target=_main, args=(command, arguments, str(log), dict(os.environ), where), daemon=True)
    process.start()
    return process


def _main(command: str, arguments: list[str], log: str, environment: dict[str, str], folder: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    from vla_trainer.cli import evaluate, train

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = [command, *arguments]
    {"vla-train": train, "vla-eval": evaluate}[command]()
