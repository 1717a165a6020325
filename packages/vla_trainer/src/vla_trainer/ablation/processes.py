"""Carry out runs as processes of `vla-train`, some beside each other.

Every process has a session of its own: Ctrl-C in a terminal reaches this process alone, which then ends the others in
an order that lets them clean up. Where this process is killed, they go on, and the same command waits for them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vla_trainer import atomic_files, folder_lock
from vla_trainer.ablation.plan import PlannedRun
from vla_trainer.ablation.runs import LOG_FILE, progress_of
from vla_trainer.config.schema import Config
from vla_trainer.errors import TrainerError
from vla_trainer.sizes import needed_memory

_LOOK_SECONDS = 0.2
_GRACE_SECONDS = 15.0
"""From asking a process to end, to asking once more, to ending it."""
_TAIL_BYTES = 1 << 16
_TRAIN = "from vla_trainer.cli import train; train()"


@dataclass(frozen=True)
class Ended:
    """A run whose process has ended."""

    planned: PlannedRun
    error: str | None
    """The last line that it printed, where it failed; None where it is at its end."""


@dataclass
class _Process:
    """A run in progress."""

    planned: PlannedRun
    process: subprocess.Popen[bytes] | None
    """None: another process is at it, which was here before."""
    printed_before: int
    """Bytes of its log that are of earlier processes."""


def default_parallel(config: Config, cores: int, memory: float | None = None) -> int:
    """Return how many runs are beside each other unless the user says: cores over the threads of one (null: 1).

    Fewer where the memory does not hold that many, counted as `sizes.check_sizes` does; 1 where the policy is on a GPU
    or the runs are on a cluster: what they share there is not counted.

    Args:
        config: of one run.
        cores: of this machine.
        memory: bytes of this machine; None: not known.
    """
    if config.cluster.backend != "local" or _is_on_gpu(config.policy.device):
        return 1
    needed = sum(size for size, _ in needed_memory(config))
    most = cores if memory is None or not needed else int(memory // needed)
    threads = max(config.trainer.threads or 1, config.policy.threads)
    return max(1, min(cores // threads, most))


def cores_here() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def carry_out(runs: Sequence[PlannedRun], parallel: int, say: Callable[[str], None]) -> Generator[Ended, None, None]:
    """Carry out runs that are not at their end, at most `parallel` beside each other; yield each when it has ended.

    A generator that is closed, or left by an exception, ends its processes.

    Args:
        runs: new ones and begun ones, in the order in which they begin.
        parallel: at least 1.
        say: takes lines for the user.

    Raises:
        AblationError: see `progress_of`.
    """
    waiting, running = list(runs), list[_Process]()
    environment = _environment(runs, parallel)
    try:
        while waiting or running:
            while waiting and len(running) < parallel:
                planned = waiting.pop(0)
                if folder_lock.holder_of(planned.folder) is None and progress_of(planned).ended:
                    yield Ended(planned, None)  # by another process, meanwhile
                else:
                    running.append(_start(planned, environment, say))
            for entry in list(running):
                ended = _look(entry)
                if ended is None:
                    continue
                running.remove(entry)
                if ended.error is not None and folder_lock.holder_of(entry.planned.folder) is not None:
                    waiting.insert(0, entry.planned)  # it was refused: another process is at the run
                    continue
                if entry.process is None and ended.error is not None:
                    waiting.insert(0, entry.planned)  # the other one did not come to its end
                    continue
                yield ended
            time.sleep(_LOOK_SECONDS)
    finally:
        _end([entry.process for entry in running if entry.process is not None])


def command_of(planned: PlannedRun, begun: bool) -> list[str]:
    """Return the command that begins a run or goes on with it; the same interpreter runs it."""
    arguments = ["--resume", str(planned.folder)] if begun else planned.arguments
    # -P: the working folder is no place to import from, as it is none for the console script
    return [sys.executable, "-P", "-c", _TRAIN, *arguments]


def last_line(log: Path, begin: int = 0) -> str:
    """Return the last line of a log that is not empty, of what stands behind byte `begin`; "" where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(begin, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _start(planned: PlannedRun, environment: Mapping[str, str], say: Callable[[str], None]) -> _Process:
    log = planned.folder / LOG_FILE
    holder = folder_lock.holder_of(planned.folder)
    if holder is not None:
        say(f"{planned.name}: {holder} is at it; waiting for it")
        return _Process(planned, None, 0)
    progress = progress_of(planned)
    say(f"{planned.name}: {progress}")
    atomic_files.make_folder(planned.folder)
    with log.open("ab") as output:
        begin = output.tell()
        process = subprocess.Popen(
            command_of(planned, progress.begun),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    return _Process(planned, process, begin)


def _look(entry: _Process) -> Ended | None:
    """Return how a run has ended; None while it goes on."""
    planned = entry.planned
    if entry.process is None:
        if folder_lock.holder_of(planned.folder) is not None:
            return None
        return Ended(planned, None if progress_of(planned).ended else "it was not at its end")
    code = entry.process.poll()
    if code is None:
        return None
    try:
        ended = progress_of(planned).ended
    except TrainerError as error:
        return Ended(planned, str(error))
    if code == 0 and ended:
        return Ended(planned, None)
    line = last_line(planned.folder / LOG_FILE, entry.printed_before)
    how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return Ended(planned, f"{how}: {line}" if line else how)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes and all that they started: first as Ctrl-C does, at last by force."""
    left = [process for process in processes if process.poll() is None]
    try:
        for ask in (signal.SIGINT, signal.SIGTERM):
            for process in left:
                with suppress(OSError):
                    process.terminate() if os.name == "nt" else process.send_signal(ask)
            deadline = time.monotonic() + _GRACE_SECONDS
            while left and time.monotonic() < deadline:
                time.sleep(0.05)
                left = [process for process in left if process.poll() is None]
    finally:  # a second Ctrl-C comes here at once
        for process in left:
            with suppress(OSError):
                process.kill() if os.name == "nt" else os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _environment(runs: Sequence[PlannedRun], parallel: int) -> dict[str, str]:
    """Return the variables of the processes: where they share the cores, torch takes a part of them."""
    variables = dict(os.environ)
    if parallel > 1 and all(planned.config.trainer.threads is None for planned in runs):
        variables.setdefault("OMP_NUM_THREADS", str(max(1, cores_here() // parallel)))
    return variables


def _is_on_gpu(device: str) -> bool:
    if device != "auto":
        return device.startswith("cuda")
    import torch  # here, as it takes seconds

    return torch.cuda.is_available()
