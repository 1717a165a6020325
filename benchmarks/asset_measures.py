"""What `assets.py` measures of one task on one asset set: its objects, every published state settling, an episode.

Lengths are metres, masses kilograms, angles radians; an object's numbers are in the frame of its root body.
"""

from __future__ import annotations

import re
import statistics
import time
from typing import Any

import mujoco
import numpy as np

from libero_gym.engine.shared_model import SharedModel
from libero_gym.engine.world import World
from libero_gym.episode import SETTLE_ACTION
from libero_gym.render.renderer import Renderer
from libero_gym.scene.compiled import CompiledScene
from libero_gym.scene.fixtures import FixturePoses, sample_fixture_poses
from libero_gym.tasks.init_states import published_states
from libero_gym.tasks.suites import Task

SETTLE_STEPS = 50
#: The environment's own settling, after which an object counts as resting on what it touches.
EARLY_STEPS = 10
EPISODE_STEPS = 100
#: Sideways, metres.
MOVED = 0.02


def measure_task(task: Task, scene: CompiledScene) -> dict[str, Any]:
    """Everything about one task on one asset set, as JSON values."""
    world = World(SharedModel.load(scene))
    states = published_states(task)[0]
    settled = [_settle(world, state, _poses(world, number)) for number, state in enumerate(states)]
    return {"objects": _objects(world), "settle": settled, "episode": _episode(world, states[0], _poses(world, 0))}


def category(name: str) -> str:
    """LIBERO's category of an instance: "plate_1" is a "plate"."""
    return re.sub(r"_\d+$", "", name)


def _poses(world: World, number: int) -> FixturePoses:
    return sample_fixture_poses(world.scene.table, np.random.default_rng(number))


def _free_objects(world: World) -> dict[str, int]:
    """Name -> root body of what can be carried away."""
    entities = [entity for entity in world.scene.table.entities if entity.kind == "object"]
    return {entity.name: entity.body for entity in entities}


def _settle(world: World, state: np.ndarray, poses: FixturePoses) -> dict[str, Any]:
    """Keep still from a published state on: how far each object moves sideways, where it ends, what holds it.

    Most published states hold their objects some centimetres above what they are about to rest on, so the way down says
    nothing.
    """
    bodies = _free_objects(world)
    world.reset(state, poses)
    start = {name: world.data.xpos[body].copy() for name, body in bodies.items()}
    early: dict[str, set[str]] = {}
    for step in range(SETTLE_STEPS):
        world.step(SETTLE_ACTION)
        if step + 1 == EARLY_STEPS:
            early = {name: _supports(world, body) for name, body in bodies.items()}
    late = {name: _supports(world, body) for name, body in bodies.items()}
    return {
        "moved": {name: float(np.hypot(*(world.data.xpos[body] - start[name])[:2])) for name, body in bodies.items()},
        "height": {name: float(world.data.xpos[body][2]) for name, body in bodies.items()},
        "lost": [name for name in bodies if early[name] and not early[name] & late[name]],
        "valid": bool(np.isfinite(world.data.qpos).all()),
    }


def _supports(world: World, body: int) -> set[str]:
    """Root bodies that a body touches from above: their contact normals push it up."""
    model, data = world.model, world.data
    found = set()
    for contact in data.contact:
        first, second = (int(model.body_rootid[model.geom_bodyid[geom]]) for geom in contact.geom)
        if body not in (first, second) or first == second:
            continue
        up = contact.frame[2] if second == body else -contact.frame[2]  # the normal points from the first to the second
        if up > 0.3:
            found.add(model.body(first if second == body else second).name)
    return found


def _episode(world: World, state: np.ndarray, poses: FixturePoses) -> dict[str, Any]:
    """The same recorded actions on every asset set: a slow random walk of the hand, gripper opening and closing."""
    rng = np.random.default_rng(7)
    world.reset(state, poses)
    for _ in range(EARLY_STEPS):
        world.step(SETTLE_ACTION)
    action, path = np.zeros(7), []
    for step in range(EPISODE_STEPS):
        action[:6] = np.clip(0.9 * action[:6] + 0.3 * rng.normal(size=6), -1, 1)
        action[6] = 1.0 if step // 25 % 2 else -1.0
        world.step(action)
        path.append(world.eef_position().tolist())
    bodies = _free_objects(world)
    return {"eef": path, "objects": {name: world.data.xpos[body].tolist() for name, body in bodies.items()}}


def _objects(world: World) -> dict[str, Any]:
    """Category -> numbers, of every object and fixture in the scene at the joints' zero."""
    model = world.model
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    found: dict[str, Any] = {}
    for entity in world.scene.table.entities:
        if entity.kind in ("object", "fixture") and entity.body > 0 and category(entity.name) not in found:
            found[category(entity.name)] = {"free": entity.kind == "object", **_measure(model, data, entity.body)}
    return found


