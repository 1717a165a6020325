"""Run a function in several processes that torch.distributed connects, on this machine's processors."""

from __future__ import annotations

import pickle
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import forks

TIMEOUT = timedelta(seconds=120)
"""After which processes that wait for one another are a failure."""


def run(
    function: Callable[..., Any], folder: Path, size: int, *arguments: Any, preload: Sequence[str] = ()
) -> list[Any]:
    """What `function(*arguments)` returns in each of `size` processes, by rank.

    Args:
        function: of a module that a new process can import.
        folder: empty; for what the processes need to find one another.
        preload: modules that are imported once for all processes, besides those of `forks`.

    Raises:
        AssertionError: a process failed, with its traceback.
    """
    processes = []
    for rank in range(size):
        call = folder / f"call_{rank}"
        call.write_bytes(pickle.dumps((function, folder, rank, size, arguments)))
        processes.append(forks.start("rank_processes:main", ["", str(call)], path=sys.path, preload=preload))
    for process in processes:
        process.join(2 * TIMEOUT.total_seconds())
        if process.is_alive():
            process.kill()
    files = [folder / f"result_{rank}" for rank in range(size)]
    left = [pickle.loads(file.read_bytes()) if file.is_file() else (None, "left no result") for file in files]
    failures = [f"rank {rank}: {failure}" for rank, (_, failure) in enumerate(left) if failure is not None]
    assert not failures, "\n".join(failures)
    return [result for result, _ in left]


def main() -> None:
    """Do what the file says that is named in the arguments."""
    _process(*pickle.loads(Path(sys.argv[1]).read_bytes()))


def _process(function: Callable[..., Any], folder: Path, rank: int, size: int, arguments: tuple[Any, ...]) -> None:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder / 'meeting'}", TIMEOUT, world_size=size, rank=rank)
    result, failure = None, None
    try:
        result = function(*arguments)
    except BaseException:
        failure = traceback.format_exc()
    (folder / f"result_{rank}").write_bytes(pickle.dumps((result, failure)))
    if failure is None:
        dist.barrier()
        dist.destroy_process_group()
