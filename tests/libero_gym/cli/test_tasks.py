"""`libero-gym tasks`."""

import json

import pytest
from click.testing import CliRunner

from libero_gym.cli import app
from libero_gym.tasks import load_suite


def rows(*arguments):
    result = CliRunner().invoke(app, ["tasks", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_all_of_them():
    listed = rows()
    assert len(listed) == 130
    assert listed[10] == {
        "suite": "libero_object",
        "index": 0,
        "name": "pick_up_the_alphabet_soup_and_place_it_in_the_basket",
        "instruction": "pick up the alphabet soup and place it in the basket",
    }
    assert rows("list") == rows("--suite", "130") == rows("--suite", "130", "--suite", "goal") == listed


def test_filters_narrow_each_other():
    assert [task["index"] for task in rows("--suite", "goal", "--grep", "bowl on the stove")] == [1]
    # The name has underscores where the instruction has spaces; a person may type either.
    assert rows("--grep", "ON_THE_STOVE") == rows("--grep", "on the stove")
    with_both = rows("--object", "moka_pot", "--object", "flat_stove")
    assert {task["suite"] for task in with_both} == {"libero_10", "libero_90"}
    assert 0 < len(with_both) < len(rows("--object", "flat_stove"))
    # Every task of libero_spatial has two bowls of this kind.
    assert len(rows("--suite", "spatial", "--object", "akita_black_bowl")) == 10
    assert rows("--suite", "object", "--grep", "nothing like it") == []


def test_the_table_has_what_the_list_has(start):
    done = start("tasks", "--suite", "spatial")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].split() == ["suite", "task", "name", "instruction"]
    for task in load_suite("spatial").tasks:
        assert f"libero_spatial     {task.index}  {task.name}" in done.stdout
    assert done.stdout.endswith("10 of 10 tasks\n")


def test_show_a_task_whichever_way_it_is_named(run):
    done = run("tasks", "show", "goal", 7)
    assert done.returncode == 0
    for part in (
        "turn on the stove",
        "flat_stove_1 is turned on",
        "50 published (split eval), 50 others (split train)",
        "300 control steps, 15 s",
        'gymnasium.make("libero_gym:libero/Goal-v0", task=7)',
        'gymnasium.make("libero_gym:libero/130-v0", task=27)',  # after ten of libero_spatial and ten of libero_object
    ):
        assert part in done.stdout
    assert run("tasks", "show", "turn_on_the_stove").stdout == done.stdout
    assert run("tasks", "show", "libero/Goal-v0", "turn_on_the_stove").stdout == done.stdout
    assert run("tasks", "show", "130", 27).stdout == done.stdout


def test_show_as_json_counts_as_libero_does(run):
    shown = json.loads(run("tasks", "show", "spatial", 3, "--json").stdout)
    assert shown["goal"] == ["akita_black_bowl_1 is on plate_1"]
    assert shown["objects"]["akita_black_bowl_2"] == "akita_black_bowl"
    assert list(shown["fixtures"]) == ["main_table", "wooden_cabinet_1", "flat_stove_1"]
    # libero_spatial's files hold 100 states, 50 of them the published ones.
    assert shown["init_states"] == {"eval": 50, "train": 50}
    assert shown["max_episode_steps"] == 220
    assert "plate_1 is on main_table_plate_region" in shown["initial_predicates"]
    assert shown["start"] == shown["initial_predicates"]  # the old name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "gaol"], "SuiteError: unknown suite 'gaol'"),
        (["--object", "flat_stov"], "OptionError: unknown --object 'flat_stov'"),
        (["show", "turn_on_the_stov"], "TaskError: unknown task 'turn_on_the_stov' (did you mean 'turn_on_"),
        (["show", "130"], "TaskError: libero_130 alone is a suite, not a task; add an index from 0 to 129"),
        (["show", "goal"], "TaskError: libero_goal alone is a suite, not a task; add an index from 0 to 9"),
        (["show", "goal", "12"], "TaskError: unknown task '12' in libero/Goal-v0; allowed: 0..9"),
        (["show", "goal", "1", "2"], "OptionError: 3 words after show"),
        (["--json", "show", "goal", "1"], "OptionError: options before 'show' have no effect"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(arguments, message, run):
    done = run("tasks", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
