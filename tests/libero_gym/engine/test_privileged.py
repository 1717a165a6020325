"""The privileged state against MuJoCo's own functions, on ten tasks."""

from __future__ import annotations

import gymnasium
import mujoco
import numpy as np
import pytest

from libero_gym.engine.privileged import FIELDS, LIMIT, SIZE, PrivilegedState, layout

#: Objects and fixtures, drawers, knobs, a microwave's door; goals of one to three predicates.
TASKS = [
    *(("Spatial", 3), ("Object", 0), ("Goal", 0), ("Goal", 3), ("Goal", 7)),
    *(("10", 2), ("10", 3), ("10", 9), ("90", 28), ("90", 66)),
]
STEPS = 25


def make(suite, task, **kwargs):
    arguments = {"assets": "builtin", "cameras": (), "privileged": True, "task": task, **kwargs}
    return gymnasium.make(f"libero_gym:libero/{suite}-v0", **arguments)


def fields(state):
    """The fields of a privileged state (P,) in their shapes."""
    slices = layout()
    return {field.name: state[slices[field.name]].reshape(field.shape) for field in FIELDS}


def velocity(env, kind, index):
    """MuJoCo's own velocity of a body or a site, world axes: linear and angular, (6,)."""
    result = np.zeros(6)
    mujoco.mj_objectVelocity(env.unwrapped.model, env.unwrapped.data, kind, index, result, 0)
    return np.concatenate([result[3:] / 0.5, result[:3] / 3.0])


def axes(data, body):
    return data.xmat[body].reshape(3, 3)[:, :2].T.reshape(-1)


@pytest.fixture(scope="module", params=TASKS, ids=lambda task: f"{task[0]}-{task[1]}")
def moved(request):
    """An environment in the middle of an episode, and the privileged state that it observed."""
    suite, task = request.param
    env = make(suite, task)
    env.reset(seed=0)
    # down to the objects, with the gripper closing, so that there are contacts and velocities
    actions = np.random.default_rng(task).uniform(-1, 1, (STEPS, 7)).astype(np.float32)
    actions[:, 2] = -1.0
    for action in actions:
        observation, *_ = env.step(action)
    yield env, observation["privileged_state"]
    env.close()


def test_the_robot_is_mujocos(moved):
    env, state = moved
    data, model, found = env.unwrapped.data, env.unwrapped.model, fields(state)
    arm = [f"robot0_joint{number}" for number in range(1, 8)]
    fingers = ["gripper0_finger_joint1", "gripper0_finger_joint2"]
    close = {"rtol": 0, "atol": 2e-6}  # float32
    np.testing.assert_allclose(found["arm_position"], [data.joint(name).qpos[0] / np.pi for name in arm], **close)
    np.testing.assert_allclose(found["arm_velocity"], [data.joint(name).qvel[0] / 3.0 for name in arm], **close)
    np.testing.assert_allclose(found["finger_position"], [data.joint(name).qpos[0] / 0.04 for name in fingers], **close)
    np.testing.assert_allclose(found["finger_velocity"], [data.joint(name).qvel[0] / 0.1 for name in fingers], **close)
    site, hand = model.site("gripper0_grip_site").id, model.body("robot0_right_hand").id
    tip = data.site_xpos[site]
    np.testing.assert_allclose(found["gripper_position"], (tip - data.body("robot0_base").xpos) / 0.5, **close)
    np.testing.assert_allclose(found["gripper_rotation"], axes(data, hand), **close)
    expected = velocity(env, mujoco.mjtObj.mjOBJ_SITE, site)
    np.testing.assert_allclose(found["gripper_velocity"], np.clip(expected, -LIMIT, LIMIT), rtol=0, atol=1e-5)


def test_bodies_are_mujocos_and_in_their_places(moved):
    env, state = moved
    data, model, found = env.unwrapped.data, env.unwrapped.model, fields(state)
    table = env.unwrapped.world.scene.table
    names = env.unwrapped.privileged_places()["bodies"]
    bodies = {entity.name: entity for entity in table.entities if entity.kind != "region"}
    assert set(names) == set(bodies)
    assert found["body_present"].tolist() == [1.0] * len(names) + [0.0] * (12 - len(names))
    # What the goal is about comes first: its first argument, or the fixture that this is a region of.
    first = next(entity for entity in table.entities if entity.name == table.goal[0].arguments[0])
    assert names[0] == (first.parent if first.kind == "region" else first.name)
    tip = data.site("gripper0_grip_site").xpos
    for place, name in enumerate(names):
        body = bodies[name].body
        np.testing.assert_allclose(found["body_position"][place], (data.xpos[body] - tip) / 0.5, rtol=0, atol=2e-6)
        np.testing.assert_allclose(found["body_rotation"][place], axes(data, body), rtol=0, atol=2e-6)
        expected = np.clip(velocity(env, mujoco.mjtObj.mjOBJ_XBODY, body), -LIMIT, LIMIT)
        np.testing.assert_allclose(found["body_velocity"][place], expected, rtol=0, atol=1e-5, err_msg=name)
        touched = [0.0, 0.0]
        for contact in data.contact:
            for pad, other in (contact.geom, contact.geom[::-1]):
                for finger, pads in enumerate(table.robot.fingers):
                    if pad in pads and model.geom_bodyid[other] in subtree(model, body):
                        touched[finger] = 1.0
        assert found["body_contact"][place].tolist() == touched, name
    for name in ("body_position", "body_rotation", "body_velocity", "body_contact"):
        assert not found[name][len(names) :].any()


