"""What docs/own_task.md shows is what happens."""

import math
import re
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from libero_gym import TaskSpec
from libero_gym.env import LiberoEnv
from libero_gym.errors import BddlError
from libero_gym.own_task.checks import GOAL, INIT
from libero_gym.scene.workspace import workspaces

PAGE = (Path(__file__).parents[3] / "docs" / "own_task.md").read_text()


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}[^\n]*\n(.*?)```", PAGE, re.DOTALL)[number]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.bddl").write_text(block("lisp"))
    return tmp_path


def test_the_file_and_the_python_make_environments(folder):
    names: dict[str, object] = {}
    exec(block("python"), names)
    assert names["info"]["task_name"] == "mine"
    assert names["observation"]["instruction"] == "put the black bowl on the plate"
    exec(block("python", 1), names)
    assert isinstance(names["spec"], TaskSpec)
    env = names["env"]
    assert isinstance(env, gymnasium.Env)
    env.reset(seed=0)


def test_the_mug_is_an_object_with_a_region(folder):
    (folder / "my_mug.xml").write_text(block("xml"))
    ring = [(0.035 * math.cos(a), 0.035 * math.sin(a)) for a in np.arange(12) * math.pi / 6]
    vertices = [f"v {x} {y} {z}" for z in (-0.05, 0.05) for x, y in ring]
    faces = [f"f {i + 1} {(i + 1) % 12 + 1} {i + 13}" for i in range(12)]
    (folder / "my_mug.obj").write_text("\n".join([*vertices, *faces]))
    text = block("lisp").replace("plate_1 - plate", "plate_1 - plate\n    my_mug_1 - my_mug")
    regions = "(inside_region (:target my_mug_1)) (spot (:target main_table) (:ranges ((0.2 0.2 0.3 0.3))))"
    text = text.replace("(front ", f"{regions} (front ")
    text = text.replace(
        "(On plate_1 main_table_right)", "(On plate_1 main_table_right)\n    (On my_mug_1 main_table_spot)"
    )
    text = text.replace("(On akita_black_bowl_1 plate_1)", "(In akita_black_bowl_1 my_mug_1_inside_region)")
    (folder / "mug.bddl").write_text(text)
    env = LiberoEnv("libero_task", task_file="mug.bddl", cameras=())
    env.reset(seed=0)
    (region,) = (e for e in env.world.scene.table.entities if e.name == "my_mug_1_inside_region")
    assert region.size == [0.03, 0.03, 0.04]
    # 300 kg per cubic metre, a cylinder of radius 3.5 cm and height 10 cm
    assert env.model.body("my_mug_1_main").mass == pytest.approx(300 * math.pi * 0.035**2 * 0.10)


def test_the_error_that_it_shows_is_the_error(folder):
    (folder / "mine.bddl").write_text(block("lisp").replace("- plate\n", "- plaet\n"))
    with pytest.raises(BddlError) as caught:
        LiberoEnv("libero_task", task_file="mine.bddl")
    shown = re.search(r"BddlError: (.*?); \.\.\.", PAGE)[1].replace("/home/me", str(folder.resolve()))
    assert str(caught.value).startswith(shown)


def test_all_workspaces_and_predicates_are_listed():
    for problem, workspace in workspaces().items():
        assert f"| `{problem}` | `{workspace.name} - {workspace.category}` |" in PAGE
    for name in GOAL:
        (row,) = (line for line in PAGE.splitlines() if line.startswith("| `(") and f"`({name.capitalize()} " in line)
        assert row.split(" | ")[1:3] == ["yes", "yes" if name in INIT else "no"]


def test_sentences_are_short():
    text = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("|", "    ")))
    sentences = re.split(r"(?<=[.:?])\s+|\n\n|\n- |\n\d\. ", text)
    assert [sentence for sentence in sentences if len(sentence.split()) > 35] == []
