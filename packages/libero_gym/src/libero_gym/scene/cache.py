"""Compiled scenes on disk, one folder each, named by everything that a scene depends on."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mujoco

from libero_gym.assets.manifest import content_digest, file_sha256
from libero_gym.assets.source import AssetSet
from libero_gym.cache_folder import CACHE_VARIABLE, cache_folder, publish_folder
from libero_gym.errors import SceneError
from libero_gym.scene import shift_table
from libero_gym.scene.compiled import MODEL, CompiledScene, parts_folder
from libero_gym.scene.model_parts import check_parts
from libero_gym.scene.scene_object import pro_categories
from libero_gym.tasks.init_states import sampled_count
from libero_gym.tasks.own import OwnTask
from libero_gym.tasks.pro import ProTask
from libero_gym.tasks.suites import Task
from libero_gym.waiting import waiting_for

#: Part of every key: raise it when what `scene.compile` writes changes.
FORMAT = 10
#: SHA-256 of an entry's files: what a full disk, a power cut or a failing disk left of one is not taken for the whole.
_CHECKSUMS = "sha256.json"

#: What reading a damaged file raises.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)

logger = logging.getLogger("libero_gym")


@functools.lru_cache(maxsize=256)
def compiled_scene(task: Task, assets: AssetSet, shifted: str = "") -> CompiledScene:
    """Return the compiled scene of a task, from the cache, or compiled into it.

    Args:
        task: the task.
        assets: what it is built from.
        shifted: a kind of shifted scene, see `scene.shift_table`; empty for the task's own.

    Raises:
        SceneError: the task cannot be built from these assets, or a damaged entry cannot be replaced.
        AssetError: the robot's meshes are not here.
    """
    folder = scene_folder(task, assets, shifted)
    if folder.is_dir():
        try:
            return _load(folder)
        except UNREADABLE as error:
            logger.warning("the compiled scene %s is damaged (%s); compiling it again", folder, error)
            shutil.rmtree(folder, ignore_errors=True)
    kind = f" for {shifted} shifts" if shifted else ""
    with waiting_for(f"compiling the scene of {task.suite} task {task.index} with {assets.name} assets{kind} (once)"):
        publish_folder(folder, lambda out: _compile(task, assets, out, parts_folder(folder), shifted))
    try:
        return _load(folder)
    except UNREADABLE as error:
        raise SceneError(
            f"the compiled scene {folder} is damaged ({error}) and cannot be replaced; remove it, or set "
            f"{CACHE_VARIABLE} to another folder"
        ) from error


def _load(folder: Path) -> CompiledScene:
    """Read the scene of a folder whose files are all as they were written; reading 55 MB for it takes 30 ms.

    Raises:
        OSError, ValueError, KeyError, TypeError, AttributeError: they are not.
    """
    checksums = json.loads((folder / _CHECKSUMS).read_text())
    for name, checksum in checksums.items():
        if file_sha256(folder / name) != checksum:
            raise OSError(f"{name} has other bytes than were written")
    check_parts(json.loads((folder / MODEL).read_text()), parts_folder(folder))
    return CompiledScene.load(folder)


def scene_folder(task: Task, assets: AssetSet, shifted: str = "") -> Path:
    """Return where the compiled scene of a task is or will be; see `compiled_scene`."""
    parts = [
        f"format {FORMAT}",
        f"mujoco {mujoco.__version__}",
        *(f"{name} {_version(name)}" for name in ("robosuite", "libero-gym")),
        assets.fingerprint,
        task.suite,
        task.name,
        repr(task.definition),
        *((task.sha256,) if isinstance(task, OwnTask) else ()),
        *((f"shift {shift_table.FORMAT} {shifted}",) if shifted else ()),
        *((content_digest(assets.folder),) if isinstance(task, ProTask) and _has_pro_objects(task) else ()),
    ]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    kind = f"-{shifted}" if shifted else ""
    return cache_folder() / "scenes" / f"{task.suite}-{task.index}{kind}-{assets.name}-{key}"


def _has_pro_objects(task: ProTask) -> bool:
    """Return whether a task has objects whose files are not among LIBERO's own, which alone a set's digest is of."""
    definition = task.definition
    return not pro_categories().keys().isdisjoint({*definition.objects.values(), *definition.fixtures.values()})


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _compile(task: Task, assets: AssetSet, out: Path, parts: Path, shifted: str) -> None:
    from libero_gym.scene.compile import compile_scene  # most processes find what they need compiled

    try:
        compile_scene(task, assets, out, parts, 0 if shifted else sampled_count(task), shifted)
    except SceneError as error:
        raise SceneError(
            f"{task.suite} task {task.index} ({task.name}) cannot be built from the assets in {assets.folder}: {error}"
        ) from error
    checksums = {path.name: file_sha256(path) for path in out.iterdir()}
    (out / _CHECKSUMS).write_text(json.dumps(checksums))
