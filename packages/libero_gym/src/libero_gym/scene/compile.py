"""Compile tasks with LIBERO's own classes; run in a process of its own, `python -m libero_gym.scene.compile`.

LIBERO and robosuite seed NumPy's global generator, print, and import much; none of that can reach the caller from here.

Standard input: one JSON object {"assets": folder, "assets_name": text, "tasks": [{"suite", "index", "out"}, ...],
"sampled_states": count}. For each task the folder `out` receives the four files of `scene.compiled`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.assets.source import BUILTIN_PREFIX
from libero_gym.scene.decimation import decimate
from libero_gym.scene.libero_import import import_libero, make_libero_env
from libero_gym.scene.plain_look import simplify_look
from libero_gym.tasks.suites import Task, load_suite
from libero_gym.tasks.tables import Entity, FixtureRange, Indicator, Predicate, RobotTable, SceneTable, Threshold

CONDITIONS = {"open": "is_open", "close": "is_close", "turnon": "turn_on", "turnoff": "turn_off"}


def main() -> None:
    """Compile the tasks that standard input names."""
    request = json.load(sys.stdin)
    # What LIBERO prints is noise to our caller, whose protocol is the files and the exit status.
    sys.stdout = sys.stderr
    import_libero(Path(request["assets"]))
    for item in request["tasks"]:
        task = load_suite(item["suite"]).tasks[item["index"]]
        compile_task(task, Path(item["out"]), request["assets_name"], item["sampled_states"])


def compile_task(task: Task, out: Path, assets_name: str, sampled_states: int) -> None:
    """Build one task and write its model, tables and sampled states into the folder `out`."""
    import mujoco

    env = make_libero_env(task)
    np.random.seed(0)  # noqa: NPY002  # LIBERO samples from the global generator
    env.reset()
    model = env.sim.model._model
    # A model keeps the poses of its fixtures; every world writes its own, so what is stored does not matter.
    table = SceneTable(
        suite=task.suite,
        task_index=task.index,
        task_name=task.name,
        instruction=task.instruction,
        assets=assets_name,
        robot=_robot(env),
        entities=_entities(env),
        goal=[Predicate(state[0].lower(), list(state[1:])) for state in env.parsed_problem["goal_state"]],
        fixtures=_fixture_ranges(env),
        indicators=_indicators(env),
        objects_of_interest=list(env.obj_of_interest),
        control_substeps=round(env.control_timestep / env.model_timestep),
    )
    if assets_name.startswith(BUILTIN_PREFIX):
        simplify_look(model)
    mujoco.mj_saveModel(model, str(out / "model.mjb"), None)
    np.savez(out / "fast.npz", **decimate(model))  # type: ignore[arg-type]
    np.save(out / "states.npy", _sample_states(env, sampled_states))
    (out / "scene.json").write_text(json.dumps(table.to_json(), indent=1))


def _sample_states(env: Any, count: int) -> np.ndarray:
    """Sample initial states with LIBERO's own placement samplers, (count, 1 + nq + nv), seeded by their number."""
    states = np.empty((count, 1 + env.sim.model.nq + env.sim.model.nv))
    for number in range(count):
        np.random.seed(number)  # noqa: NPY002
        env.reset()
        states[number] = env.sim.get_state().flatten()
    return states


def _robot(env: Any) -> RobotTable:
    robot, model = env.robots[0], env.sim.model
    return RobotTable(
        arm_qpos=[int(i) for i in robot._ref_joint_pos_indexes],
        arm_dof=[int(i) for i in robot._ref_joint_vel_indexes],
        arm_actuators=[int(i) for i in robot._ref_joint_actuator_indexes],
        gripper_qpos=[int(i) for i in robot._ref_gripper_joint_pos_indexes],
        gripper_actuators=[int(i) for i in robot._ref_joint_gripper_actuator_indexes],
        eef_site=int(robot.eef_site_id),
        eef_body=int(model.body_name2id(robot.robot_model.eef_name)),
        fingers=[
            [int(model.geom_name2id(geom)) for geom in robot.gripper.important_geoms[side]]
            for side in ("left_fingerpad", "right_fingerpad")
        ],
        home_qpos=[float(q) for q in robot.init_qpos],
    )


