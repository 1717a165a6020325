"""Environments that are closed, dropped, forked, pickled, or used before their first reset."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref

import gymnasium
import numpy as np
import pytest

from libero_gym.env import LiberoEnv
from libero_gym.errors import ClosedError, EnvAttributeError, ForkError, LiberoGymError, OptionError, ResetNeededError
from libero_gym.render.renderer import Renderer

SPATIAL = "libero_gym:libero/Spatial-v0"
OPTIONS = {"assets": "builtin", "image_size": 16, "render_quality": "fast", "settle_steps": 0, "task": 1}


def vector(**kwargs):
    return gymnasium.make_vec(SPATIAL, num_envs=2, workers=2, **{**OPTIONS, **kwargs})


@pytest.mark.parametrize(
    "make", [lambda: LiberoEnv("spatial", render_mode="rgb_array", **OPTIONS), lambda: vector(render_mode="rgb_array")]
)
def test_calls_before_the_first_reset_and_after_close(make):
    env = make()
    action = np.zeros(env.action_space.shape, np.float32)
    for call in (lambda: env.step(action), env.render):
        with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
            call()
    env.reset(seed=0)
    assert np.any(env.render())
    env.close()
    env.close()
    for call in (lambda: env.step(action), env.render, env.reset):
        with pytest.raises(gymnasium.error.ClosedEnvironmentError, match="after close") as raised:
            call()
        assert isinstance(raised.value, ClosedError)


def test_a_refused_first_reset_is_no_reset():
    env = gymnasium.make(SPATIAL, **OPTIONS)
    with pytest.raises(OptionError):
        env.reset(seed=-1)
    with pytest.raises(ResetNeededError):
        env.step(np.zeros(7, np.float32))


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_attributes_as_in_gymnasiums_own_vectorization(kind):
    oracle = gymnasium.make_vec(SPATIAL, num_envs=2, vectorization_mode="sync", **OPTIONS)
    envs = vector(worker_kind=kind)
    for made in (envs, oracle):
        made.reset(seed=3)
        made.step(np.zeros((2, 7), np.float32))
    for name in ("get_sim_state", "suite", "asset_set", "metadata", "render_mode", "action_space"):
        for ours, theirs in zip(envs.call(name), oracle.call(name), strict=True):
            np.testing.assert_equal(ours, theirs)
    assert [model.nq for model in envs.get_attr("model")] == [model.nq for model in oracle.get_attr("model")]
    state = oracle.call("get_sim_state")[0]
    envs.call("set_sim_state", state)
    np.testing.assert_array_equal(envs.call("get_sim_state"), [state, state])
    envs.set_attr("note", ["a", "b"])
    assert envs.get_attr("note") == ("a", "b")
    envs.set_attr("note", 7)
    assert envs.get_attr("note") == (7, 7)

    with pytest.raises(EnvAttributeError, match="unknown attribute 'sim_state'"):
        envs.get_attr("sim_state")
    with pytest.raises(EnvAttributeError, match="cannot be set"):
        envs.set_attr("model", None)
    with pytest.raises(OptionError, match="3 values; expected one for each of 2"):
        envs.set_attr("note", [1, 2, 3])
    with pytest.raises(OptionError, match=r"call step\(\) of the vector environment"):
        envs.call("step", np.zeros(7))
    with pytest.raises(LiberoGymError, match="sim_state has shape"):
        envs.call("set_sim_state", np.zeros(2))
    if kind == "process":
        with pytest.raises(EnvAttributeError, match="cannot send"):
            envs.call("__getattribute__", "step")
        with pytest.raises(EnvAttributeError, match="arguments cannot be sent"):
            envs.set_attr("note", threading.Lock())
    envs.step_async(np.zeros((2, 7)))
    with pytest.raises(LiberoGymError, match="while a step is under way"):
        envs.get_attr("suite")
    envs.step_wait()
    envs.close()
    with pytest.raises(ClosedError):
        envs.get_attr("suite")
    oracle.close()


def test_pickles_and_copies_have_no_episode():
    env = gymnasium.make(SPATIAL, max_episode_steps=9, **OPTIONS)
    for again in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert again.spec == env.spec
    first, _ = env.reset(seed=4)
    env.step(np.zeros(7, np.float32))
    for again in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert again.spec == env.spec
        with pytest.raises(ResetNeededError):
            again.step(np.zeros(7, np.float32))
        np.testing.assert_array_equal(again.reset(seed=4)[0]["image"], first["image"])
    envs = vector(max_episode_steps=9)
    envs.reset(seed=4)
    again = pickle.loads(pickle.dumps(envs))
    assert (again.num_envs, again.spec) == (2, envs.spec)
    np.testing.assert_array_equal(again.reset(seed=4)[0]["image"], envs.reset(seed=4)[0]["image"])


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_a_forked_child_is_told(kind):
    code = f"""
import gymnasium, os
import numpy as np
from libero_gym.errors import ForkError
envs = gymnasium.make_vec({SPATIAL!r}, num_envs=2, worker_kind={kind!r}, **{OPTIONS!r})
envs.reset(seed=0)
child = os.fork()
if child == 0:
    refused = 0
    for call in (lambda: envs.step(np.zeros((2, 7))), envs.reset, envs.render, lambda: envs.get_attr("suite")):
        try:
            call()
        except ForkError as error:
            refused += "forked copy" in str(error)
    envs.close()
    os._exit(refused)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
envs.step(np.zeros((2, 7)))
envs.close()
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert issubclass(ForkError, LiberoGymError)


def test_a_dropped_environment_is_gone_with_its_model_and_its_images_memory():
    env = gymnasium.make(SPATIAL, **OPTIONS)
    env.reset(seed=0)
    renderer = Renderer.of_thread()
    kept = len(renderer._uploads)
    model = weakref.ref(env.unwrapped._episode.world.shared)
    gc.disable()  # nothing may wait for a collection that small objects bring about
    try:
        del env
        assert model() is None
    finally:
        gc.enable()
    assert len(renderer._uploads) == kept - 1
    assert not renderer._orphans


def test_what_another_thread_drops_is_freed_when_the_renderer_renders_next():
    held = [gymnasium.make(SPATIAL, **OPTIONS)]
    held[0].reset(seed=0)
    renderer = Renderer.of_thread()
    other = threading.Thread(target=held.clear)
    other.start()
    other.join()
    assert len(renderer._orphans) == 1
    env = gymnasium.make(SPATIAL, **OPTIONS)
    env.reset(seed=0)
    assert not renderer._orphans
    env.close()


def test_dropped_vector_environments_leave_no_thread():
    before = set(threading.enumerate())
    envs = vector()
    envs.reset(seed=0)
    started = set(threading.enumerate()) - before
    assert len(started) == 2
    del envs
    gc.collect()
    for thread in started:  # told to end by the collection, they do so in their own time
        thread.join(timeout=30)
        assert not thread.is_alive()


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads the memory from /proc")
def test_memory_stays_flat_when_environments_are_dropped():
    code = f"""
import gymnasium
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
sizes = []
for number in range(16):
    env = gymnasium.make({SPATIAL!r}, **{ {**OPTIONS, "image_size": 64, "render_quality": "reference"}!r})
    env.reset(seed=0)
    del env
    sizes.append(resident())
print(sizes[-1] - sizes[5])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # Ten environments; each was 71 MB and more before.
    assert float(result.stdout.splitlines()[-1]) < 60