def _measure(model: mujoco.MjModel, data: mujoco.MjData, root: int) -> dict[str, Any]:
    bodies = [body for body in range(model.nbody) if _descends(model, body, root)]
    prefix = model.body(root).name.removesuffix("main")
    geoms = [geom for geom in range(model.ngeom) if model.geom_bodyid[geom] in bodies]
    origin, axes = data.xpos[root], data.xmat[root].reshape(3, 3)

    def local(point: np.ndarray) -> list[float]:
        return ((point - origin) @ axes).tolist()

    return {
        "seen": _bounds(model, data, [geom for geom in geoms if model.geom_group[geom] == 1], root),
        "touched": _bounds(model, data, [geom for geom in geoms if model.geom_group[geom] == 0], root),
        "mass": {model.body(body).name.removeprefix(prefix): float(model.body_mass[body]) for body in bodies},
        "centre": local(data.subtree_com[root]),
        "inertia": sorted(model.body_inertia[root].tolist()),
        "joints": {
            model.joint(joint).name.removeprefix(prefix): model.jnt_range[joint].tolist()
            for joint in range(model.njnt)
            if model.jnt_bodyid[joint] in bodies and model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_FREE
        },
        "sites": {
            model.site(site).name.removeprefix(prefix): [*local(data.site_xpos[site]), *model.site_size[site].tolist()]
            for site in range(model.nsite)
            if model.site_bodyid[site] in bodies
        },
        "faces": int(sum(model.mesh_facenum[model.geom_dataid[geom]] for geom in geoms if _is_mesh(model, geom))),
        "shapes": sum(int(model.geom_group[geom] == 0) for geom in geoms),
    }


def _descends(model: mujoco.MjModel, body: int, root: int) -> bool:
    while body not in (0, root):
        body = int(model.body_parentid[body])
    return body == root


def _is_mesh(model: mujoco.MjModel, geom: int) -> bool:
    return bool(model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH)


def _bounds(model: mujoco.MjModel, data: mujoco.MjData, geoms: list[int], root: int) -> list[list[float]] | None:
    """Lower and upper corner of the box around some shapes, axes as the root's; None where there are none."""
    origin, axes = data.xpos[root], data.xmat[root].reshape(3, 3)
    corners = []
    for geom in geoms:
        turn = axes.T @ data.geom_xmat[geom].reshape(3, 3)
        centre = (data.geom_xpos[geom] - origin) @ axes
        if _is_mesh(model, geom):
            mesh = model.geom_dataid[geom]
            first = model.mesh_vertadr[mesh]
            points = model.mesh_vert[first : first + model.mesh_vertnum[mesh]] @ turn.T + centre
            corners += [points.min(axis=0), points.max(axis=0)]
        else:
            reach = _reach(model.geom_type[geom], model.geom_size[geom], turn)
            corners += [centre - reach, centre + reach]
    if not corners:
        return None
    return [np.min(corners, axis=0).tolist(), np.max(corners, axis=0).tolist()]


def _reach(kind: int, size: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """How far a primitive reaches along each axis from its middle."""
    shapes = mujoco.mjtGeom
    if kind == shapes.mjGEOM_BOX:
        return np.abs(turn) @ size
    if kind == shapes.mjGEOM_SPHERE:
        return np.full(3, size[0])
    if kind == shapes.mjGEOM_ELLIPSOID:
        return np.sqrt((turn**2) @ size**2)
    along = np.abs(turn[:, 2])
    if kind == shapes.mjGEOM_CAPSULE:
        return size[0] + along * size[1]
    if kind == shapes.mjGEOM_CYLINDER:
        return along * size[1] + np.sqrt(np.maximum(0.0, 1.0 - along**2)) * size[0]
    raise ValueError(f"shape of type {kind} has no known bounds")


def drawing_ratios(task: Task, ours: CompiledScene, theirs: CompiledScene, rounds: int = 9) -> dict[str, float]:
    """Quality -> how many times faster a scene is drawn than another, two 128 px cameras each, drawn in turn."""
    ratios = {}
    for quality in ("reference", "fast"):
        worlds = [World(SharedModel.load(scene, decimated=quality == "fast")) for scene in (ours, theirs)]
        for world in worlds:
            world.reset(published_states(task)[0][0], _poses(world, 0))
        renderer, picture = Renderer.of_thread(), np.empty((128, 128, 3), dtype=np.uint8)
        times: list[list[float]] = [[], []]
        for turn in range(rounds + 2):  # the first two upload the meshes and warm up
            for world, seconds in zip(worlds, times, strict=True):
                begin = time.perf_counter()
                for camera in ("agentview", "robot0_eye_in_hand"):
                    renderer.render(world, camera, picture, quality)
                if turn > 1:
                    seconds.append(time.perf_counter() - begin)
        ratios[quality] = statistics.median(b / a for a, b in zip(*times, strict=True))
        for world in worlds:
            renderer.release(world.shared)
    return ratios