def _joint_qpos(env: Any, joints: Any) -> list[int]:
    """Return the addresses of one-dimensional joints; a free joint has no position that a condition could compare."""
    addresses = [env.sim.model.get_joint_qpos_addr(joint) for joint in joints]
    return [int(address) for address in addresses if not isinstance(address, tuple)]


def _entities(env: Any) -> list[Entity]:
    model = env.sim.model
    entities = []
    for kind, group in (("object", env.objects_dict), ("fixture", env.fixtures_dict)):
        for name, libero_object in group.items():
            entities.append(
                Entity(
                    name=name,
                    kind=kind,
                    body=int(model.body_name2id(libero_object.root_body)),
                    site=-1,
                    parent="",
                    size=[],
                    contact_geoms=[int(model.geom_name2id(geom)) for geom in libero_object.contact_geoms],
                    joint_qpos=_joint_qpos(env, libero_object.joints),
                    conditions=_conditions(libero_object),
                )
            )
    for name, region in env.object_sites_dict.items():
        parent = env.get_object(region.parent_name) if region.parent_name else None
        entities.append(
            Entity(
                name=name,
                kind="region",
                body=-1,
                site=int(model.site_name2id(name)),
                parent=region.parent_name or "",
                size=[float(half) for half in region.size],
                contact_geoms=[],
                joint_qpos=_joint_qpos(env, region.joints or []),
                conditions=_conditions(parent) if parent is not None else {},
            )
        )
    return entities


def _conditions(libero_object: Any) -> dict[str, Threshold]:
    """Find the joint conditions of an articulated object by calling its own methods on both sides of its bounds."""
    articulation = libero_object.object_properties.get("articulation", {})
    bounds = {float(value) for values in articulation.values() for value in values}
    found = {}
    for name, method in CONDITIONS.items():
        if hasattr(libero_object, method):
            threshold = _threshold(getattr(libero_object, method), bounds)
            if threshold is not None:
                found[name] = threshold
    return found


def _threshold(holds: Callable[[float], bool], bounds: set[float]) -> Threshold | None:
    step = 1e-9
    for bound in sorted(bounds):
        try:
            below, at, above = holds(bound - step), holds(bound), holds(bound + step)
        except (NotImplementedError, ValueError):  # the base class's method, or max() of no bounds
            return None
        if below != above:
            return Threshold(("<=" if at else "<") if below else (">=" if at else ">"), bound)
    return None


def _fixture_ranges(env: Any) -> list[FixtureRange]:
    ranges = []
    for sampler in env.placement_initializer.samplers.values():
        fixture = sampler.mujoco_objects[0]
        if fixture.name not in env.fixtures_dict:
            continue
        origin, angle = sampler.reference_pos, sampler.rotation
        if sampler.rotation_axis != "z" or hasattr(fixture, "init_quat"):
            raise ValueError(f"fixture {fixture.name} is placed in a way that is not known here")
        ranges.append(
            FixtureRange(
                name=fixture.name,
                body=int(env.sim.model.body_name2id(fixture.root_body)),
                x_ranges=[[float(bound + origin[0]) for bound in pair] for pair in sampler.x_ranges],
                y_ranges=[[float(bound + origin[1]) for bound in pair] for pair in sampler.y_ranges],
                z=float(sampler.z_offset + origin[2] - fixture.bottom_offset[-1]),
                angle=[float(min(angle)), float(max(angle))],
            )
        )
    return ranges


def _indicators(env: Any) -> list[Indicator]:
    indicators = []
    for state in env.tracking_object_states_change:
        libero_object = env.get_object(state.object_name)
        condition = _conditions(libero_object).get("turnon")
        if condition is None:
            continue
        libero_object.turn_on(condition.value)
        for site, _ in libero_object.object_properties["vis_site_names"].values():
            joints = _joint_qpos(env, libero_object.joints)
            indicators.append(Indicator(int(env.sim.model.site_name2id(site)), joints, condition))
    return indicators


if __name__ == "__main__":
    main()
