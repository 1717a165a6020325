"""Run a function in several processes that torch.distributed connects, on this machine's processors."""

from __future__ import annotations

import multiprocessing
import pickle
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

TIMEOUT = timedelta(seconds=120)
"""After which processes that wait for one another are a failure."""


PRELOAD = [
    "torch._dynamo",  # by the first step of any optimizer
    "torch.distributed.checkpoint.state_dict_loader",
    "torch.distributed.fsdp",
    "vla_trainer.runtime.local",
    "vla_trainer.loggers.tensorboard",
    "vla_trainer.policy.gaussian",
]
"""What takes long to import: done once, before processes are forked, here and in vla_trainer/train_process.py."""


def run(
    function: Callable[..., Any], folder: Path, size: int, *arguments: Any, preload: Sequence[str] = PRELOAD
) -> list[Any]:
    """What `function(*arguments)` returns in each of `size` processes, by rank.

    Args:
        function: of a module that a new process can import.
        folder: empty; for what the processes need to find one another.
        preload: modules that are imported once for all processes; only the first call of a test session decides.

    Raises:
        AssertionError: a process failed, with its traceback.
    """
    # the processes are forked from one that has imported torch, so that four cost little more than one
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    processes = [
        context.Process(target=_process, args=(function, folder, rank, size, arguments)) for rank in range(size)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(2 * TIMEOUT.total_seconds())
        if process.is_alive():
            process.kill()
    files = [folder / f"result_{rank}" for rank in range(size)]
    left = [pickle.loads(file.read_bytes()) if file.is_file() else (None, "left no result") for file in files]
    failures = [f"rank {rank}: {failure}" for rank, (_, failure) in enumerate(left) if failure is not None]
    assert not failures, "\n".join(failures)
    return [result for result, _ in left]


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
