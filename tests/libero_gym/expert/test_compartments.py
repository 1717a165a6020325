"""Compartments with a roof, and which objects fit into them from the side."""

import numpy as np
import pytest

from libero_gym.expert.compartments import Compartment
from libero_gym.expert.grasps import Grasp
from libero_gym.expert.surface_sampling import sample_box

CENTRE, HALF = np.array([0.1, 0.3, 1.0]), np.array([0.15, 0.08, 0.06])
DOWN = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])  # closes along x, points down


def board(half, x, y, z):
    return sample_box(np.array(half)) + CENTRE + [x, y, z]


ROOF, FLOOR = board([0.17, 0.1, 0.005], 0, 0, 0.07), board([0.17, 0.1, 0.005], 0, 0, -0.07)
BACK = board([0.17, 0.005, 0.075], 0, 0.1, 0)
SIDES = np.concatenate([board([0.005, 0.1, 0.075], side * 0.165, 0, 0) for side in (-1, 1)])


def test_a_shelf_is_open_at_its_front():
    shelf = Compartment.of(CENTRE, HALF, np.concatenate([ROOF, FLOOR, BACK, SIDES]), table=0.8)
    assert shelf is not None
    assert shelf.inwards.tolist() == [0, 1, 0]
    # the boards' front edge, 0.3 - 0.1; the floor's upper face, 1 - 0.07 + 0.005; the roof's lower face
    assert shelf.front == pytest.approx(0.2)
    assert (shelf.floor, shelf.ceiling) == pytest.approx((0.935, 1.065))


def test_without_a_floor_of_its_own_objects_stand_on_the_table():
    shelf = Compartment.of(CENTRE, HALF, np.concatenate([ROOF, BACK, SIDES]), table=0.93)
    assert shelf is not None
    assert shelf.floor == 0.93


def test_a_region_that_is_open_above_or_closed_all_round_is_no_compartment():
    assert Compartment.of(CENTRE, HALF, np.concatenate([FLOOR, BACK, SIDES]), table=0.8) is None
    front = board([0.17, 0.005, 0.075], 0, -0.1, 0)
    assert Compartment.of(CENTRE, HALF, np.concatenate([ROOF, FLOOR, BACK, SIDES, front]), table=0.8) is None


@pytest.mark.parametrize(
    ("height", "out", "fits"),
    [
        # the body must be 0.22 + 0.006 deep, and the hand, 0.035 + 0.006 thick, before 0.2: 0.067 apart
        (0.05, 0.070, True),
        (0.05, 0.060, False),
        # 0.13 of height less twice 0.008
        (0.12, 0.070, False),
    ],
)
def test_the_hand_stays_outside(height, out, fits):
    shelf = Compartment.of(CENTRE, HALF, np.concatenate([ROOF, FLOOR, BACK, SIDES]), table=0.8)
    body = np.array([0.1, 0.0, 0.9])
    points = sample_box(np.array([0.05, 0.05, height / 2])) + body
    grasp = Grasp(body - [0.0, out, 0.0], DOWN, 0.078, 0.0)
    assert shelf.fits_upright(grasp, body, points) == fits
