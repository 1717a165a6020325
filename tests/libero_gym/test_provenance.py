"""Every environment says which assets it uses, and what keeps its results from being the benchmark's."""

import gymnasium
import pytest


def test_env_and_vector_env_name_set_version_and_caveats():
    env = gymnasium.make("libero_gym:libero/Spatial-v0", task=0, assets="builtin", cameras=())
    envs = gymnasium.make_vec(
        "libero_gym:libero/Spatial-v0",
        num_envs=1,
        vectorization_mode="vector_entry_point",
        task=0,
        assets="builtin",
        cameras=(),
    )
    name = env.unwrapped.asset_set
    assert name.startswith("builtin-")
    assert envs.unwrapped.asset_set == name
    for made in (env, envs):
        assert made.metadata["assets"] == name
        assert made.metadata["assets_version"] == name.removeprefix("builtin-")
        assert [repr(name) in caveat for caveat in made.metadata["benchmark_caveats"]] == [True]
    assert env.reset(seed=0)[1]["assets"] == name
    env.close()
    envs.close()


def test_libero_s_own_files_and_defaults_leave_nothing_to_say(official_assets):
    env = gymnasium.make("libero_gym:libero/Goal-v0", assets=official_assets)
    assert env.metadata["benchmark_caveats"] == ()
    # A folder is named by what is in it, so that two machines give equal sets one name.
    assert env.metadata["assets"] == f"folder-{env.metadata['assets_version']}"


@pytest.mark.parametrize(
    ("change", "caveat"),
    [
        ({"split": "train"}, "initial states"),
        ({"reward": "staged"}, "staged reward"),
        ({"render_quality": "fast"}, "other images"),
        ({"physics_quality": "fast"}, "other time steps than"),
        ({"physics_quality": "soft"}, "other time steps and softer contacts than"),
        ({"physics_quality": "fast"}, "5 ms before the end of a control step instead of 4"),
        ({"settle_steps": 15}, "settle_steps is 15, not 10"),
        ({"max_episode_steps": 7}, "the time limit is 7, not 300 steps"),
        ({"max_steps_by_task": {3: 7}}, "the time limit is 7, not 300 steps"),
    ],
)
def test_each_departure_from_the_published_evaluation_is_named(change, caveat, official_assets):
    caveats = gymnasium.make("libero_gym:libero/Goal-v0", assets=official_assets, **change).metadata[
        "benchmark_caveats"
    ]
    assert len(caveats) == 1
    assert caveat in caveats[0]


@pytest.mark.parametrize(
    ("kwargs", "caveat"),
    [
        # Limits of the published evaluations: 220, 280, 300, 520, 400 for the five suites in order.
        ({}, ("the time limit is 520, not 220 or 280 or 300 or 400 steps",)),
        ({"task": [30, 39]}, ()),  # of libero_10, whose limit is 520
        ({"task": 21}, ("the time limit is 520, not 300 steps",)),  # of libero_goal
        ({"task": 21, "max_episode_steps": 300}, ()),
        ({"task": [21, 39], "max_steps_by_task": {21: 300}}, ()),
    ],
)
def test_the_union_s_time_limit_is_held_against_those_of_the_tasks_own_suites(kwargs, caveat, official_assets):
    env = gymnasium.make("libero_gym:libero/130-v0", assets=official_assets, **kwargs)
    assert env.metadata["benchmark_caveats"] == caveat
