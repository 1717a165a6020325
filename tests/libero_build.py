"""Scenes of any folder of assets as LIBERO has them after its first reset with seed 0.

`tests/libero_gym/scene/test_build.py` holds our builder to LIBERO's own classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np

from libero_gym.scene.build import build_scene
from libero_gym.scene.compile import robot_meshes
from libero_gym.scene.placement import Sampler
from libero_gym.scene.tables import scene_table
from libero_gym.tasks.suites import Task


def build(assets: Path, tasks: Sequence[Task], *, coarse: bool = False) -> dict[str, mujoco.MjModel]:
    """Task name -> its scene, its fixtures where LIBERO puts them at first; with the coarse robot, if wanted."""
    return {task.name: _build(assets, task, None if coarse else robot_meshes()) for task in tasks}


def _build(assets: Path, task: Task, meshes: Path | None) -> mujoco.MjModel:
    scene = build_scene(task.definition, assets, meshes)
    model = scene.spec().compile()
    sampler = Sampler(scene, model, scene_table(scene, model, task, "any"), np.random.RandomState(0))
    sampler.sample(mujoco.MjData(model))
    for name, placed in sampler.placed.items():
        if name in scene.fixtures:
            body = model.body(placed.item.root_body)
            body.pos, body.quat = placed.position, placed.quaternion
    return model
