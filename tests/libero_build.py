"""Scenes compiled by LIBERO's own classes, from any folder of assets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mujoco

#: Builds tasks in a process of its own: LIBERO reads its configuration when it is imported and keeps global state.
BUILD = """
import os, sys
folder, assets, *bddl_files = sys.argv[1:]
import numpy as np
import libero.libero as libero
libero._assets_path_cache = assets
import mujoco
from libero.libero.envs.env_wrapper import ControlEnv
for bddl_file in bddl_files:
    np.random.seed(0)
    env = ControlEnv(bddl_file_name=bddl_file, has_offscreen_renderer=False, use_camera_obs=False)
    name = os.path.splitext(os.path.basename(bddl_file))[0]
    mujoco.mj_saveModel(env.env.sim.model._model, os.path.join(folder, name + ".mjb"))
    env.close()
"""


def build(assets: Path, folder: Path, tasks) -> dict[str, mujoco.MjModel]:
    """Task name -> its scene, compiled by LIBERO from the given assets; the files, some 50 MB each, are gone then."""
    folder.mkdir()
    keys = ("benchmark_root", "bddl_files", "init_states", "datasets", "assets")
    (folder / "config.yaml").write_text("".join(f"{key}: {assets}\n" for key in keys))
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder), str(assets), *(str(task.bddl_file) for task in tasks)],
        env={**os.environ, "LIBERO_CONFIG_PATH": str(folder), "MUJOCO_GL": "glx"},  # which needs no library
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {task.name: take(folder / f"{task.name}.mjb") for task in tasks}


def take(file: Path) -> mujoco.MjModel:
    """The scene of a file, which is removed."""
    model = mujoco.MjModel.from_binary_path(str(file))
    file.unlink()
    return model
