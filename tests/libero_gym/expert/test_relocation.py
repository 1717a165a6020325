"""Which objects are relocated before other subgoals, and where to."""

import numpy as np
import pytest

from libero_gym.env import LiberoEnv
from libero_gym.expert.relocation import HAND_GAP, Relocate, relocations
from libero_gym.expert.scene_geometry import SceneGeometry
from libero_gym.expert.subgoals import ordered_subgoals


@pytest.fixture
def world():
    # open the top drawer and put the bowl inside; the bowl is where the drawer will be over it
    env = LiberoEnv("libero_goal", task=3, cameras=(), assets="builtin", split="eval")
    env.reset(seed=8, options={"init_state": 8})
    yield env.world
    env.close()


def test_only_objects_that_the_drawer_will_cover_are_relocated(world):
    geometry = SceneGeometry(world)
    subgoals = ordered_subgoals(world, geometry)
    found = relocations(world, subgoals, geometry)
    assert [str(subgoal) for subgoal in found] == ["akita_black_bowl_1 out of the way"]
    assert not found[0].achieved(world)
    assert found[0].candidates(world)


def test_its_new_places_are_free(world):
    geometry = SceneGeometry(world)
    drawer = next(subgoal for subgoal in ordered_subgoals(world, geometry) if str(subgoal).startswith("open"))
    bowl = geometry.entities["akita_black_bowl_1"]
    keep_out = drawer.swept_volume(world)[:, :2]
    points = geometry.points_of(world, bowl)
    relocate = Relocate(world, bowl, keep_out, geometry)
    for move in relocate._free_moves(points, geometry.obstacles_of(world, bowl)):
        footprint = points[:, :2] + move
        gaps = np.linalg.norm(footprint[:, None] - keep_out[None], axis=2)
        assert gaps.min() > HAND_GAP


def test_a_half_open_drawer_sweeps_to_the_same_place(world):
    geometry = SceneGeometry(world)
    drawer = next(subgoal for subgoal in ordered_subgoals(world, geometry) if str(subgoal).startswith("open"))
    before = drawer.swept_volume(world)
    address = drawer._entity.joint_qpos[0]
    # moved by half: it ends at the same place
    state = world.get_sim_state()
    state[1 + address] = 0.5 * drawer._condition.value
    world.set_sim_state(state)
    assert np.allclose(drawer.swept_volume(world), before, atol=1e-6)
