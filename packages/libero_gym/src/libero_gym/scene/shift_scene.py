"""A task's scene with what a shift may show: other textures of the room, and objects that the task does not need.

A model's materials and bodies are fixed when it is compiled, so a shifted scene has all of them at once:

    "background"   materials for the room's surfaces; a variant chooses among them by `geom_matid`
    "layout"       those, and `DISTRACTORS` objects, which a variant puts on the table or takes out of the scene

Names, shapes and physics of what LIBERO has in the scene stay as they are.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import mujoco
import numpy as np

from libero_gym.errors import SceneError
from libero_gym.scene.build import Scene
from libero_gym.scene.scene_object import Category
from libero_gym.scene.shift_table import DISTRACTOR, LAYOUT, Distractor, ShiftTable, Surface, is_distractor
from libero_gym.scene.shift_textures import NAMES, SIZE, texture
from libero_gym.tasks.definition import TaskDefinition
from libero_gym.tasks.tables import SceneTable

#: Objects that a layout can add.
DISTRACTORS = 4
#: Their categories: the first that a task does not have. All are LIBERO's, small, and stand by themselves.
_CATEGORIES = (
    *("cookies", "tomato_sauce", "cream_cheese", "alphabet_soup", "chocolate_pudding", "butter", "orange_juice"),
    *("glazed_rim_porcelain_ramekin", "milk", "ketchup", "salad_dressing"),
)


def shifted_definition(definition: TaskDefinition, kind: str) -> TaskDefinition:
    """Return a task's definition with the objects of a kind of shifted scene."""
    if kind != LAYOUT:
        return definition
    present = {*definition.objects.values(), *definition.fixtures.values()}
    free = [category for category in _CATEGORIES if category not in present][:DISTRACTORS]
    added = {f"{DISTRACTOR}{number}": category for number, category in enumerate(free, 1)}
    return dataclasses.replace(definition, objects={**definition.objects, **added})


def add_materials(spec: mujoco.MjSpec, scene: Scene) -> dict[str, list[str]]:
    """Add materials with other textures for what the room's surfaces are made of.

    Returns:
        Name of each geometry that is seen of the room -> its materials' names, in the order of
        `shift_textures.NAMES`. Geometries without a name are given one.
    """
    for name in NAMES:
        for kind, copies in ((mujoco.mjtTexture.mjTEXTURE_2D, 1), (mujoco.mjtTexture.mjTEXTURE_CUBE, 6)):
            added = spec.add_texture(name=_texture_name(name, kind), type=kind)
            added.width, added.height, added.nchannel = SIZE, SIZE * copies, 3
            added.data = np.tile(texture(name), (copies, 1, 1)).tobytes()
    textures = {found.name: found for found in spec.textures}
    materials: dict[str, list[str]] = {}
    found = {}
    for number, geom in enumerate(_room_geoms(spec, scene)):
        geom.name = geom.name or f"room_g{number}"
        if geom.material not in materials:
            materials[geom.material] = _alternatives(spec, geom.material, textures)
        found[geom.name] = materials[geom.material]
    return found


def _room_geoms(spec: mujoco.MjSpec, scene: Scene) -> list[Any]:
    """Return the geometries that are seen of the room: of the world, and of the arena's bodies."""
    others = {item.root_body for item in scene.all_objects.values()}
    bodies = [spec.worldbody]
    for body in spec.worldbody.bodies:
        if body.name not in others and not body.name.startswith(("robot0", "mount0", "gripper0")):
            bodies += [body, *body.find_all("body")]
    return [geom for body in bodies for geom in body.geoms if geom.group == 1 and geom.material]


def _alternatives(spec: mujoco.MjSpec, material: str, textures: dict[str, Any]) -> list[str]:
    base = spec.material(material)
    before = next((name for name in base.textures if name), "")
    kind = textures[before].type if before in textures else mujoco.mjtTexture.mjTEXTURE_2D
    names = []
    for name in NAMES:
        added = spec.add_material(name=f"shift_{material}_{name}")
        for field in ("texrepeat", "texuniform", "specular", "shininess", "reflectance", "emission"):
            setattr(added, field, getattr(base, field))
        added.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = _texture_name(name, kind)
        names.append(added.name)
    return names


def _texture_name(name: str, kind: int) -> str:
    return f"shift_{name}_{'cube' if kind == mujoco.mjtTexture.mjTEXTURE_CUBE else 'flat'}"


def shift_table(scene: Scene, model: mujoco.MjModel, table: SceneTable, materials: dict[str, list[str]]) -> ShiftTable:
    """Make the table of a shifted scene whose model was compiled.

    Raises:
        SceneError: a name is not in the model.
    """
    try:
        work = {int(model.body(scene.workspace.body).id)}
        for body in range(model.nbody):
            if int(model.body_parentid[body]) in work:
                work.add(body)
        surfaces = [
            Surface(
                model.geom(name).id,
                int(model.geom_bodyid[model.geom(name).id]) in work,
                [model.material(found).id for found in chosen],
            )
            for name, chosen in materials.items()
        ]
        distractors = [_distractor(scene, model, name) for name in scene.objects if is_distractor(name)]
    except KeyError as error:
        raise SceneError(f"a shifted scene of {table.task_name}: {error}") from error
    return ShiftTable(surfaces, distractors)


def _distractor(scene: Scene, model: mujoco.MjModel, name: str) -> Distractor:
    item = scene.objects[name]
    body, joint = model.body(item.root_body).id, model.joint(item.joints[-1])
    turn = standing(item.category)
    corners = _corners(model, body, turn)
    return Distractor(
        name=name,
        body=int(body),
        qpos=int(joint.qposadr[0]),
        dof=int(joint.dofadr[0]),
        geoms=[geom for geom in range(model.ngeom) if model.geom_bodyid[geom] == body],
        radius=float(np.linalg.norm(corners[:, :2], axis=1).max()),
        z=scene.workspace.surface - float(corners[:, 2].min()),
        turn=turn.tolist(),
    )


def standing(category: Category) -> np.ndarray:
    """Return the quaternion in which objects of a category stand, in the middle of LIBERO's range for it, (4,).

    LIBERO writes (x, y, z, w) where MuJoCo reads (w, x, y, z); its files have it so, and so has this.
    """
    turns = []
    for axis, bounds in category.rotation.items():
        half, turn = sum(bounds) / 4, np.zeros(4)
        turn["xyz".index(axis)], turn[3] = np.sin(half), np.cos(half)
        turns.append(turn)
    whole = np.array([0.0, 0.0, 0.0, 1.0])
    for turn in turns:
        product = np.zeros(4)
        mujoco.mju_mulQuat(product, turn[[3, 0, 1, 2]], whole[[3, 0, 1, 2]])
        whole = product[[1, 2, 3, 0]]
    return whole


def _corners(model: mujoco.MjModel, body: int, turn: np.ndarray) -> np.ndarray:
    """Return the corners of the boxes around a turned body's colliding geometries, (8 G, 3), metres from its origin."""
    found, whole, rotation = [], np.zeros(9), np.zeros(9)
    mujoco.mju_quat2Mat(whole, turn)
    signs = np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1))).reshape(3, 8).T
    for geom in np.flatnonzero((model.geom_bodyid == body) & (model.geom_contype > 0)):
        mujoco.mju_quat2Mat(rotation, model.geom_quat[geom])
        centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
        inside = model.geom_pos[geom] + (centre + signs * half) @ rotation.reshape(3, 3).T
        found.append(inside @ whole.reshape(3, 3).T)
    return np.concatenate(found)
