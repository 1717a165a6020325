"""The five suites and their union, against LIBERO's own files."""

import ast

import pytest

from libero_gym.errors import SuiteError, TaskError
from libero_gym.scene.libero_import import libero_folder
from libero_gym.tasks import SUITES, load_suite, resolve_suite
from libero_gym.tasks.init_states import published_states
from libero_gym.tasks.suites import TASK_COUNTS


def test_all_130_tasks_are_liberos_in_its_order():
    source = (libero_folder() / "benchmark" / "libero_suite_task_map.py").read_text()
    names = next(ast.literal_eval(node.value) for node in ast.parse(source).body if isinstance(node, ast.Assign))
    for suite in SUITES:
        assert [task.name for task in load_suite(suite).tasks] == names[suite]
    assert [len(load_suite(name).tasks) for name in SUITES] == [10, 10, 10, 10, 90]
    assert [task.index for task in load_suite("libero_90").tasks] == list(range(90))


@pytest.mark.parametrize(
    ("suite", "index", "instruction"),
    [
        # The words of the file name; libero_10 and libero_90 put the scene in front, SCENE10 has one digit more.
        ("libero_spatial", 0, "pick up the black bowl between the plate and the ramekin and place it on the plate"),
        ("libero_10", 0, "put both the alphabet soup and the tomato sauce in the basket"),
        ("libero_90", 0, "close the top drawer of the cabinet"),
        ("libero_goal", 7, "turn on the stove"),
    ],
)
def test_instruction_comes_from_the_file_name(suite, index, instruction):
    assert load_suite(suite).tasks[index].instruction == instruction


def test_instructions_differ_from_the_bddl_language_line_in_29_tasks():
    # Counted for LIBERO 8f1084e: all of spatial and object, 5 of goal, 4 of 90.
    differing = dict.fromkeys(SUITES, 0)
    for name in SUITES:
        for task in load_suite(name).tasks:
            differing[name] += task.definition.language.strip().lower() != task.instruction.lower()
    assert list(differing.values()) == [10, 10, 5, 0, 4]


def test_select_takes_indices_names_sequences_and_none():
    suite = load_suite("spatial")
    name = suite.tasks[3].name
    assert [task.index for task in suite.select([1, name])] == [1, 3]
    assert suite.select("3")[0].name == name
    assert len(suite.select(None)) == 10


@pytest.mark.parametrize("task", [10, -1, 1.5, True, "pick_up_nothing", []])
def test_select_names_what_is_allowed(task):
    with pytest.raises(TaskError, match=r"0\.\.9|pick_up_the_black_bowl"):
        load_suite("spatial").select(task)


def test_unknown_suite_suggests_the_right_one():
    assert resolve_suite("libero/Spatial-v0") == "libero_spatial"
    with pytest.raises(SuiteError, match=r"'libero_spatal'.*did you mean 'libero_spatial'.*libero_90"):
        load_suite("libero_spatal")


def test_the_union_has_every_task_once_in_the_order_of_the_suites():
    union = load_suite("130")
    assert (union.env_id, union.max_episode_steps) == ("libero/130-v0", 520)
    assert [task.id for task in union.tasks] == list(range(130))
    assert [(task.suite, task.index) for task in union.tasks] == [
        (task.suite, task.index) for name in SUITES for task in load_suite(name).tasks
    ]
    assert {name: len(load_suite(name).tasks) for name in SUITES} == TASK_COUNTS
    # 10 of each of the first three come before libero_10, 10 more before libero_90; no name is there twice
    assert [(union.select(i)[0].suite, union.select(i)[0].index) for i in (9, 30, 40, 129)] == [
        ("libero_spatial", 9), ("libero_10", 0), ("libero_90", 0), ("libero_90", 89),
    ]  # fmt: skip
    assert len({task.name for task in union.tasks}) == 130
    assert union.select(load_suite("libero_90").tasks[5].name)[0].id == 45
    with pytest.raises(TaskError, match=r"0\.\.129"):
        union.select(130)


def test_a_task_is_equal_to_itself_in_the_union_so_that_nothing_is_remembered_twice():
    # libero_goal comes after ten tasks of libero_spatial and ten of libero_object: 20 + 1
    own, among_all = load_suite("goal").tasks[1], load_suite("130").tasks[21]
    assert (own.id, among_all.id) == (1, 21)
    assert own == among_all
    assert own.definition is among_all.definition
    assert published_states(own) is published_states(among_all)
    assert len({*load_suite("130").tasks, *(task for name in SUITES for task in load_suite(name).tasks)}) == 130
