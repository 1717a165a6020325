"""Names of what a segmentation shows: the instance that a geom belongs to, and the geom."""

from __future__ import annotations

import mujoco
import numpy as np

from libero_gym.render.geometry import BACKGROUND, SHOWN_GROUPS
from libero_gym.tasks.tables import SceneTable

#: robosuite's prefixes of the parts that its robot is put together from.
_ROBOT_PARTS = ("robot0", "gripper0", "mount0")


def segmentation_names(model: mujoco.MjModel, table: SceneTable) -> dict[int, str]:
    """Return "instance/geom" for each geom that is ever rendered, by id, and "background" for `BACKGROUND`.

    Args:
        model: the scene's.
        table: its tables, which have the objects and the fixtures.
    """
    entities = {entity.body: entity.name for entity in table.entities if entity.body >= 0}
    names = {BACKGROUND: "background"}
    for geom in np.flatnonzero(np.isin(model.geom_group, SHOWN_GROUPS)).tolist():
        name = model.geom(geom).name or f"geom{geom}"
        names[geom] = f"{_instance(model, int(model.geom_bodyid[geom]), entities)}/{name}"
    return names


def _instance(model: mujoco.MjModel, body: int, entities: dict[int, str]) -> str:
    """Return the object or fixture that a body is part of, else the part of the robot, else its outermost body."""
    ancestor = body
    while ancestor > 0:
        if ancestor in entities:
            return entities[ancestor]
        ancestor = int(model.body_parentid[ancestor])
    part = model.body(body).name.split("_")[0]
    return part if part in _ROBOT_PARTS else str(model.body(model.body_rootid[body]).name)
