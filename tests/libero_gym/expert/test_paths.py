"""Ways over a table round what stands on it."""

import itertools

import numpy as np
import pytest

from libero_gym.expert.paths import way_round

NOTHING = np.zeros((0, 2))


def test_a_free_way_is_straight():
    points = way_round(np.array([0.0, 0.0]), [np.array([0.3, 0.1])], [(NOTHING, 0.05)])
    assert len(points) == 1
    assert points[0] == pytest.approx([0.3, 0.1])


def test_it_keeps_its_distance_from_what_is_in_the_way():
    post = np.array([[0.2, 0.0]])
    start = np.array([0.0, 0.0])
    points = way_round(start, [np.array([0.4, 0.0])], [(post, 0.08)])
    assert len(points) > 1
    assert points[-1] == pytest.approx([0.4, 0.0])
    corners = [start, *points]
    for first, second in itertools.pairwise(corners):
        for share in np.linspace(0, 1, 20):
            # a cell's half diagonal nearer than asked for, at most
            assert np.linalg.norm(first + share * (second - first) - post[0]) > 0.08 - 0.0075


def test_an_end_that_is_free_is_taken_before_one_that_is_not():
    box = np.array([[0.3, 0.0]])
    ends = [np.array([0.3, 0.0]), np.array([0.3, 0.1])]
    assert way_round(np.zeros(2), ends, [(box, 0.05)])[-1] == pytest.approx(ends[1])
    assert way_round(np.zeros(2), ends, [(NOTHING, 0.05)])[-1] == pytest.approx(ends[0])