def subtree(model, body):
    """A body and all bodies that hang from it."""
    found = {body}
    for child in range(body + 1, model.nbody):
        if model.body_parentid[child] in found:
            found.add(child)
    return found


def test_joints_are_mujocos(moved):
    env, state = moved
    data, model, found = env.unwrapped.data, env.unwrapped.model, fields(state)
    names = env.unwrapped.privileged_places()["joints"]
    assert found["joint_present"].tolist() == [1.0] * len(names) + [0.0] * (4 - len(names))
    tip = data.site("gripper0_grip_site").xpos
    for place, name in enumerate(names):
        low, high = model.joint(name).range
        joint = data.joint(name)
        share = (joint.qpos[0] - low) / (high - low)
        assert found["joint_position"][place] == pytest.approx(np.clip(2 * share - 1, -LIMIT, LIMIT), abs=1e-5)
        assert found["joint_velocity"][place] == pytest.approx(joint.qvel[0] / (high - low), abs=1e-5)
        # the moved part is one of the joint's body's geometries, scaled by 0.5 m
        body = model.joint(name).bodyid[0]
        of_body = data.geom_xpos[model.geom_bodyid == body]
        position = found["joint_part"][place] * 0.5 + tip
        assert np.linalg.norm(of_body - position, axis=1).min() < 1e-5


def test_the_goal_is_the_tasks(moved):
    env, state = moved
    data, found = env.unwrapped.data, fields(state)
    world = env.unwrapped.world
    table = world.scene.table
    entities = {entity.name: entity for entity in table.entities}
    count = len(table.goal)
    assert found["goal_present"].tolist() == [1.0] * count + [0.0] * (4 - count)
    assert found["goal_holds"][:count].tolist() == world.goal.satisfied(data)
    for place, predicate in enumerate(table.goal):
        entity = entities[predicate.arguments[0]]
        if predicate.name in ("on", "in"):
            target = entities[predicate.arguments[1]]
            where = data.site_xpos[target.site] if target.kind == "region" else data.xpos[target.body]
            offset = (where - data.xpos[entity.body]) / 0.5
            np.testing.assert_allclose(found["goal_offset"][place], offset, rtol=0, atol=2e-6)
            assert found["goal_distance"][place] == pytest.approx(np.linalg.norm(offset), abs=2e-6)
        else:
            assert not found["goal_offset"][place].any()
            assert (found["goal_distance"][place] == 0) == found["goal_holds"][place]
    limit = env.unwrapped._options.limit(env.unwrapped._options.tasks[0])
    assert found["steps_left"][0] == pytest.approx(1 - STEPS / limit)


def test_it_is_part_of_what_goes_on(moved):
    env, state = moved
    assert state.dtype == np.float32
    assert state.shape == (SIZE,)
    assert np.abs(state).max() <= LIMIT
    again, _ = env.reset(options={"state": env.unwrapped.save_state()})
    assert again in env.observation_space
    np.testing.assert_array_equal(again["privileged_state"], state)


def test_a_grasped_object_touches_both_pads():
    """The scripted expert's grasp of the bowl: both bits are on while it carries it."""
    from libero_gym.expert import Expert

    env = make("Spatial", 0, max_episode_steps=300)
    env.reset(seed=0, options={"init_state": 0})
    contacts, terminated = [], False
    for action in Expert(env.unwrapped.world, np.random.default_rng(0)).actions():
        observation, _, terminated, _, _ = env.step(action.astype(np.float32))
        contacts.append(fields(observation["privileged_state"])["body_contact"][0])
        if terminated:
            break
    assert terminated
    assert (np.array(contacts).sum(axis=1) == 2).sum() > 10
    assert fields(observation["privileged_state"])["goal_holds"][0] == 1
    env.close()


def test_one_layout_for_vector_environments_of_several_tasks():
    arguments = {"assets": "builtin", "image_size": 16, "privileged": True, "task": [0, 6], "max_episode_steps": -1}
    for kind in ("thread", "process"):
        envs = gymnasium.make_vec(
            "libero_gym:libero/Goal-v0",
            num_envs=2,
            vectorization_mode="vector_entry_point",
            worker_kind=kind,
            workers=1,
            **arguments,
        )
        observation, _ = envs.reset(seed=0, options={"task": [0, 6]})
        assert observation["privileged_state"].shape == (2, SIZE)
        assert observation in envs.observation_space
        assert fields(observation["privileged_state"][0])["steps_left"][0] == 1.0  # no limit
        for index, task in enumerate((0, 6)):
            env = make("Goal", task, max_episode_steps=-1)
            single, _ = env.reset(seed=index)
            assert single["privileged_state"].shape == (SIZE,)
            env.close()
        envs.close()


def test_without_it_there_is_none():
    env = make("Spatial", 0, privileged=False)
    assert "privileged_state" not in env.observation_space.spaces
    env.close()


@pytest.mark.slow
def test_all_tasks_fit_the_layout():
    """Every body, joint and predicate of the 130 tasks has a place."""
    env = gymnasium.make("libero_gym:libero/130-v0", assets="builtin", cameras=(), privileged=True)
    for task in range(130):
        observation, _ = env.reset(seed=0, options={"task": task})
        assert observation in env.observation_space
        world = env.unwrapped.world
        places = env.unwrapped.privileged_places()
        table = world.scene.table
        assert len(places["bodies"]) == sum(entity.kind != "region" for entity in table.entities)
        assert len(places["joints"]) == len({q for entity in table.entities for q in entity.joint_qpos})
        assert len(table.goal) <= 4
        assert isinstance(env.unwrapped._episode.privileged, PrivilegedState)
    env.close()
