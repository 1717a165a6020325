"""Our builder of scenes against LIBERO's own classes: every name, number and their order."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import mujoco
import numpy as np
import pytest

from libero_gym.assets import resolve_assets
from libero_gym.assets.official import package_folder
from libero_gym.errors import SceneError
from libero_gym.scene.build import build_scene
from libero_gym.scene.compile import robot_meshes
from libero_gym.scene.placement import Sampler
from libero_gym.scene.tables import scene_table
from libero_gym.tasks import SUITES, load_suite
from libero_gym.tasks.bddl import parse_definition

ORACLE = Path(__file__).with_name("libero_scenes.py")
TASKS = [task for suite in SUITES for task in load_suite(suite).tasks]
#: Each workspace, with what begins open, closed, turned on, in a drawer, on a fixture and on another object.
WHOLE = [
    *("libero_spatial:3", "libero_spatial:4", "libero_spatial:6", "libero_object:0", "libero_goal:3"),
    *("libero_10:2", "libero_10:9", "libero_90:21", "libero_90:50", "libero_90:75"),
]
#: Of LIBERO's own set, whose meshes LIBERO compiles for ten seconds: the trees of all tasks are compared below, and
#: benchmarks/parity.py compares all models.
OFFICIAL = ["libero_10:2", "libero_90:75"]
#: LIBERO keeps the paths of its files, and poses of fixtures, in the model.
NOT_READ = {"mesh_pathadr", "tex_pathadr", "nbuffer", "npaths", "paths", "signature"}


def libero(assets: Path, out: Path, what: str, names: list[str]) -> None:
    # glx alone needs no library on the system
    environment = {**os.environ, "MUJOCO_GL": "glx"}
    command = [sys.executable, ORACLE, assets, out, what, *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module", params=["builtin", "official"])
def assets(request: pytest.FixtureRequest) -> Path:
    return (
        resolve_assets("builtin").folder if request.param == "builtin" else request.getfixturevalue("official_assets")
    )


def elements(root: ET.Element) -> list[tuple[str, dict[str, object]]]:
    """All elements with what they say, numbers as numbers, files resolved, in the order in which MuJoCo has them."""
    found = []
    for section in sorted(root, key=lambda part: part.tag):
        for element in section.iter():
            if len(section) or element is not section:
                attributes = {key: value(key, text) for key, text in element.attrib.items()}
                if section.tag == "compiler":
                    attributes.pop("meshdir", None)  # all files have whole paths
                found.append((element.tag, attributes))
    return found


def value(key: str, text: str) -> object:
    if key == "file":
        path = Path(text).resolve()
        return path.read_bytes() if path.suffix == ".stl" and path.stat().st_size < 700_000 else str(path)
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return text


@pytest.mark.slow
def test_every_tree_is_liberos(assets, tmp_path):
    """All 130 tasks: what MuJoCo compiles is the same, so that the model is."""
    libero(assets, tmp_path, "tree", [f"{task.suite}:{task.index}" for task in TASKS])
    meshes = robot_meshes()
    for number, task in enumerate(TASKS):
        theirs = ET.parse(tmp_path / f"{number}.xml").getroot()
        for section in theirs:
            for site in section.iter("site"):
                if float(site.get("rgba", "0 0 0 1").split()[3]) > 0:  # LIBERO hides them once it is compiled
                    *colour, alpha = site.get("rgba").split()
                    site.set("rgba", " ".join([*colour, f"-{alpha}"]))
        ours = build_scene(task.definition, assets, meshes).root
        assert elements(ours) == elements(theirs), task.name


@pytest.mark.slow
def test_models_tables_and_states_are_liberos(assets, tmp_path):
    names = OFFICIAL if assets == package_folder() else WHOLE
    libero(assets, tmp_path, "model", names)
    for number, name in enumerate(names):
        suite, index = name.split(":")
        task = load_suite(suite).tasks[int(index)]
        theirs = mujoco.MjModel.from_binary_path(str(tmp_path / f"{number}.mjb"))
        scene = build_scene(task.definition, assets, robot_meshes())
        ours = scene.spec().compile()
        table = scene_table(scene, ours, task, "any")
        states = []
        for seed in range(3):
            data = mujoco.MjData(ours)
            sampler = Sampler(scene, ours, table, np.random.RandomState(seed))
            sampler.sample(data)
            states.append(np.concatenate([[0.0], data.qpos, data.qvel]))
            if seed == 0:
                for placed in sampler.placed.values():
                    if not placed.item.movable:
                        body = ours.body(placed.item.root_body)
                        body.pos, body.quat = placed.position, placed.quaternion
        for key in dir(ours):
            mine, other = getattr(ours, key), getattr(theirs, key)
            if key.startswith("_") or key in NOT_READ or callable(mine):
                continue
            if isinstance(mine, np.ndarray | int | float | bytes):
                np.testing.assert_array_equal(mine, other, err_msg=f"{name}: {key}")
        # robosuite turns a region's place by a rotation that it rounds to float32
        np.testing.assert_allclose(states, np.load(tmp_path / f"{number}.npy"), atol=2e-7, err_msg=name)


def definition(
    problem="LIBERO_Tabletop_Manipulation",
    spot="(spot (:target main_table) (:ranges ((-0.1 -0.1 0.1 0.1))))",
    objects="plate_1 - plate",
    init="(On plate_1 main_table_spot)",
):
    return parse_definition(
        f"(define (problem {problem}) (:regions {spot}) (:fixtures main_table - table) (:objects {objects}) "
        f"(:init {init}) (:goal (And (On plate_1 main_table_spot))))"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem": "LIBERO_Tabletap_Manipulation"}, r"Tabletap.*did you mean 'LIBERO_Tabletop_Manipulation'"),
        ({"objects": "plate_1 - plat"}, r"category 'plat'.*did you mean 'plate'"),
        ({"spot": "(spot (:target main_table))"}, "main_table_spot of main_table has no rectangle"),
    ],
)
def test_a_task_that_cannot_be_built_says_why(changes, message):
    with pytest.raises(SceneError, match=message):
        build_scene(definition(**changes), resolve_assets("builtin").folder, None)


def test_objects_that_find_no_room_are_named():
    task = definition(
        spot="(spot (:target main_table) (:ranges ((-0.01 -0.01 0.01 0.01))))",
        objects="plate_1 plate_2 - plate",
        init="(On plate_1 main_table_spot) (On plate_2 main_table_spot)",
    )
    scene = build_scene(task, resolve_assets("builtin").folder, None)
    model = scene.spec().compile()
    sampler = Sampler(scene, model, scene_table(scene, model, TASKS[0], "any"), np.random.RandomState(0))
    with pytest.raises(SceneError, match="plate_2 finds no room in 5000 tries; make its region larger"):
        sampler.sample(mujoco.MjData(model))
