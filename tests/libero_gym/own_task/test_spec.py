"""`TaskSpec`: LIBERO's 130 files as the shipped definitions have them, and every check."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

import libero_gym
from libero_gym import Atom, Region, TaskSpec
from libero_gym.errors import BddlError, TaskSpecError
from libero_gym.tasks import SUITES, load_suite

TASKS = [task for suite in SUITES for task in load_suite(suite).tasks]
SPEC = {
    "problem": "LIBERO_Tabletop_Manipulation",
    "language": "put the bowl on the plate",
    "objects": {"bowl_1": "akita_black_bowl", "plate_1": "plate"},
    "fixtures": {"main_table": "table", "cabinet_1": "wooden_cabinet"},
    "regions": {
        "main_table_left": Region("main_table", ((-0.1, -0.2, 0.0, -0.1),)),
        "main_table_right": Region("main_table", ((-0.05, 0.1, 0.05, 0.2),)),
        "cabinet_1_top_region": Region("cabinet_1"),
    },
    "init": [
        ("on", "bowl_1", "main_table_left"),
        ("on", "plate_1", "main_table_right"),
        ("on", "cabinet_1", "main_table_left"),
    ],
    "goal": [("on", "bowl_1", "plate_1")],
}


def test_all_130_files_of_libero_read_as_the_shipped_definitions():
    """The shipped ones were compared with LIBERO's own parser, in `tasks/test_definition.py`."""
    if find_spec("libero") is None:
        pytest.skip("hf-libero is not installed")
    (package,) = find_spec("libero").submodule_search_locations
    files = sorted((Path(package) / "libero" / "bddl_files").rglob("*.bddl"))
    assert len(files) == 130
    for path in files:
        (task,) = load_suite(path.parent.name).select(path.stem)
        spec = TaskSpec.from_bddl(path)
        # the order of objects and regions is part of a model, and `==` does not see it
        assert repr(spec.definition) == repr(task.definition), path
        assert (spec.name, spec.object_folder) == (task.name, str(path.parent))


def test_all_130_definitions_survive_bddl_json_and_pickle():
    for task in TASKS:
        spec = TaskSpec(**{name: getattr(task.definition, name) for name in task.definition.__dataclass_fields__})
        assert spec.definition == task.definition
        again = TaskSpec.from_bddl(spec.to_bddl(), name=spec.name)
        copies = [again, TaskSpec.from_json(json.loads(json.dumps(spec.to_json()))), pickle.loads(pickle.dumps(spec))]
        for copy in copies:
            assert copy == spec
            assert hash(copy) == hash(spec)
            assert copy.sha256 == spec.sha256


def test_what_is_written_in_python_is_what_is_written_in_bddl():
    spec = TaskSpec(**SPEC)
    assert spec.name == "put_the_bowl_on_the_plate"
    assert spec.goal == (Atom("on", ("bowl_1", "plate_1")),)
    assert TaskSpec.from_bddl(spec.to_bddl()) == spec
    assert replace(spec, language="do it").sha256 != spec.sha256
    assert replace(spec, name="other").sha256 == spec.sha256
    assert libero_gym.TaskSpec is TaskSpec


def test_the_table_is_added_where_it_lacks():
    without = {**SPEC, "fixtures": {"cabinet_1": "wooden_cabinet"}}
    assert TaskSpec(**without) == TaskSpec(**SPEC)
    assert list(TaskSpec(**without).fixtures) == ["main_table", "cabinet_1"]


def test_what_a_caller_changes_afterwards_changes_nothing():
    objects = dict(SPEC["objects"])
    spec = TaskSpec(**{**SPEC, "objects": objects})
    objects["bowl_1"] = "plate"
    assert spec.objects["bowl_1"] == "akita_black_bowl"
    with pytest.raises(AttributeError):
        spec.language = "other"


