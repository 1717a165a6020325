"""`libero/Task-v0`: LIBERO's own files as tasks of one's own, states, splits, provenance, copies and workers."""

from __future__ import annotations

import json
import pickle

import gymnasium
import mujoco
import numpy as np
import own_task_files as own_files
import pytest

from libero_gym import TaskSpec
from libero_gym.assets import resolve_assets
from libero_gym.env import LiberoEnv
from libero_gym.errors import (
    AssetError,
    BddlError,
    InitStateError,
    ObjectError,
    OptionError,
    SceneError,
    SplitError,
    TaskError,
    TaskSpecError,
)
from libero_gym.scene.bundle_writer import write_bundle
from libero_gym.scene.cache import scene_folder
from libero_gym.tasks import load_suite
from libero_gym.tasks.bddl import write_definition
from libero_gym.tasks.init_states import published_states
from libero_gym.vector_env import LiberoVectorEnv


@pytest.fixture(scope="module")
def green_block(tmp_path_factory):
    return own_files.write_own_task(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def plate(tmp_path_factory):
    path = tmp_path_factory.mktemp("plate") / "my_plate.bddl"
    path.write_text(own_files.PLATE)
    return path


def arrays(model: mujoco.MjModel) -> dict[str, np.ndarray]:
    names = [name for name in dir(model) if not name.startswith("_") and name != "signature"]
    found = {name: getattr(model, name) for name in names}
    return {name: value for name, value in found.items() if isinstance(value, (np.ndarray, int, float, bytes))}


@pytest.mark.parametrize(
    ("suite", "index"),
    [("spatial", 4), ("object", 2), ("goal", 3), ("10", 2), ("10", 9), ("90", 50), ("90", 75)],
)
def test_a_file_of_libero_gives_the_suite_s_own_model(suite, index, tmp_path):
    task = load_suite(suite).tasks[index]
    path = tmp_path / f"{task.name}.bddl"
    path.write_text(write_definition(task.definition))
    own = LiberoEnv("libero_task", task_file=path, cameras=())
    published = LiberoEnv(task.suite, task=task.index, cameras=())
    _, info = own.reset(seed=0)
    published.reset(seed=0)
    mine, theirs = arrays(own.model), arrays(published.model)
    # a world writes the poses of an episode's fixtures into its model
    moved = [fixture.body for fixture in own.world.scene.table.fixtures]
    for name in ("body_pos", "body_quat"):
        mine[name], theirs[name] = (np.delete(found[name], moved, axis=0) for found in (mine, theirs))
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)
    same = ("robot", "entities", "goal", "fixtures", "indicators", "objects_of_interest", "control_substeps")
    for name in same:
        assert getattr(own.world.scene.table, name) == getattr(published.world.scene.table, name)
    assert info["task_name"] == task.name
    assert (own.model.nq, own.model.nv) == (published.model.nq, published.model.nv)
    # LIBERO's own state starts the same episode there
    state = published_states(task)[0][0]
    own.reset(seed=0, options={"sim_state": state})
    np.testing.assert_array_equal(own.get_sim_state(), state)


def test_made_by_its_id_it_says_what_it_is(plate):
    env = gymnasium.make("libero_gym:libero/Task-v0", task_file=plate, image_size=32)
    observation, info = env.reset(seed=3)
    assert observation["instruction"] == "put the cream cheese on the plate"
    assert env.observation_space.contains(observation)
    assert (info["task_name"], info["task_id"]) == ("my_plate", 0)
    assert env.spec.max_episode_steps == 520
    sha256 = env.unwrapped.scenes.task.sha256
    assert env.metadata["task_sha256"] == sha256
    caveats = env.metadata["benchmark_caveats"]
    assert caveats[0].startswith(f"'my_plate' is a task of one's own (SHA-256 of its definition: {sha256}), none of")
    assert len(caveats) == 2  # and the built-in assets
    short = gymnasium.make("libero/Task-v0", task_file=plate, cameras=(), max_episode_steps=2)
    short.reset(seed=0)
    assert [short.step(np.zeros(7, dtype=np.float32))[3] for _ in range(2)] == [False, True]


