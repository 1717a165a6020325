"""Atomic files: after a kill or a power cut a file is the old or the new one, and never half of either.

    write a temporary file --> fsync it --> rename it into place --> fsync the folder

Readers see a rename at once, but only after the two fsyncs are contents and name on the disk. A temporary file is
called `.<name>.<host>-<process>`, so that stale files of killed processes differ from those that another process is
writing.
"""

import errno
import os
import re
import shutil
import socket
from contextlib import suppress
from pathlib import Path

_TEMPORARY = re.compile(r"\..+\.(?P<host>[^.]+)-(?P<process>\d+)")


def temporary_path(path: Path) -> Path:
    """Return where this process writes what will be `path`."""
    return path.with_name(f".{path.name}.{_host()}-{os.getpid()}")


def make_folder(path: Path) -> None:
    """Make a folder, and those that it is in, as far as they are missing."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync(folder.parent)


def write_text(path: Path, text: str) -> None:
    """Replace a file's text, or make the file."""
    temporary = temporary_path(path)
    try:
        temporary.write_text(text, encoding="utf-8")
        sync(temporary)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        # the error of a full disk does not name the file
        raise type(error)(error.errno, error.strerror, str(path)) from error
    sync(path.parent)


def sync(path: Path) -> None:
    """Force a file's contents, or the names in a folder, to the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders, and writes names by itself
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # some network file systems know no fsync of a folder
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """`sync` a folder and everything in it."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            sync(path)
    sync(folder)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder; a folder is renamed first, so that it is never half there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path if _TEMPORARY.fullmatch(path.name) else rename_temporary(path), ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def rename_temporary(path: Path) -> Path:
    """Give a folder that is to be removed a temporary name; return its new path."""
    gone = temporary_path(path.with_name(f"{path.name}.gone"))
    shutil.rmtree(gone, ignore_errors=True)
    return path.rename(gone)


def remove_stale(folder: Path) -> None:
    """Remove temporary files in `folder` that belong to ended processes of this machine or to this process."""
    for path in folder.iterdir() if folder.is_dir() else ():
        owner = _TEMPORARY.fullmatch(path.name)
        if owner is not None and owner["host"] == _host() and not _is_another_running(int(owner["process"])):
            with suppress(OSError):
                remove(path)


def _host() -> str:
    return re.sub(r"\W", "_", socket.gethostname()) or "localhost"


def _is_another_running(process: int) -> bool:
    if process == os.getpid():
        return False
    if os.name == "nt":
        return True  # there os.kill(process, 0) would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True