BOX = ((0.0, 0.0, 0.1, 0.1),)
ON_LEFT, ON_RIGHT, CABINET = SPEC["init"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem": "LIBERO_Tabeltop_Manipulation"}, "unknown problem.*did you mean 'LIBERO_Tabletop_Manipulation'"),
        ({"problem": 3}, "problem 3 of a TaskSpec; allowed: a string"),
        ({"language": "  "}, "instruction is empty"),
        ({"language": "x" * 257}, "257 characters; at most 256"),
        ({"language": "put it: there"}, "has ':' in it; allowed: letters"),
        ({"name": "a/b"}, "name 'a/b' of a task"),
        ({"objects": ["bowl_1"]}, "objects .* a mapping of names to categories"),
        ({"objects": {"bowl 1": "plate"}}, "'bowl 1' is not a name"),
        ({"objects": {"my_main_table_bowl": "plate"}}, "has 'main_table' in it"),
        ({"objects": {"bowl_1": "table"}}, "'table' is a workspace; bowl_1 cannot be one"),
        ({"fixtures": {"bowl_1": "wooden_cabinet"}}, "'bowl_1' is an object and a fixture"),
        ({"fixtures": {"desk": "table"}}, "the table of .* is called 'main_table'"),
        ({"objects_of_interest": ["spoon"]}, "unknown object of interest 'spoon'"),
        ({"objects_of_interest": "spoon"}, "objects_of_interest .* a sequence of names"),
        ({"object_folder": 3}, "object_folder 3 .* a folder, or None"),
        ({"goal": []}, "the goal is empty"),
        ({"goal": "on bowl_1 plate_1"}, "goal .* a sequence of predicates"),
        ({"goal": ["on"]}, r"goal\[0\] 'on' .* a predicate such as"),
        ({"goal": [("on", 1, 2)]}, r"goal\[0\] .* a predicate of strings"),
        ({"goal": [("onto", "bowl_1", "plate_1")]}, "unknown predicate of the goal 'onto'.*allowed: on, in, open"),
        ({"goal": [("on", "bowl_1")]}, "on takes 2 names, not 1"),
        ({"goal": [("on", "bowl_1", "plat_1")]}, "unknown object or region 'plat_1' .did you mean 'plate_1'"),
        ({"goal": [("on", "bowl_1", "bowl_1")]}, "bowl_1 cannot be on itself"),
        ({"goal": [("on", "cabinet_1", "plate_1")]}, "unknown object that is on another 'cabinet_1'.*allowed: bowl_1"),
        ({"goal": [("in", "bowl_1", "plate_1")]}, "unknown region to be in 'plate_1'"),
        ({"goal": [("on", "bowl_1", "main_table")]}, "on of 'main_table'; name a region of it"),
        ({"goal": [("open", "main_table_left")]}, "a region of 'main_table', which has no joint"),
        ({"goal": [("up", "cabinet_1")]}, "unknown object to be lifted 'cabinet_1'"),
        ({"init": [ON_LEFT, CABINET]}, "plate_1 has no place"),
        ({"init": [ON_LEFT, ON_RIGHT]}, "cabinet_1 has no place"),
        ({"init": [ON_LEFT, ON_LEFT, ON_RIGHT, CABINET]}, "bowl_1 has a place already"),
        ({"init": [ON_LEFT, CABINET, ("up", "plate_1")]}, "unknown predicate of the init 'up'"),
        ({"init": [ON_LEFT, CABINET, ("on", "plate_1", "cabinet_1")]}, "begins on a region of the fixture cabinet_1"),
        ({"init": [ON_LEFT, ON_RIGHT, ("on", "cabinet_1", "plate_1")]}, "cabinet_1 can only begin on a region of"),
        ({"init": [("on", "bowl_1", "plate_1"), ("on", "plate_1", "bowl_1"), CABINET]}, "plate_1 has no place by then"),
        ({"regions": {"left": Region("main_table", BOX)}}, "region 'left' of 'main_table'; allowed: main_table_ and"),
        ({"regions": {"main_table_left": ("main_table", BOX)}}, r"regions\['main_table_left'\] .* a Region"),
        ({"regions": {"main_table_left": Region("main_table", ((0, 0, 1),))}}, "rectangle .* x0 y0 x1 y1"),
        ({"regions": {"main_table_left": Region("main_table", ((0, 0, 1, 9.0),))}}, "at most 5 m each"),
        ({"regions": {"main_table_left": Region("main_table", ((1, 0, 0, 1),))}}, "with x0 <= x1"),
        ({"regions": {"main_table_left": Region("main_table", (("a",),))}}, "numbers in ranges and yaw"),
        ({"regions": {"main_table_left": Region("main_table", BOX, (0.0,))}}, "yaw .* two angles"),
        ({"regions": {"main_table_left": Region("main_table")}}, "region main_table_left has no rectangle"),
        ({"regions": {"shelf_1_x": Region("shelf_1")}, "goal": [("on", "bowl_1", "shelf_1_x")]}, "unknown target"),
        ({"regions": {"bowl_1_main_table": Region("bowl_1")}}, "the name of the workspace"),
        ({"regions": {"cabinet_1": Region("cabinet")}}, "'cabinet_1' is a region and an object"),
    ],
)
def test_each_check(changes, message):
    if "regions" in changes:
        changes = {**changes, "regions": {**SPEC["regions"], **changes["regions"]}}
    with pytest.raises(TaskSpecError, match=message):
        TaskSpec(**{**SPEC, **changes})


def test_a_check_of_a_text_says_where():
    text = TaskSpec(**SPEC).to_bddl().replace("(On plate_1", "(On plate_2").replace("(on plate_1", "(on plate_2")
    with pytest.raises(BddlError, match="unknown object or region 'plate_2'") as caught:
        TaskSpec.from_bddl(text)
    line = text.split("\n")[caught.value.line - 1]
    assert line[caught.value.column - 1 :].startswith("plate_2 main_table_right")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "binary.bddl").write_bytes(b"\xff\xfe(")
    (tmp_path / "long.bddl").write_text(" " * 1_000_001)
    for source, message in (
        (tmp_path / "none.bddl", "none.bddl.* cannot be read: No such file"),
        ("none.bddl", "cannot be read"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "binary.bddl", "not a text in UTF-8"),
        (tmp_path / "long.bddl", "1,000,001 bytes; at most 1,000,000"),
        ("a\0b", "cannot be read"),
        ("x" * 5000, "cannot be read"),
        (3, "neither a file nor a text"),
        (b"x", "neither a file nor a text"),
    ):
        with pytest.raises(TaskSpecError, match=message):
            TaskSpec.from_bddl(source)


def test_a_text_without_an_instruction_is_refused():
    text = TaskSpec(**SPEC).to_bddl().replace("(:language put the bowl on the plate)", "")
    with pytest.raises(BddlError, match=r"BDDL:1:1: it has no \(:language"):
        TaskSpec.from_bddl(text)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (3, "task_spec 3; allowed: a TaskSpec, or a mapping"),
        ({"problem": "x"}, "lacks language, objects, goal, init"),
        ({**SPEC, "gaol": []}, "unknown field of a TaskSpec 'gaol' .did you mean 'goal'"),
        ({**SPEC, "goal": [{"name": "on", "arguments": 3}]}, "goal"),
    ],
)
def test_a_mapping_of_another_form_is_refused(tree, message):
    with pytest.raises(TaskSpecError, match=message):
        TaskSpec.from_json(tree)
