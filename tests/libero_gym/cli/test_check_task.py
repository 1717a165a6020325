"""`libero-gym tasks check`."""

import json

import own_task_files
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "plate.bddl").write_text(own_task_files.PLATE)
    own_task_files.write_own_task(folder / "own")
    return folder


def test_a_task_is_shown_checked_and_solved(files, run, tmp_path):
    image = tmp_path / "new" / "block.png"
    done = run("tasks", "check", files / "own" / "green_block.bddl", "--states", 2, "--expert", "--out", image)
    assert done.returncode == 0, done.stderr
    facts = {line[:13].strip(): line[13:] for line in done.stdout.splitlines() if line[:1].strip()}
    assert facts["instruction"] == "put the green block on the stand"
    assert facts["goal"] == "block_1 is on stand_1_top_region"
    assert facts["init states"] == "2 of 50 checked; solved at the start: none"
    assert facts["overlaps"] == "none"
    assert facts["settling"].startswith("none by more than 2 cm; largest: 0.0 cm")
    assert facts["own models"] == "block: block.xml, 4.0 cm high, radius 3.6 cm"
    assert facts["expert"].startswith("solved 2 of 2, in ")
    assert "stand: stand.xml, 2.0 cm high" in done.stdout
    assert 'gymnasium.make("libero_gym:libero/Task-v0", task_file=' in done.stdout
    # two states beside each other, two cameras of 256 pixels each, with margins of 6
    assert Image.open(image).size[0] == 2 * (2 * 256 + 6) + 6


def test_json_has_the_same(files, run):
    done = run("tasks", "check", files / "plate.bddl", "--states", 1, "--json")
    assert done.returncode == 0
    tree = json.loads(done.stdout)
    assert (tree["name"], tree["assets"]) == ("plate", "builtin-2")
    assert tree["objects"] == {"cream_cheese_1": "cream_cheese", "plate_1": "plate"}
    (state,) = tree["states"]
    assert (state["state"], state["solved_at_the_start"], state["overlaps"]) == (0, False, [])
    assert set(state["moves"]) == set(tree["objects"])
    assert "expert" not in state


@pytest.mark.parametrize(
    ("before", "after", "code", "message"),
    [
        (
            "(On cream_cheese_1 plate_1)",
            "(On cream_cheese_1 plat)",
            2,
            "BddlError: {file}:10:34: unknown object or reg",
        ),
        ("- plate)", "- plaet)", 2, "BddlError: {file}:8:53: unknown category 'plaet'"),
        (
            "(On cream_cheese_1 plate_1)",
            "(On plate_1 main_table_right)",
            2,
            "TaskSpecError: {file}: the goal holds bef",
        ),
        ("(-0.15 -0.20 -0.05 -0.05)", "(-0.1 0.70 0.0 0.80)", 1, ""),
    ],
)
def test_a_bad_task_has_its_exit_code(before, after, code, message, files, run):
    path = files / "bad.bddl"
    path.write_text(own_task_files.PLATE.replace(before, after))
    done = run("tasks", "check", path, "--states", 2)
    assert done.returncode == code
    assert message.format(file=path) in done.stderr
    assert "Traceback" not in done.stderr
    if code == 1:
        assert "cream_cheese_1 in 2 of 2 by more than 2 cm" in done.stdout


def test_other_mistakes(files, run):
    for arguments, message in (
        ((files / "none.bddl",), "cannot be read: No such file"),
        ((files / "plate.bddl", "--out", "x.gif"), "--out x.gif ends in '.gif'; allowed: .png"),
        ((files / "plate.bddl", "--states", 51), "51 is not in the range 1<=x<=50"),
    ):
        done = run("tasks", "check", *arguments)
        assert done.returncode == 2
        assert message in done.stderr
