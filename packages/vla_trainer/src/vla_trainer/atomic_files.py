"""Files that outlive a power cut: a file is old or new, and never half of either.

    write aside --> fsync the file --> rename into place --> fsync the folder

A rename replaces at once for whoever looks, but only after the two fsyncs it is on the disk, contents and name.
What is aside is called `.<name>.<host>-<process>`, so that what a killed process left there can be told from what
another one is writing.
"""

import errno
import os
import re
import shutil
import socket
from contextlib import suppress
from pathlib import Path

_ASIDE = re.compile(r"\..+\.(?P<host>[^.]+)-(?P<process>\d+)")


def aside_of(path: Path) -> Path:
    """Where this process writes what will be `path`."""
    return path.with_name(f".{path.name}.{_host()}-{os.getpid()}")


def make_folder(path: Path) -> None:
    """Make a folder, and those that it is in, as far as they are missing."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync(folder.parent)


def write_text(path: Path, text: str) -> None:
    """Replace a file's text, or make the file."""
    aside = aside_of(path)
    try:
        aside.write_text(text, encoding="utf-8")
        sync(aside)
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        # what a full disk refuses is not named by itself
        raise type(error)(error.errno, error.strerror, str(path)) from error
    sync(path.parent)


def sync(path: Path) -> None:
    """Have a file's contents, or the names in a folder, on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders, and writes names down by itself
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
    """Remove a file, a link or a folder; a folder that is not aside goes there first, so as never to be half."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path if _ASIDE.fullmatch(path.name) else move_aside(path), ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def move_aside(path: Path) -> Path:
    """Rename what is to be removed; returns where it is now."""
    gone = aside_of(path.with_name(f"{path.name}.gone"))
    shutil.rmtree(gone, ignore_errors=True)
    return path.rename(gone)


def sweep(folder: Path) -> None:
    """Remove what processes of this machine that have ended, and this one, left aside in `folder`."""
    for path in folder.iterdir() if folder.is_dir() else ():
        owner = _ASIDE.fullmatch(path.name)
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
