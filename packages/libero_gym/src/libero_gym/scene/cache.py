"""Compiled scenes on disk, one folder each, named by everything that a scene depends on."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mujoco

from libero_gym.assets.source import AssetSet
from libero_gym.cache_folder import cache_folder, publish_folder
from libero_gym.errors import SceneError
from libero_gym.scene.compiled import CompiledScene
from libero_gym.tasks.init_states import SAMPLED_SUITES, SAMPLED_TRAIN_STATES
from libero_gym.tasks.suites import Task

#: Part of every key: raise it when what `scene.compile` writes changes.
FORMAT = 7
#: Sizes of an entry's files, bytes: what a full disk or a power cut left of one is not taken for the whole.
_SIZES = "sizes.json"

logger = logging.getLogger("libero_gym")


@functools.lru_cache(maxsize=256)
def compiled_scene(task: Task, assets: AssetSet) -> CompiledScene:
    """The compiled scene of a task, from the cache, or compiled into it (about 6 s, in a process of its own).

    Raises:
        SceneError: LIBERO could not build the task from these assets.
    """
    folder = scene_folder(task, assets)
    try:
        _check_sizes(folder)
        return CompiledScene.load(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        shutil.rmtree(folder, ignore_errors=True)
    logger.info("compiling the scene of %s task %d (%s)", task.suite, task.index, assets.name)
    publish_folder(folder, lambda out: _compile(task, assets, out))
    return CompiledScene.load(folder)


def _check_sizes(folder: Path) -> None:
    sizes = json.loads((folder / _SIZES).read_text())
    for name, size in sizes.items():
        if (folder / name).stat().st_size != size:
            raise OSError(f"{folder / name} is not as long as it was written")


def scene_folder(task: Task, assets: AssetSet) -> Path:
    """Where the compiled scene of a task is or will be."""
    parts = [
        f"format {FORMAT}",
        f"mujoco {mujoco.__version__}",
        *(f"{name} {_version(name)}" for name in ("robosuite", "hf-libero", "libero-gym")),
        assets.fingerprint,
        task.suite,
        task.name,
        task.bddl_file.read_text(),
    ]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    return cache_folder() / "scenes" / f"{task.suite}-{task.index}-{assets.name}-{key}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _compile(task: Task, assets: AssetSet, out: Path) -> None:
    request = {
        "assets": str(assets.folder),
        "assets_name": assets.name,
        "tasks": [
            {
                "suite": task.suite,
                "index": task.index,
                "out": str(out),
                "sampled_states": SAMPLED_TRAIN_STATES if task.suite in SAMPLED_SUITES else 0,
            }
        ],
    }
    result = subprocess.run(
        [sys.executable, "-m", "libero_gym.scene.compile"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        raise SceneError(
            f"LIBERO could not build {task.suite} task {task.index} ({task.name}) from the assets in {assets.folder}: "
            f"{lines[-1] if lines else f'exit status {result.returncode}'}"
        )
    sizes = {path.name: path.stat().st_size for path in out.iterdir()}
    (out / _SIZES).write_text(json.dumps(sizes))
