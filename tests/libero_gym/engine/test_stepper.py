"""The control step: what becomes of a simulation that diverges, and what faster physics keeps."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest


def test_a_diverging_simulation_truncates_the_episode():
    env = gymnasium.make("libero_gym:libero/Spatial-v0", task=1, assets="builtin", cameras=(), action_chunk=4)
    env.reset(seed=0)
    state = env.unwrapped.get_sim_state()
    nq = env.unwrapped.model.nq
    state[1 + nq + 9 :] = 1e9  # metres a second, of every object
    env.unwrapped.set_sim_state(state)
    _, reward, terminated, truncated, info = env.step(np.zeros((4, 7), dtype=np.float32))
    assert (terminated, truncated, info["diverged"], info["success"]) == (False, True, True, False)
    assert reward == 0.0
    assert info["chunk_length"] == 1  # the rest of the chunk is not executed
    with pytest.raises(Exception, match="call reset"):
        env.step(np.zeros((4, 7), dtype=np.float32))
    observation, info = env.reset(seed=0)
    assert not info["success"]
    assert np.isfinite(observation["state"]).all()
    assert not env.step(np.zeros((4, 7), dtype=np.float32))[4]["diverged"]
    env.close()


def test_fast_physics_keeps_the_control_step_and_what_it_does():
    actions = np.zeros((30, 7), dtype=np.float32)
    actions[:, :3] = np.random.default_rng(0).uniform(-0.5, 0.5, (6, 3)).repeat(5, axis=0)
    actions[:, 6] = np.where(np.arange(30) < 15, -1, 1)
    seen = {}
    for quality in ("reference", "fast", "soft"):
        env = gymnasium.make(
            "libero_gym:libero/Spatial-v0", task=8, assets="builtin", cameras=(), physics_quality=quality
        )
        env.reset(seed=0)
        begin = env.unwrapped.data.time
        path = np.array([env.step(action)[0]["state"] for action in actions])
        # 30 control steps of 50 ms, whether of 25 physics steps of 2 ms or of 10 of 5
        assert env.unwrapped.data.time - begin == pytest.approx(1.5)
        assert env.unwrapped.model.opt.timestep == pytest.approx(0.002 if quality == "reference" else 0.005)
        seen[quality] = path
        env.close()
    travelled = np.ptp(seen["reference"], axis=0)
    assert travelled[:3].min() > 0.02  # it moves, by centimetres, and the fingers close
    assert travelled[6] > 0.02
    for quality in ("fast", "soft"):
        difference = np.abs(seen[quality] - seen["reference"]).max(axis=0)
        # Observations are of the last physics step's beginning, up to 3 ms earlier here, and the hand goes 0.5 m/s at
        # most.
        assert difference[:3].max() < 0.0015 + 0.001
        # A finger crosses its 4 cm in some 10 control steps, so 3 ms are 0.3 mm; and it starts a little otherwise.
        assert difference[6:].max() < 0.0015


def test_contacts_are_published_ones_but_in_fast_physics():
    models = {}
    for quality in ("reference", "fast", "soft"):
        env = gymnasium.make(
            "libero_gym:libero/Spatial-v0", task=8, assets="builtin", cameras=(), physics_quality=quality
        )
        env.reset(seed=0)
        models[quality] = env.unwrapped.model
        env.close()
    published = models["reference"].geom_solref
    # Two steps of 2 ms are 4 ms: what asks for less is clamped, and the bowls and the fingers do.
    clamped = published[:, 0] < 0.004
    assert clamped.sum() > 10
    assert np.array_equal(models["soft"].geom_solref, published)
    assert np.array_equal(models["fast"].geom_solref[~clamped], published[~clamped])
    # 1 - 1 / (4 z^2) = 0.75^2.5, see test_contacts.py
    assert models["fast"].geom_solref[clamped, 1] == pytest.approx(0.69819, abs=1e-5)
