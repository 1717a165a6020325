"""Paths over a table, round obstacles."""

import itertools

import numpy as np
import pytest

from libero_gym.expert.path_planning import plan_path

NOTHING = np.zeros((0, 2))


def test_a_free_path_is_straight():
    points = plan_path(np.array([0.0, 0.0]), [np.array([0.3, 0.1])], [(NOTHING, 0.05)])
    assert len(points) == 1
    assert points[0] == pytest.approx([0.3, 0.1])


def test_a_path_keeps_its_distance_from_an_obstacle():
    post = np.array([[0.2, 0.0]])
    start = np.array([0.0, 0.0])
    points = plan_path(start, [np.array([0.4, 0.0])], [(post, 0.08)])
    assert len(points) > 1
    assert points[-1] == pytest.approx([0.4, 0.0])
    corners = [start, *points]
    for first, second in itertools.pairwise(corners):
        for fraction in np.linspace(0, 1, 20):
            # a cell's half diagonal nearer than the distance, at most
            assert np.linalg.norm(first + fraction * (second - first) - post[0]) > 0.08 - 0.0075


def test_an_end_that_is_free_is_taken_before_one_that_is_not():
    box = np.array([[0.3, 0.0]])
    ends = [np.array([0.3, 0.0]), np.array([0.3, 0.1])]
    assert plan_path(np.zeros(2), ends, [(box, 0.05)])[-1] == pytest.approx(ends[1])
    assert plan_path(np.zeros(2), ends, [(NOTHING, 0.05)])[-1] == pytest.approx(ends[0])
