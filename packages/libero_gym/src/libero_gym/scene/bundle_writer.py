"""Write a bundle, `scene.bundle`, of tasks that are compiled here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import mujoco
import numpy as np

from libero_gym.assets.manifest import FileRecord, file_sha256
from libero_gym.assets.source import BUNDLE_INDEX, AssetSet
from libero_gym.errors import LiberoGymError, OptionError
from libero_gym.scene.bundle import BUNDLE_FORMAT, MODEL, PARTS, PUBLISHED, scene_place
from libero_gym.scene.cache import FORMAT, compiled_scene
from libero_gym.scene.model_parts import PartWriter
from libero_gym.tasks.init_states import published_states
from libero_gym.tasks.suites import Task

#: Files of a compiled scene that go into a bundle as they are.
_COPIED = ("scene.json", "fast.npz", "states.npy")


def check_free(out: Path) -> None:
    """Refuse a folder for a bundle that is in use.

    Raises:
        OptionError: it exists and is not an empty folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(f"--out {out} exists and is not an empty folder; name another one, or remove it first")


def write_bundle(
    tasks: Sequence[Task], assets: AssetSet, out: Path, *, workers: int = 1, done: Callable[[Task], None] | None = None
) -> dict[Task, int]:
    """Compile tasks, as far as they are not in the cache, and write their bundle, which appears whole or not at all.

    Args:
        tasks: without repetitions.
        assets: what to compile them from.
        out: the bundle's folder: a new or an empty one.
        workers: scenes that are compiled at once, in a thread each.
        done: called after each task.

    Returns:
        Bytes that each task added; what tasks share is counted with the first of them.

    Raises:
        OptionError: `out` is in use.
        SceneError, AssetError: a task cannot be compiled.
        LiberoGymError: the folder cannot be written.
    """
    out = out.expanduser().resolve()
    check_free(out)
    work = out.parent / f".{out.name}-{os.getpid()}"
    try:
        work.mkdir(parents=True)
        sizes = _fill(work, tasks, assets, workers, done)
        check_free(out)
        if out.is_dir():
            out.rmdir()
        work.rename(out)
    except OSError as error:
        raise LiberoGymError(f"--out {out} cannot be written ({error.strerror}: {error.filename})") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return sizes


def _fill(
    work: Path, tasks: Sequence[Task], assets: AssetSet, workers: int, done: Callable[[Task], None] | None
) -> dict[Task, int]:
    added: dict[Task, int] = {}
    models: dict[str, str] = {}
    with (work / PARTS).open("wb") as parts, _pool(workers) as pool:
        writer = PartWriter(parts)
        compiling = [pool.submit(compiled_scene, task, assets) for task in tasks]
        for task, future in zip(tasks, compiling, strict=True):
            scene, before = future.result(), parts.tell()
            folder = work / scene_place(task)
            folder.mkdir(parents=True)
            for name in _COPIED:
                shutil.copyfile(scene.folder / name, folder / name)
            evaluation, train = published_states(task)
            np.savez_compressed(folder / PUBLISHED, eval=evaluation, train=train)
            content = scene.model_content()
            np.save(folder / MODEL, writer.add_model(content))
            models[scene_place(task)] = hashlib.sha256(content).hexdigest()
            added[task] = parts.tell() - before + sum(path.stat().st_size for path in folder.iterdir())
            if done is not None:
                done(task)
    index = {
        "format": BUNDLE_FORMAT,
        "scene_format": FORMAT,
        "mujoco": mujoco.__version__,
        "libero_gym": version("libero-gym"),
        "assets": {"name": assets.name, "version": assets.version, "fingerprint": assets.fingerprint},
        "suites": _by_suite(tasks),
        "files": {
            path.relative_to(work).as_posix(): asdict(FileRecord(path.stat().st_size, file_sha256(path)))
            for path in sorted(work.rglob("*"))
            if path.is_file()
        },
        "models": models,
    }
    (work / BUNDLE_INDEX).write_text(json.dumps(index, indent=1))
    return added


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Make threads that start no more work after an error."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _by_suite(tasks: Sequence[Task]) -> dict[str, list[dict[str, object]]]:
    suites: dict[str, list[dict[str, object]]] = {}
    for task in tasks:
        item = {"index": task.index, "name": task.name, "instruction": task.instruction}
        suites.setdefault(task.suite, []).append(item)
    return suites
