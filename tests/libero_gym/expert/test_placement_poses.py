"""Where an object is placed in a region, and how it is turned."""

import numpy as np
import pytest

from libero_gym.expert.placement_poses import EDGE, placement_offsets, placement_yaws
from libero_gym.expert.rotations import rotate_yaw


def rectangle(length, width):
    return np.stack(np.meshgrid(np.linspace(-length, length, 9) / 2, np.linspace(-width, width, 9) / 2), -1).reshape(
        -1, 2
    )


def test_a_book_is_turned_into_a_compartment_that_is_narrow_the_other_way():
    book = rotate_yaw(rectangle(0.11, 0.03), 0.2)
    found = placement_yaws(book, np.array([0.028, 0.062]), yaw=0.0, home_yaw=0.0)
    assert len(found) == 2
    for yaw in found:
        extent = np.ptp(rotate_yaw(book, yaw), axis=0)
        assert extent == pytest.approx([0.03, 0.11], abs=1e-6)
    # the wrist turns no further than it must
    assert abs(found[0]) == pytest.approx(np.pi / 2 - 0.2)


def test_an_object_that_fits_or_is_round_is_not_turned():
    assert placement_yaws(rectangle(0.05, 0.03), np.array([0.06, 0.06]), 0.0, 0.0) == [0.0]
    assert placement_yaws(rectangle(0.10, 0.09), np.array([0.03, 0.06]), 0.0, 0.0) == [0.0]


def test_two_objects_on_one_region_stand_side_by_side():
    # 8 cm by 15 cm on a square of 15 cm: both fit only along x
    half = np.array([0.075, 0.075])
    first, second = (placement_offsets(rectangle(0.08, 0.15), half, number, 2)[0] for number in (0, 1))
    assert abs(second[0] - first[0]) > 0.08
    for offset in (first, second):
        assert (np.abs(offset) <= half - EDGE).all()
        assert offset[1] == 0
    assert (placement_offsets(rectangle(0.08, 0.15), half, 0, 1)[0] == 0).all()
