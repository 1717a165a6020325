"""Making vector environments and reading what they say."""

import count_toy  # noqa: F401  # registers toy/Count
import device_toy  # noqa: F401  # registers toy/DeviceReach
import gymnasium
import numpy as np
import pytest

from vla_trainer.config.schema import Env, Eval
from vla_trainer.errors import EnvError
from vla_trainer.rollout.envs import (
    evaluation_env,
    info_of,
    make_envs,
    neutral_action,
    on_device,
    success_of,
    take,
    watchable,
)


def test_an_environment_that_the_trainer_never_heard_of() -> None:
    envs = make_envs(Env(id="Pendulum-v1", g=5.0), 3)
    assert envs.num_envs == 3
    np.testing.assert_array_equal(neutral_action(envs), [0.0])
    envs.close()


def test_what_evaluation_says_takes_the_place_of_what_training_says() -> None:
    env = Env(id="Pendulum-v1", g=5.0, render_mode="rgb_array", max_episode_steps=50)
    chosen = evaluation_env(env, Eval(g=9.81, render_mode=None, max_episode_steps=200))
    assert chosen.make_kwargs() == {"g": 9.81, "max_episode_steps": 200}
    assert evaluation_env(env, Eval()).make_kwargs() == env.make_kwargs()


def test_what_cannot_be_made_is_named() -> None:
    with pytest.raises(gymnasium.error.Error, match="nothing"):
        make_envs(Env(id="nothing-v0"), 1)
    with pytest.raises(EnvError, match="colour"):
        make_envs(Env(id="Pendulum-v1", colour=1), 1)
    with pytest.raises(EnvError, match="no_such_module"):
        make_envs(Env(id="no_such_module:Pendulum-v1"), 1)
    with pytest.raises(EnvError, match="needs a Box"):
        make_envs(Env(id="MountainCar-v0"), 1)


def test_rows_of_an_observation() -> None:
    obs = {"state": np.arange(6).reshape(3, 2), "instruction": ("a", "b", "c")}
    taken = take(obs, np.array([2, 0]))
    np.testing.assert_array_equal(taken["state"], [[4, 5], [0, 1]])
    assert taken["instruction"] == ["c", "a"]


def test_infos_have_masks() -> None:
    infos = {"success": np.array([True, False]), "_success": np.array([True, False])}
    assert info_of(infos, "success", 0) is True
    assert info_of(infos, "success", 1) is None
    assert info_of(infos, "task_id", 0) is None
    assert success_of({"is_success": np.array([True])}, 0) is True
    assert success_of({}, 0) is None


def test_the_gpu_of_a_process_is_given_to_the_argument_for_it() -> None:
    env = Env(id="toy/DeviceReach-v0", size=16)
    assert on_device(env, "cuda:0").make_kwargs() == {"size": 16, "gpu": "cuda:0"}
    assert on_device(env, None) is env
    assert on_device(Env(id="toy/DeviceReach-v0", gpu=0), "cuda:0").make_kwargs() == {"gpu": 0}
    plain = Env(id="Pendulum-v1", g=5.0)
    assert on_device(plain, "cuda:0") is plain


def test_evaluations_that_are_recorded_render_for_people() -> None:
    env = Env(id="libero_gym:libero/Spatial-v0", assets="builtin", image_size=16)
    assert watchable(env, recorded=False) == env
    watched = watchable(env, recorded=True)
    assert watched.make_kwargs() == {**env.make_kwargs(), "render_mode": "rgb_array"}
    assert watchable(watched, recorded=True) == watched
    # an environment whose metadata names no such mode, and one without a class of its own
    for other in ("toy/DeviceReach-v0", "Pendulum-v1"):
        assert watchable(Env(id=other), recorded=True) == Env(id=other)