def test_a_file_and_the_same_in_python_are_one_task(plate):
    by_file = LiberoEnv("libero_task", task_file=str(plate), cameras=())
    spec = TaskSpec.from_bddl(plate)
    by_spec = LiberoEnv("libero_task", task_spec=spec, cameras=())
    by_mapping = LiberoEnv("libero_task", task_spec=json.loads(json.dumps(spec.to_json())), cameras=())
    states = []
    for env in (by_file, by_spec, by_mapping):
        env.reset(seed=1, options={"init_state": 4})
        states.append(env.get_sim_state())
    np.testing.assert_array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[0], states[2])
    folders = {scene_folder(env.scenes.task, env.scenes.assets) for env in (by_file, by_spec, by_mapping)}
    assert len(folders) == 1


def test_splits_are_sampled_disjoint_and_the_same_every_time(plate):
    env = {split: LiberoEnv("libero_task", task_file=plate, split=split, cameras=()) for split in ("eval", "train")}
    states = {split: made.scenes.published_states(made.scenes.task) for split, made in env.items()}
    evaluation, train = states["eval"]
    # time; 9 joints of the robot, 2 free ones: 23 positions, 21 velocities
    assert evaluation.shape == train.shape == (50, 1 + 23 + 21)
    assert len({state.tobytes() for state in (*evaluation, *train)}) == 100
    for split, number in (("eval", 7), ("train", 57)):
        env[split].reset(seed=0, options={"init_state": 7})
        assert env[split]._episode._states[0][7].tobytes() == np.concatenate([evaluation, train])[number].tobytes()
    with pytest.raises(InitStateError, match=r"allowed: 0..49"):
        env["eval"].reset(options={"init_state": 50})
    whole = LiberoEnv("libero_task", task_file=plate, split="all", cameras=())
    whole.reset(options={"init_state": 99})
    with pytest.raises(SplitError, match="libero/Task-v0"):
        LiberoEnv("libero_task", task_file=plate, split="test")


def test_copies_pickles_and_specs_are_the_same_environment(plate):
    env = gymnasium.make("libero_gym:libero/Task-v0", task_spec=TaskSpec.from_bddl(plate), cameras=(), action_chunk=2)
    env.reset(seed=2)
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    copy = pickle.loads(pickle.dumps(env.unwrapped))
    for other in (again, copy):
        other.reset(seed=2)
        np.testing.assert_array_equal(other.unwrapped.get_sim_state(), env.unwrapped.get_sim_state())


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_worlds_in_workers_are_those_of_one_environment(kind, green_block):
    envs = LiberoVectorEnv(
        "libero_task", 2, task_file=green_block, cameras=(), workers=2, worker_kind=kind, action_chunk=2
    )
    try:
        assert envs.metadata["init_states"] == {0: 50}
        _, infos = envs.reset(seed=5, options={"init_state": [3, 4]})
        assert list(infos["task_name"]) == ["green_block"] * 2
        actions = np.full((2, 2, 7), 0.3, dtype=np.float32)
        observations, *_ = envs.step(actions)
        states = envs.call("get_sim_state")
    finally:
        envs.close()
    env = LiberoEnv("libero_task", task_file=green_block, cameras=(), action_chunk=2)
    for index, state in enumerate((3, 4)):
        env.reset(seed=5 + index, options={"init_state": state})
        observation, *_ = env.step(actions[index])
        np.testing.assert_array_equal(env.get_sim_state(), states[index])
        np.testing.assert_array_equal(observation["state"], observations["state"][index])


def test_a_changed_model_is_another_task(tmp_path):
    path = own_files.write_own_task(tmp_path / "a")
    before = LiberoEnv("libero_task", task_file=path, cameras=()).scenes.task
    own_files.write_own_task(tmp_path / "b")
    moved = LiberoEnv("libero_task", task_file=tmp_path / "b" / "green_block.bddl", cameras=()).scenes.task
    assert (moved.sha256, moved) == (before.sha256, before)
    mesh = tmp_path / "a" / "meshes" / "block.obj"
    mesh.write_text(mesh.read_text().replace("0.03", "0.031"))
    after = LiberoEnv("libero_task", task_file=path, cameras=()).scenes.task
    assert after.sha256 != before.sha256


