"""What is put aside before something else is done."""

import numpy as np
import pytest

from libero_gym.env import LiberoEnv
from libero_gym.expert.clearing import HAND_GAP, Aside, clearing
from libero_gym.expert.jobs import jobs_of
from libero_gym.expert.sight import Sight


@pytest.fixture
def world():
    # open the top drawer and put the bowl inside; the bowl is where the drawer will be over it
    env = LiberoEnv("libero_goal", task=3, cameras=(), assets="builtin", split="eval")
    env.reset(seed=8, options={"init_state": 8})
    yield env.world
    env.close()


def test_only_what_the_drawer_will_cover_is_put_aside(world):
    sight = Sight(world)
    jobs = jobs_of(world, sight)
    found = clearing(world, jobs, sight)
    assert [str(job) for job in found] == ["akita_black_bowl_1 out of the way"]
    assert not found[0].done(world)
    assert found[0].ways(world)


def test_its_new_places_are_free(world):
    sight = Sight(world)
    drawer = next(job for job in jobs_of(world, sight) if str(job).startswith("open"))
    bowl = sight.entities["akita_black_bowl_1"]
    zone = drawer.swept(world)[:, :2]
    points = sight.thing(world, bowl)
    for move in Aside(world, bowl, zone, sight)._spots(points, sight.others(world, bowl)):
        footprint = points[:, :2] + move
        gaps = np.linalg.norm(footprint[:, None] - zone[None], axis=2)
        assert gaps.min() > HAND_GAP


def test_a_drawer_that_is_open_already_covers_nothing_new(world):
    sight = Sight(world)
    drawer = next(job for job in jobs_of(world, sight) if str(job).startswith("open"))
    before = drawer.swept(world)
    address = drawer._entity.joint_qpos[0]
    # moved by half of the way: it ends at the same place
    state = world.get_sim_state()
    state[1 + address] = 0.5 * drawer._condition.value
    world.set_sim_state(state)
    assert np.allclose(drawer.swept(world), before, atol=1e-6)
