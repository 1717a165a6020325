"""A run's folder: claimed before anything is made, locked while the run goes on, checked when it ends.

    claim: make it --> lock it --> is it free? can it be written? --> begin --> ... --> are all its files there?

A run that did not begin leaves nothing.
"""

import itertools
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from vla_trainer import atomic_files, checkpoint, folder_lock
from vla_trainer.errors import CheckpointError, RunFolderError, RunLostError

CONFIG_FILE = "config.yaml"
"""The file that makes a folder a run's, written when the run begins."""
METRICS_FILE = "metrics.jsonl"
EVALUATION_FILE = "eval.json"
PROBE_BYTES = 1 << 20
"""Bytes that must fit on the disk before a run begins: its config, and the logs of the first iterations."""
ADVICE = "; choose another with output_dir="


class RunFolder:
    """A folder that this process has locked; a context manager that releases it."""

    def __init__(self, path: Path, made: list[Path]) -> None:
        """`made`: folders that were made for it, the outermost first."""
        self.path = path
        self._made = made
        self.begun = False
        """Whether the run has begun, so that its files stay."""
        try:
            self._lock = folder_lock.acquire(path)
        except OSError as error:
            raise RunFolderError(f"{path} cannot be written: {error.strerror or error}{ADVICE}") from error

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the folder; remove what was made if the run did not begin."""
        if not self.begun and self._made and self._lock.is_intact():
            for path in self.path.iterdir() if self.path in self._made else ():
                if path.name != folder_lock.LOCK_FILE:
                    with suppress(OSError):
                        atomic_files.remove(path)
        self._lock.release()
        if not self.begun:
            _remove_empty(self._made)

    def begin(self, config: str) -> None:
        """Write config.yaml, which makes the folder a run's."""
        atomic_files.write_text(self.path / CONFIG_FILE, config)
        self.keep()

    def keep(self) -> None:
        """Keep the folder from now on, even if the run fails."""
        self.begun = True

    def check(self) -> None:
        """Raise RunLostError if the folder is no longer the one that was locked."""
        if not self._lock.is_intact():
            what = "was replaced by another" if self.path.exists() else "was removed"
            raise RunLostError(f"{self.path} {what} while the run was going on; what it held is lost")

    def check_complete(self, iterations: Iterable[int], *, metrics: bool, evaluated: bool) -> None:
        """Check that the files of a finished run are there.

        Args:
            iterations: those that this process has run, up to the last one of the run.
            metrics: whether metrics.jsonl should be there.
            evaluated: whether eval.json should be there.

        Raises:
            RunLostError: a file or an iteration is missing; the message names it.
        """
        self.check()
        missing = [] if (self.path / CONFIG_FILE).is_file() else [CONFIG_FILE]
        iterations = list(iterations)
        if iterations:
            last = self.path / checkpoint.FOLDER / f"step_{iterations[-1]:06d}"
            if not (last / checkpoint.STATE_FILE).is_file():
                missing.append(f"{checkpoint.FOLDER}/{last.name}")
            if evaluated and not (self.path / EVALUATION_FILE).is_file():
                missing.append(EVALUATION_FILE)
            if metrics and (lost := sorted(set(iterations) - _iterations_in(self.path / METRICS_FILE))):
                missing.append(f"{METRICS_FILE} of {spans(lost)}")
        if missing:
            raise RunLostError(f"{self.path} is incomplete at the end of the run: it lacks {', '.join(missing)}")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn errors of files in the folder into a RunLostError of one line; older checkpoints stay."""
        try:
            with errors_of(self.path):
                yield
        except (CheckpointError, RunLostError):
            self.check()
            raise


def claim(recipe: str, output_dir: str | None, existing: Path | None = None) -> RunFolder:
    """Claim the folder of a run before policy and environments are made.

    Processes that ask for a new folder at the same time get different ones; of those that ask for the same folder, the
    first gets it.

    Args:
        recipe: its name; a new folder is `logs/<recipe>/<time>`, with -2, -3, ... appended where that is taken.
        output_dir: a folder to use instead; may exist, but not hold a run.
        existing: the folder of a run to continue instead.

    Raises:
        RunFolderError: it is in use, or cannot be made or written, or the disk is full.
        CheckpointError: `output_dir` holds a run.
    """
    if existing is not None:
        folder = RunFolder(existing, [])
    elif output_dir is not None:
        folder = _claim_chosen(Path(output_dir).expanduser())
    else:
        folder = _claim_new(Path("logs") / recipe / datetime.now().strftime("%Y-%m-%d_%H-%M-%S"))
    try:
        check_writable(folder.path)
        if existing is not None:
            _check_space(existing)
        atomic_files.remove_stale(folder.path)
    except BaseException:
        folder.close()
        raise
    return folder


@contextmanager
def errors_of(folder: Path) -> Iterator[None]:
    """Turn errors of writing files in `folder` into a RunLostError of one line."""
    try:
        yield
    except OSError as error:
        if not _is_in(folder, error.filename):
            raise
        raise RunLostError(f"cannot write {error.filename}: {error.strerror}; what was there before stays") from error


def check_writable(folder: Path) -> None:
    """Check that `folder` can be written, with a small file that is removed again.

    Raises:
        RunFolderError: the disk does not let it, or is full.
    """
    probe = atomic_files.temporary_path(folder / "probe")
    try:
        try:
            with probe.open("wb") as file:
                file.write(os.urandom(PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be written: {error.strerror or error}{ADVICE}") from error


def spans(numbers: Iterable[int]) -> str:
    """Return increasing numbers as "iterations 1, 4 to 6"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    words = ", ".join(" to ".join(map(str, part)) for part in parts)
    return f"iteration {words}" if words.isdigit() else f"iterations {words}"