def test_models_in_another_folder(green_block, tmp_path):
    alone = tmp_path / "alone.bddl"
    alone.write_text(own_files.TASK)
    with pytest.raises(BddlError, match=r"alone.bddl:9:44: unknown category 'stand'|there is no .*block.xml") as caught:
        LiberoEnv("libero_task", task_file=alone)
    assert caught.value.line in (9, 10)
    env = LiberoEnv("libero_task", task_file=alone, object_folder=green_block.parent, cameras=())
    assert set(env.scenes.task.own_models) == {"block", "stand"}
    with pytest.raises(TaskSpecError, match="no object_folder is given for models of your own"):
        LiberoEnv("libero_task", task_spec=TaskSpec.from_bddl(own_files.TASK))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, OptionError, "either task_file, a BDDL file, or task_spec"),
        ({"task_file": "PLATE", "task_spec": {}}, OptionError, "either task_file"),
        ({"task_file": 3}, OptionError, "task_file 3 in libero/Task-v0; allowed: a path"),
        ({"task_file": "PLATE", "task": 0}, TaskError, "task 0 in libero/Task-v0, which has one task"),
        ({"task_file": "PLATE", "object_folder": 3}, OptionError, "object_folder 3 in libero/Task-v0"),
        ({"task_file": "PLATE", "engine": "robosuite"}, OptionError, "engine 'robosuite' in libero/Task-v0"),
        ({"task_file": "none.bddl"}, TaskSpecError, "none.bddl.* cannot be read"),
        ({"task_spec": 3}, TaskSpecError, "task_spec 3; allowed"),
        ({"task_file": "PLATE", "assets": "BUNDLE"}, AssetError, "is a bundle, which has scenes of LIBERO's tasks"),
    ],
)
def test_what_is_refused(arguments, error, message, plate, tmp_path):
    places = {"PLATE": plate, "BUNDLE": tmp_path}
    if "assets" in arguments:
        write_bundle([load_suite("goal").tasks[0]], resolve_assets("builtin"), tmp_path)
    given = {key: places[value] if value in ("PLATE", "BUNDLE") else value for key, value in arguments.items()}
    with pytest.raises(error, match=message):
        LiberoEnv("libero_task", **given)


def test_other_suites_have_no_task_file(plate):
    for arguments in ({"task_file": plate}, {"task_spec": {}}, {"object_folder": "."}):
        (name,) = arguments
        with pytest.raises(OptionError, match=f"{name} .* in libero_goal; it is an argument of libero/Task-v0"):
            LiberoEnv("libero_goal", **arguments)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "block_2 - block",
            "block_2 - blok",
            r":10:31: unknown category 'blok' in the objects .*; there is no .*blok.xml",
        ),
        ("(top_region (:t", "(lid (:t", r"unknown object or region 'stand_1_top_region'"),
        ("top_region", "lid_region", r"unknown region 'stand_1_lid_region' in the goal: .*stand.xml does not have it"),
        ("(On block_1 stand_1_top_region)", "(Open stand_1)", "stand_1 cannot be 'open' in the goal; .* none"),
        ("(On block_2 kitchen_table_left)", "(On block_2 kitchen_table_left) (Close stand_1)", "'close' in the init"),
    ],
)
def test_what_the_objects_do_not_have_is_found_in_the_text(before, after, message, green_block):
    path = green_block.with_name("wrong.bddl")
    path.write_text(own_files.TASK.replace(before, after))
    with pytest.raises(BddlError, match=message) as caught:
        LiberoEnv("libero_task", task_file=path)
    assert str(caught.value).startswith(f"{path}:{caught.value.line}:{caught.value.column}: ")


def test_a_damaged_model_is_named(tmp_path):
    path = own_files.write_own_task(tmp_path / "own")
    (path.parent / "meshes" / "block.obj").unlink()
    with pytest.raises(ObjectError, match=r"MuJoCo does not take .*block\.xml: .*block\.obj"):
        LiberoEnv("libero_task", task_file=path)


def test_what_finds_no_room_is_named_when_the_scene_is_made(tmp_path):
    path = tmp_path / "full.bddl"
    text = own_files.PLATE
    for region in ("(-0.15 -0.20 -0.05 -0.05)", "(-0.10 0.10 0.10 0.25)"):
        text = text.replace(region, "(-0.01 0.10 0.01 0.12)")
    path.write_text(text)
    env = LiberoEnv("libero_task", task_file=path, cameras=())
    with pytest.raises(SceneError, match=r"\(full\) cannot be built .*: plate_1 finds no room in 5000 tries"):
        env.reset(seed=0)
