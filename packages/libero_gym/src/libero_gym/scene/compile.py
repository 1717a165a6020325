"""Compile a task's scene into a folder: its model, tables, coarser meshes and sampled states."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np

from libero_gym.assets.official import INSTALL
from libero_gym.assets.source import BUILTIN_PREFIX, AssetSet
from libero_gym.errors import AssetError, SceneError
from libero_gym.scene import robot_look
from libero_gym.scene.build import build_scene
from libero_gym.scene.compiled import MODEL, SHIFT
from libero_gym.scene.decimation import decimate
from libero_gym.scene.free_states import sample_free_states
from libero_gym.scene.model_parts import share_model
from libero_gym.scene.mujoco_log import route_warnings
from libero_gym.scene.placement import sample_states
from libero_gym.scene.shift_scene import add_materials, shift_table, shifted_definition
from libero_gym.scene.tables import scene_table
from libero_gym.tasks.own import OwnTask
from libero_gym.tasks.suites import Task


def compile_scene(
    task: Task, assets: AssetSet, out: Path, parts: Path, sampled_states: int = 0, shifted: str = ""
) -> None:
    """Build one task and write the files of `scene.compiled` into the folder `out`.

    Args:
        task: the task.
        assets: what to build it from.
        out: an existing folder.
        parts: folder of the parts of models, which scenes share.
        sampled_states: how many initial states to sample.
        shifted: a kind of shifted scene, see `scene.shift_scene`; empty for the task's own.

    Raises:
        SceneError: an asset is missing, or not of LIBERO's form, or MuJoCo does not take the scene.
        AssetError: the robot's meshes are not here.
    """
    route_warnings()
    builtin = assets.name.startswith(BUILTIN_PREFIX)
    own = task if isinstance(task, OwnTask) else None
    meshes = None if builtin else robot_meshes()
    definition = shifted_definition(task.definition, shifted)
    scene = build_scene(definition, assets.folder, meshes, own.own_models if own else None)
    spec = scene.spec()
    materials = add_materials(spec, scene) if shifted else {}
    try:
        model = spec.compile()
    except ValueError as error:
        raise SceneError(f"MuJoCo does not compile the scene: {error}") from error
    if builtin:
        robot_look.finish(model)
    table = scene_table(scene, model, task, assets.name)
    (out / MODEL).write_text(json.dumps(share_model(model, parts)))
    np.savez(out / "fast.npz", **decimate(model))  # type: ignore[arg-type]
    sample = sample_free_states if own else sample_states
    np.save(out / "states.npy", sample(scene, model, table, sampled_states))
    (out / "scene.json").write_text(json.dumps(table.to_json(), indent=1))
    if shifted:
        (out / SHIFT).write_text(json.dumps(shift_table(scene, model, table, materials).to_json()))


def robot_meshes() -> Path:
    """Return robosuite's folder of assets, which has what LIBERO's images show of the robot; it is not imported.

    Raises:
        AssetError: robosuite is not installed.
    """
    spec = importlib.util.find_spec("robosuite")
    for location in (spec and spec.submodule_search_locations) or []:
        folder = Path(location) / "models" / "assets"
        if (folder / "robots" / "panda").is_dir():
            return folder
    raise AssetError(
        "the meshes that LIBERO's images show of the robot come from robosuite 1.4.0, which is not installed: "
        f"{INSTALL} brings them, and so does pip install --no-deps robosuite==1.4.0 (it is read, not imported); "
        "or use assets='builtin'"
    )
