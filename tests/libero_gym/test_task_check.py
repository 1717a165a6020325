"""Checks of one's own tasks: what overlaps, moves or is solved at once is found, and the expert solves new tasks."""

import own_task_files
import pytest

from libero_gym.task_check import check_task

FALLING = """(define (problem LIBERO_Tabletop_Manipulation)
  (:language put the cream cheese on the plate)
  (:regions
    (edge (:target main_table) (:ranges ((-0.05 0.70 0.05 0.80))))
    (right (:target main_table) (:ranges ((-0.10 0.10 0.10 0.25))))
  )
  (:fixtures)
  (:objects cream_cheese_1 - cream_cheese plate_1 - plate)
  (:init (On cream_cheese_1 main_table_edge) (On plate_1 main_table_right))
  (:goal (And (On cream_cheese_1 plate_1)))
)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checks")
    (folder / "plate.bddl").write_text(own_task_files.PLATE)
    (folder / "falling.bddl").write_text(FALLING)
    solved = own_task_files.PLATE.replace("(On cream_cheese_1 plate_1)", "(On plate_1 main_table_right)")
    (folder / "solved.bddl").write_text(solved)
    own_task_files.write_own_task(folder / "own")
    return folder


def test_a_good_task_has_nothing_to_report(files):
    done = []
    found = check_task({"task_file": files / "plate.bddl"}, 3, images=2, image_size=32, advance=done.append)
    assert done == [0, 1, 2]
    assert (found.solved, found.overlaps, found.moving) == ([], {}, {})
    name, distance = found.largest_move
    assert name in ("cream_cheese_1", "plate_1")
    assert 0 < distance < 0.01
    assert [image.shape for image in found.images[0]] == [(32, 32, 3)] * 2
    assert len(found.images) == 2
    assert found.expert_results == []


def test_an_object_beside_the_table_falls(files):
    # the table is 1.2 m wide
    found = check_task({"task_file": files / "falling.bddl"}, 2)
    assert found.moving == {"cream_cheese_1": 2}
    assert found.largest_move[1] > 0.5


def test_a_task_that_is_solved_at_once_is_found(files):
    found = check_task({"task_file": files / "solved.bddl"}, 2)
    assert found.solved == [0, 1]


def test_the_expert_solves_a_task_with_objects_of_one_s_own(files):
    found = check_task({"task_file": files / "own" / "green_block.bddl"}, 2, expert=True)
    assert [result.success for result in found.expert_results] == [True, True]
    assert all(20 < result.steps < 520 for result in found.expert_results)


#: A knob to turn, and an object to put into a bowl, arranged as no task of LIBERO's has them.
KITCHEN = """(define (problem LIBERO_Kitchen_Tabletop_Manipulation)
  (:domain robosuite)
  (:language turn on the stove and put the butter in the bowl)
  (:regions
    (stove_region (:target kitchen_table) (:ranges ((-0.42 0.18 -0.40 0.20))))
    (butter_region (:target kitchen_table) (:ranges ((-0.12 -0.25 0.05 -0.12))))
    (bowl_region (:target kitchen_table) (:ranges ((-0.05 -0.05 0.05 0.05))))
  )
  (:fixtures kitchen_table - kitchen_table flat_stove_1 - flat_stove)
  (:objects butter_1 - butter white_bowl_1 - white_bowl)
  (:obj_of_interest butter_1 white_bowl_1)
  (:init
    (On butter_1 kitchen_table_butter_region)
    (On white_bowl_1 kitchen_table_bowl_region)
    (On flat_stove_1 kitchen_table_stove_region)
    (Turnoff flat_stove_1)
  )
  (:goal (And (Turnon flat_stove_1) (On butter_1 white_bowl_1)))
)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "states"), [("plate", 20), ("green_block", 10), ("kitchen", 10)])
def test_the_expert_solves_nine_in_ten_sampled_states(name, states, files):
    (files / "kitchen.bddl").write_text(KITCHEN)
    folder = files / "own" if name == "green_block" else files
    found = check_task({"task_file": folder / f"{name}.bddl"}, states, expert=True)
    assert len(found.states) == states
    assert (found.solved, found.overlaps, found.moving) == ([], {}, {})
    failures = {check.state: check.expert.notes for check in found.states if not check.expert.success}
    assert len(failures) <= states // 10, failures