def _claim_new(folder: Path) -> RunFolder:
    for number in itertools.count(1):
        named = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        made = _make_parents(named)
        try:
            named.mkdir()
        except (FileExistsError, FileNotFoundError):  # of another run; or a run that did not begin removed the parent
            continue
        except OSError as error:
            raise _cannot_make(named, error) from error
        atomic_files.sync(named.parent)
        return RunFolder(named, [*made, named])
    raise AssertionError


def _claim_chosen(folder: Path) -> RunFolder:
    # while it is in use, the error of its lock names the user
    if _holds_run(folder) and folder_lock.holder_of(folder) is None:
        raise _is_taken(folder)
    made = _make_parents(folder)
    try:
        folder.mkdir()
        made.append(folder)
        atomic_files.sync(folder.parent)
    except OSError as error:
        if not os.path.isdir(folder):
            raise _cannot_make(folder, error) from error
    try:
        claimed = RunFolder(folder, made)
    except BaseException:
        _remove_empty(made)
        raise
    if _holds_run(folder):  # of a run that has just ended
        claimed.close()
        raise _is_taken(folder)
    return claimed


def _holds_run(folder: Path) -> bool:
    return os.path.exists(folder / CONFIG_FILE)  # False, too, where we may not look


def _is_taken(folder: Path) -> CheckpointError:
    return CheckpointError(
        f"output_dir={folder} already holds a run; continue it with --resume {folder}, or choose another"
    )


def _make_parents(folder: Path) -> list[Path]:
    """Make the missing parents of `folder`; return them, the outermost first."""
    missing = [path for path in folder.parents if not os.path.exists(path)]
    try:
        atomic_files.make_folder(folder.parent)
    except OSError as error:
        raise _cannot_make(folder, error) from error
    return missing[::-1]


def _cannot_make(folder: Path, error: OSError) -> RunFolderError:
    in_the_way = [path for path in (folder, *folder.parents) if os.path.exists(path) and not os.path.isdir(path)]
    if in_the_way:
        return RunFolderError(f"{folder} cannot be made: {in_the_way[0]} is a file, not a folder{ADVICE}")
    return RunFolderError(f"{folder} cannot be made: {error.strerror or error}{ADVICE}")


def _remove_empty(folders: list[Path]) -> None:
    for path in reversed(folders):
        try:
            path.rmdir()
        except OSError:
            break  # another process uses it


def _check_space(run: Path) -> None:
    """Raise RunFolderError if there is less room than the run's newest checkpoint takes, before the next one does."""
    found = checkpoint.found(run / checkpoint.FOLDER)
    if not found:
        return
    size = sum(path.stat().st_size for path in found[-1].rglob("*") if path.is_file())
    free = shutil.disk_usage(run).free
    if free < size:
        raise RunFolderError(
            f"{run}: {free / 1e6:.0f} MB are free on its disk, and a checkpoint takes {size / 1e6:.0f} MB "
            f"({found[-1].name}); make room first"
        )


def _iterations_in(metrics: Path) -> set[int]:
    """Return the iterations whose row can be read."""
    found = set()
    for line in metrics.read_bytes().splitlines() if metrics.is_file() else ():
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            found.add(json.loads(line)["iteration"])
    return found


def _is_in(folder: Path, file: object) -> bool:
    return isinstance(file, (str, Path)) and Path(file).absolute().is_relative_to(folder.absolute())
