"""Whatever is refused is refused by name, as a whole, before anything changes."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from libero_gym.env import LiberoEnv
from libero_gym.errors import ActionError, InitStateError, LiberoGymError, OptionError, TaskError
from libero_gym.options import ARGUMENTS
from libero_gym.vector_env import LiberoVectorEnv

OPTIONS = {"assets": "builtin", "cameras": (), "settle_steps": 0, "physics_quality": "fast", "task": [1, 4]}
CYCLE = []
CYCLE.append(CYCLE)

RESETS = [
    *[({"seed": seed}, OptionError) for seed in (-1, 1.0, True, "1", np.float64(2), 2**63, [1], float("nan"))],
    *[
        ({"options": {"init_state": value}}, InitStateError)
        for value in (50, -1, 3.9, 3.0, True, "3", np.nan, 10**40, [1])
    ],
    *[
        ({"options": {"task": value}}, TaskError)
        for value in (2, -1, 1.5, True, "nobody", np.inf, {}, [1, 4], object())
    ],
    *[
        ({"options": {"task": 1, "sim_state": state}}, InitStateError)
        for state in (np.zeros(3), [[1], [1, 2]], "state", 1.0, [None] * 5, {}, [1j] * 92)
    ],
    ({"options": {"init_state": 1, "sim_state": np.zeros(92)}}, InitStateError),
    *[
        ({"options": value}, OptionError)
        for value in (5, "task", [("task", 1)], {"tusk": 1}, {1: 2}, {"task": 1, None: 1})
    ],
]
NAMES = [f"{number} {str(case[0])[:40]}" for number, case in enumerate(RESETS)]


@pytest.fixture(scope="module")
def env():
    return LiberoEnv("spatial", **OPTIONS)


@pytest.fixture(scope="module")
def envs():
    made = gymnasium.make_vec("libero_gym:libero/Spatial-v0", num_envs=2, workers=2, **OPTIONS)
    yield made
    made.close()


def one_line(error):
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000  # the names of ten tasks are 700


def test_a_refused_reset_leaves_the_episode_as_it_was(env):
    env.reset(seed=5, options={"task": 1, "init_state": 7})
    expected = [env.step(np.full(7, 0.5))[4] for _ in range(2)] + [env.reset()[1]]
    random = env.np_random.random()

    env.reset(seed=5, options={"task": 1, "init_state": 7})
    got = []
    for refused in (RESETS[: len(RESETS) // 2], RESETS[len(RESETS) // 2 :]):
        for arguments, error in refused:
            with pytest.raises(error) as raised:
                env.reset(**arguments)
            one_line(raised)
        got.append(env.step(np.full(7, 0.5))[4])
    # The generator samples what it would have sampled, too.
    assert [*got, env.reset()[1]] == expected
    assert env.np_random.random() == random


@pytest.mark.parametrize(("arguments", "error"), RESETS, ids=NAMES)
def test_a_vector_environment_refuses_the_same(envs, arguments, error):
    if arguments.get("seed") == [1]:
        error = OptionError  # one seed for two
    if isinstance(arguments.get("options"), dict):
        given = arguments["options"]
        if given.get("task") == [1, 4]:  # one for each environment: no error
            assert list(envs.reset(**arguments)[1]["task_id"]) == [1, 4]
            return
        if given.get("init_state") == [1]:
            error = OptionError  # one for two
        if isinstance(given.get("sim_state"), list) and len(given["sim_state"]) in (2, 5):
            error = (InitStateError, OptionError)
    envs.reset(seed=5, options={"task": 1})
    before = [state.copy() for state in envs.call("get_sim_state")]
    with pytest.raises(error) as raised:
        envs.reset(**arguments)
    one_line(raised)
    for state, now in zip(before, envs.call("get_sim_state"), strict=True):
        np.testing.assert_array_equal(now, state)
    assert envs.np_random_seed == (5, 6)


def test_no_environment_is_reset_where_the_last_one_is_refused(envs):
    envs.reset(seed=5)
    before = envs.call("get_sim_state")[0].copy()
    for options in ({"init_state": [3, 50]}, {"task": [1, 2]}, {"task": [1, 4, 1]}, {"sim_state": [None, np.zeros(3)]}):
        with pytest.raises(OptionError):
            envs.reset(seed=[8, 9], options=options)
    for seed in ([1], [1, -1], [1, 2.0], (True, 1), "12", {1, 2}):
        with pytest.raises(OptionError):
            envs.reset(seed=seed)
    for mask in ("yes", [[True], [True, False]], object(), [1, 0]):
        with pytest.raises(OptionError, match="reset_mask"):
            envs.reset(options={"reset_mask": mask})
    np.testing.assert_array_equal(envs.call("get_sim_state")[0], before)
    assert envs.np_random_seed == (5, 6)


def test_numpys_integers_are_integers(env, envs):
    _, info = env.reset(seed=np.int64(3), options={"task": np.int32(4), "init_state": np.uint8(9)})
    assert (info["seed"], info["task_id"], info["init_state_id"]) == (3, 4, 9)
    _, info = envs.reset(seed=np.array([3, 4]), options={"task": np.array([4, 1]), "init_state": [1, np.int8(2)]})
    assert (list(info["seed"]), list(info["task_id"]), list(info["init_state_id"])) == ([3, 4], [4, 1], [1, 2])


@pytest.mark.parametrize(
    "action",
    [np.full(7, np.nan), [np.inf] * 7, np.zeros(6), "zeros", None, [[1], [1, 2]], [1j] * 7, ["1"] * 7, {}],
    ids=lambda action: repr(action)[:30],
)
def test_a_refused_action_moves_nothing(env, envs, action):
    env.reset(seed=0)
    before = env.get_sim_state()
    with pytest.raises(ActionError) as raised:
        env.step(action)
    one_line(raised)
    np.testing.assert_array_equal(env.get_sim_state(), before)
    envs.reset(seed=0)
    with pytest.raises(ActionError):
        envs.step([np.zeros(7), action])
    assert list(envs.step(np.zeros((2, 7)))[4]["elapsed_steps"]) == [1, 1]


def test_an_action_beyond_the_bounds_is_clipped(env):
    ends = []
    for size in (1.0, 1e300):
        env.reset(seed=0, options={"task": 1, "init_state": 0})
        env.step(np.full(7, size))
        ends.append(env.get_sim_state())
    np.testing.assert_array_equal(*ends)


ODD = ("", "x", 0, -1, 3.5, np.nan, np.inf, True, [], {}, object(), np.zeros(3), b"1", 10**40, (None,), CYCLE)
FINE = {
    "task": (0, np.zeros(3), b"1"),  # what is fine, or an index, is not among the cases
    "action_chunk": (),
    "reward_scale": (0, -1, 3.5, 10**40),
    "cameras": ([], {}),
    "settle_steps": (0,),
    "render_device": (0,),
    "max_episode_steps": (-1,),
    "max_steps_by_task": ({},),
    "copy": (True,),
    "depth": (True,),
    "segmentation": (True,),
    "camera_parameters": (True,),
    "privileged": (True,),
    "instruction": (True,),
    "worker_timeout": (3.5, np.inf, 10**40),
}


def cases(names):
    for name in names:
        for value in ODD:
            if not any(value is fine or repr(value) == repr(fine) for fine in FINE.get(name, ())):
                yield name, value


def refused(make, name, value):
    with pytest.raises(LiberoGymError) as raised:  # noqa: PT012  # names what was taken
        make().close()
        pytest.fail(f"{name}={value!r} was taken")
    one_line(raised)


def test_odd_constructor_arguments_are_refused_by_name():
    for name, value in cases(ARGUMENTS):
        arguments = {"suite": "spatial", "assets": "builtin", "cameras": (), name: value}
        refused(lambda arguments=arguments: LiberoEnv(**arguments), name, value)
    with pytest.raises(OptionError, match="name one of them twice"):
        LiberoEnv("spatial", cameras=["wrist", "wrist"], assets="builtin")
    with pytest.raises(OptionError, match=r"unexpected keyword argument 'image_sise'.*did you mean 'image_size'"):
        gymnasium.make("libero_gym:libero/Spatial-v0", image_sise=64)


def test_what_was_refused_may_be_closed():
    # Gymnasium 1.1 closes each vector environment that is collected, and Python prints what that raises
    envs = LiberoVectorEnv.__new__(LiberoVectorEnv)
    with pytest.raises(OptionError):
        envs.__init__("spatial", num_envs=0, **OPTIONS)
    envs.close()


def test_odd_arguments_of_a_vector_environment_are_refused_by_name():
    names = ("num_envs", "workers", "worker_kind", "worker_timeout", "autoreset_mode", "copy", "reward_scale")
    for name, value in cases(names):
        arguments = {"num_envs": 1, **OPTIONS, name: value}
        refused(lambda arguments=arguments: gymnasium.make_vec("libero/Spatial-v0", **arguments), name, value)
