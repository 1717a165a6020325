"""Grasps of objects whose points are known."""

import numpy as np
import pytest

from libero_gym.expert.grasps import OPENING, find_grasps
from libero_gym.expert.surface_sampling import sample_box, sample_cylinder

TABLE = np.stack(np.meshgrid(np.arange(-0.3, 0.3, 0.01), np.arange(-0.3, 0.3, 0.01)), -1).reshape(-1, 2)
TABLE = np.concatenate([TABLE, np.zeros((len(TABLE), 1))], 1)


def grasps(points, obstacles=TABLE, **options):
    return find_grasps(points, obstacles, centre=points.mean(0), home_yaw=0.0, **options)


def test_samples_lie_on_the_surface():
    half = np.array([0.02, 0.03, 0.04])
    points = sample_box(half)
    assert (np.abs(points) <= half + 1e-12).all()
    assert np.isclose(np.abs(points), half).any(axis=1).all()
    points = sample_cylinder(0.03, 0.05)
    radius = np.hypot(points[:, 0], points[:, 1])
    assert (np.isclose(radius, 0.03) | np.isclose(np.abs(points[:, 2]), 0.05)).all()


def test_a_box_is_held_across_its_narrow_side():
    # 4 cm by 12 cm, 6 cm high: the fingers can only close along x
    points = sample_box(np.array([0.02, 0.06, 0.03])) + np.array([0.1, 0.0, 0.031])
    best = grasps(points)[0]
    assert abs(best.rotation[0, 0]) > 0.9
    assert best.rotation[:, 2] == pytest.approx([0, 0, -1])
    assert best.position[:2] == pytest.approx([0.1, 0.0], abs=0.012)
    assert best.opening == OPENING
    # the tips end above the table
    assert 0.0095 < best.position[2] < 0.06


def test_an_object_that_is_too_wide_has_no_grasp():
    points = sample_box(np.array([0.05, 0.05, 0.03])) + np.array([0.0, 0.0, 0.031])
    # (turned by a little, a corner could be pinched)
    assert grasps(points, yaws=np.array([0.0, np.pi / 2])) == []


def test_a_wall_beside_it_leaves_only_the_other_direction():
    points = sample_box(np.array([0.02, 0.02, 0.03])) + np.array([0.0, 0.0, 0.031])
    free = grasps(points)
    assert {abs(round(float(grasp.rotation[0, 0]))) for grasp in free} == {0, 1}
    # walls at x = +-3 cm leave no room for fingers that close along x
    wall = sample_box(np.array([0.002, 0.1, 0.05]))
    walls = [wall + np.array([side * 0.03, 0, 0.05]) for side in (-1, 1)]
    walled = grasps(points, np.concatenate([TABLE, *walls]))
    assert all(abs(grasp.rotation[1, 0]) > 0.9 for grasp in walled)


def test_a_tilt_turns_the_whole_search():
    # a bar along x, 1.6 cm thick, whose other sides are free: held from the front, the fingers one above the other
    bar = sample_box(np.array([0.044, 0.008, 0.008])) + np.array([0.0, 0.0, 0.3])
    tilt = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # a quarter turn about x: z becomes y
    found = grasps(bar, np.zeros((0, 3)), depths=(0.008,), yaws=np.array([np.pi / 2]), tilt=tilt)
    assert found
    assert found[0].rotation[:, 2] == pytest.approx([0, -1, 0], abs=1e-9)
    assert abs(found[0].rotation[2, 0]) == pytest.approx(1)
    assert found[0].position == pytest.approx([0, 0, 0.3], abs=0.012)
