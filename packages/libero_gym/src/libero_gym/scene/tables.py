"""The tables of a compiled scene: names of its model looked up once."""

from __future__ import annotations

import mujoco

from libero_gym.errors import SceneError
from libero_gym.scene.build import Scene
from libero_gym.scene.scene_object import SceneObject
from libero_gym.tasks.suites import Task
from libero_gym.tasks.tables import Entity, FixtureRange, Indicator, Predicate, RobotTable, SceneTable

#: Arm joints at reset, radians; LIBERO's `envs/robots/mounted_panda.py`.
HOME_QPOS = (0.0, -1.61037389e-01, 0.0, -2.44459747, 0.0, 2.22675220, 0.7853981633974483)
#: Seconds of a control step.
CONTROL_SECONDS = 0.05


def scene_table(scene: Scene, model: mujoco.MjModel, task: Task, assets_name: str) -> SceneTable:
    """Make the tables of a scene whose model was compiled.

    Raises:
        SceneError: a name is not in the model.
    """
    names = _Names(model)
    all_objects = scene.all_objects
    return SceneTable(
        suite=task.suite,
        task_index=task.index,
        task_name=task.name,
        instruction=task.instruction,
        assets=assets_name,
        robot=_robot(names),
        entities=[
            *(_object(names, item) for item in all_objects.values()),
            *(_region(names, scene, name) for name in scene.regions),
        ],
        goal=[Predicate(atom.name, list(atom.arguments)) for atom in scene.definition.goal],
        fixtures=_fixture_ranges(names, scene),
        indicators=[
            Indicator(names.site(f"{item.name}_{site}"), names.qpos(item.joints), item.category.conditions["turnon"])
            for item in all_objects.values()
            for site in item.category.indicators
        ],
        objects_of_interest=list(scene.definition.objects_of_interest),
        control_substeps=round(CONTROL_SECONDS / model.opt.timestep),
    )


class _Names:
    """Indices of a model by name."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model

    def _id(self, kind: mujoco.mjtObj, name: str) -> int:
        found: int = mujoco.mj_name2id(self._model, kind, name)
        if found < 0:
            raise SceneError(f"the model has no {kind.name.removeprefix('mjOBJ_').lower()} {name!r}")
        return found

    def body(self, name: str) -> int:
        return self._id(mujoco.mjtObj.mjOBJ_BODY, name)

    def site(self, name: str) -> int:
        return self._id(mujoco.mjtObj.mjOBJ_SITE, name)

    def geoms(self, names: list[str]) -> list[int]:
        return [self._id(mujoco.mjtObj.mjOBJ_GEOM, name) for name in names]

    def actuators(self, names: list[str]) -> list[int]:
        return [self._id(mujoco.mjtObj.mjOBJ_ACTUATOR, name) for name in names]

    def dof(self, joints: list[str]) -> list[int]:
        return [int(self._model.jnt_dofadr[self._id(mujoco.mjtObj.mjOBJ_JOINT, name)]) for name in joints]

    def qpos(self, joints: list[str]) -> list[int]:
        """Return the addresses of one-dimensional joints; a free joint has no position that could be compared."""
        indices = [self._id(mujoco.mjtObj.mjOBJ_JOINT, name) for name in joints]
        free = mujoco.mjtJoint.mjJNT_FREE
        return [int(self._model.jnt_qposadr[joint]) for joint in indices if self._model.jnt_type[joint] != free]


def _robot(names: _Names) -> RobotTable:
    arm = [f"robot0_joint{number}" for number in range(1, 8)]
    fingers = ["gripper0_finger_joint1", "gripper0_finger_joint2"]
    return RobotTable(
        arm_qpos=names.qpos(arm),
        arm_dof=names.dof(arm),
        arm_actuators=names.actuators([f"robot0_torq_j{number}" for number in range(1, 8)]),
        gripper_qpos=names.qpos(fingers),
        gripper_actuators=names.actuators([f"gripper0_gripper_finger_joint{side}" for side in (1, 2)]),
        eef_site=names.site("gripper0_grip_site"),
        eef_body=names.body("robot0_right_hand"),
        fingers=[names.geoms([f"gripper0_finger{side}_pad_collision"]) for side in (1, 2)],
        home_qpos=list(HOME_QPOS),
    )


def _object(names: _Names, item: SceneObject) -> Entity:
    return Entity(
        name=item.name,
        kind="object" if item.movable else "fixture",
        body=names.body(item.root_body),
        site=-1,
        parent="",
        size=[],
        contact_geoms=names.geoms(item.contact_geoms),
        joint_qpos=names.qpos(item.joints),
        conditions=item.category.conditions,
    )


def _region(names: _Names, scene: Scene, name: str) -> Entity:
    region = scene.regions[name]
    parent = scene.all_objects.get(region.parent)
    return Entity(
        name=name,
        kind="region",
        body=-1,
        site=names.site(name),
        parent=region.parent,
        size=list(region.size),
        contact_geoms=[],
        joint_qpos=names.qpos(list(region.joints)),
        conditions=parent.category.conditions if parent is not None else {},
    )


def _fixture_ranges(names: _Names, scene: Scene) -> list[FixtureRange]:
    """Return where fixtures may stand, in the order of the task's initial conditions."""
    workspace, ranges = scene.workspace, []
    x, y, _ = workspace.offset
    for atom in scene.definition.init:
        region = scene.definition.regions.get(atom.arguments[-1])
        fixture = scene.fixtures.get(atom.arguments[0])
        if atom.name == "on" and fixture is not None and region is not None and region.target not in scene.all_objects:
            ranges.append(
                FixtureRange(
                    name=fixture.name,
                    body=names.body(fixture.root_body),
                    x_ranges=[[rectangle[0] + x, rectangle[2] + x] for rectangle in region.ranges],
                    y_ranges=[[rectangle[1] + y, rectangle[3] + y] for rectangle in region.ranges],
                    z=workspace.fixture_height(fixture.bottom, own=fixture.own),
                    angle=[min(region.yaw), max(region.yaw)],
                )
            )
    return ranges
