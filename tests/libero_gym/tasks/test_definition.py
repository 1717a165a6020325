"""Task definitions against LIBERO's own parser."""

import json
import subprocess
import sys

import pytest

from libero_gym.assets import resolve_assets
from libero_gym.tasks import SUITES, load_suite
from libero_gym.tasks.bddl import parse_definition, write_definition
from libero_gym.tasks.definition import Atom

PARSE = """
import json, sys
from pathlib import Path
from libero_gym.scene.libero_import import bddl_file, import_libero
out, sys.stdout = sys.stdout, sys.stderr
import_libero(Path(sys.argv[1]))
from libero.libero.envs.bddl_utils import robosuite_parse_problem
from libero_gym.tasks import SUITES, load_suite
parsed = {}
for suite in SUITES:
    for task in load_suite(suite).tasks:
        given = Path(sys.argv[2]) / f"{task.name}.bddl"
        problem = robosuite_parse_problem(str(bddl_file(task)))
        rewritten = robosuite_parse_problem(str(given))
        for either in (problem, rewritten):
            del either["language_instruction"]
        parsed[f"{suite} {task.index}"] = {
            "rewritten": rewritten == problem,
            "regions": problem["regions"],
            "objects": {name: kind for kind, names in problem["objects"].items() for name in names},
            "fixtures": {name: kind for kind, names in problem["fixtures"].items() for name in names},
            "of_interest": problem["obj_of_interest"],
            "goal": problem["goal_state"],
            "start": problem["initial_state"],
        }
json.dump(parsed, out)
"""


@pytest.mark.slow
def test_all_130_tasks_read_as_libero_reads_them(tmp_path):
    """Ours and LIBERO's own files, and the files that we write, which LIBERO reads as the same tasks."""
    assets = resolve_assets("builtin").folder
    tasks = [task for suite in SUITES for task in load_suite(suite).tasks]
    for task in tasks:
        (tmp_path / f"{task.name}.bddl").write_text(write_definition(task.definition))
    command = [sys.executable, "-c", PARSE, str(assets), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    parsed = json.loads(done.stdout)
    assert len(tasks) == len(parsed) == 130
    for task in tasks:
        theirs, ours = parsed[f"{task.suite} {task.index}"], task.definition
        assert theirs["rewritten"], task.name
        assert parse_definition(write_definition(ours)) == ours
        assert ours.objects == theirs["objects"]
        assert ours.regions.keys() == theirs["regions"].keys()
        for name, region in ours.regions.items():
            other = theirs["regions"][name]
            assert (region.target, list(map(list, region.ranges))) == (other["target"], other["ranges"])
            assert list(region.yaw) == other["yaw_rotation"]
        assert ours.fixtures == theirs["fixtures"]
        assert list(ours.objects_of_interest) == theirs["of_interest"]
        for mine, libero in ((ours.goal, theirs["goal"]), (ours.init, theirs["start"])):
            assert [[atom.name, *atom.arguments] for atom in mine] == [[a[0].lower(), *a[1:]] for a in libero]


def test_atoms_read_as_sentences():
    assert str(Atom("on", ("bowl_1", "plate_1"))) == "bowl_1 is on plate_1"
    assert str(Atom("turnoff", ("stove_1",))) == "stove_1 is turned off"
    assert str(Atom("spins", ("bowl_1", "x"))) == "spins(bowl_1, x)"
