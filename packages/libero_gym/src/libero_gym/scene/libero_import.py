"""Import LIBERO and robosuite without what they do to a process.

LIBERO asks questions on standard input unless it finds a config file, and downloads assets unless it has a folder.
robosuite chooses an OpenGL library for the whole process and logs to /tmp/robosuite.log, which belongs to whoever came
first on a shared machine.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from libero_gym.errors import LiberoGymError
from libero_gym.scene.mujoco_log import route_warnings
from libero_gym.tasks.suites import Task


@functools.cache
def libero_folder() -> Path:
    """Return hf-libero's folder with `bddl_files/` and `init_files/`, found without importing it.

    Raises:
        LiberoGymError: hf-libero is not installed.
    """
    spec = importlib.util.find_spec("libero")
    for location in list(spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "libero"
        if (folder / "bddl_files").is_dir():
            return folder
    raise LiberoGymError('LIBERO\'s own classes need hf-libero and robosuite: pip install "libero-gym[robosuite]"')


def bddl_file(task: Task) -> Path:
    """Return LIBERO's own file of a task."""
    return libero_folder() / "bddl_files" / task.suite / f"{task.name}.bddl"


def import_libero(assets: Path, gl: str = "glx") -> None:
    """Import `libero.libero.envs` silently, and have it read its assets from the folder `assets`.

    Environment variables are put back afterwards.

    Args:
        assets: a folder of LIBERO's layout.
        gl: what robosuite renders with, "egl" or "osmesa"; "glx" where it renders nothing, because robosuite's
            binding to that one alone needs no library on the system.
    """
    route_warnings()
    config = Path(tempfile.mkdtemp(prefix="libero-gym-config-"))
    folder = libero_folder()
    paths = {
        "benchmark_root": folder,
        "bddl_files": folder / "bddl_files",
        "init_states": folder / "init_files",
        "datasets": config / "datasets",
        "assets": assets,
    }
    (config / "config.yaml").write_text("".join(f"{key}: {json.dumps(str(path))}\n" for key, path in paths.items()))
    changes = {"LIBERO_CONFIG_PATH": str(config), "MUJOCO_GL": gl}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    file_handler = logging.FileHandler
    logging.FileHandler = lambda *_, **__: logging.NullHandler()  # type: ignore[misc,assignment]
    try:
        import libero.libero
        import libero.libero.envs
    finally:
        logging.FileHandler = file_handler  # type: ignore[misc]
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        shutil.rmtree(config, ignore_errors=True)
    libero.libero._assets_path_cache = str(assets)


def make_libero_env(task: Task, **kwargs: Any) -> Any:
    """Make LIBERO's own environment of a task, with the controller of its published evaluation, not rendering."""
    import robosuite
    from libero.libero.envs import TASK_MAPPING
    from libero.libero.envs.bddl_utils import get_problem_info

    bddl = str(bddl_file(task))
    return TASK_MAPPING[get_problem_info(bddl)["problem_name"]](
        bddl,
        robots=["Panda"],
        controller_configs=robosuite.load_controller_config(default_controller="OSC_POSE"),
        **{
            "initialization_noise": None,
            "use_camera_obs": False,
            "has_offscreen_renderer": False,
            "hard_reset": False,
            "control_freq": 20,
            "ignore_done": True,
            **kwargs,
        },
    )
