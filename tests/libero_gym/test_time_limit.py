"""The time limit survives every way in which Gymnasium makes an environment again."""

from __future__ import annotations

import copy
import json
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

SPATIAL = "libero_gym:libero/Spatial-v0"
OPTIONS = {"task": 0, "assets": "builtin", "cameras": (), "settle_steps": 0, "physics_quality": "fast"}
NEVER = (None, None)


def steps_of(env, most):
    """Control steps and calls of `step` until the episode is cut off; `NEVER` if it is not within `most` calls."""
    env.reset(seed=0)
    for calls in range(1, most + 1):
        _, _, _, truncated, info = env.step(np.zeros(env.action_space.shape, np.float32))
        if np.any(truncated):
            return int(np.ravel(info["elapsed_steps"])[0]), calls
    return NEVER


def json_copy(spec):
    return EnvSpec.from_json(spec.to_json())


# 8 is the chunk: 26 control steps are three whole chunks and one that is cut off after 2 actions.
@pytest.mark.parametrize(
    ("chunk", "limit", "most", "expected"),
    [
        (None, 6, 10, (6, 6)),
        (8, 26, 10, (26, 4)),
        (40, 260, 10, (260, 7)),  # longer than the suite's own 220, which is 5.5 chunks
        (40, -1, 8, NEVER),
        (40, None, 8, (220, 6)),
    ],
)
def test_a_limit_survives(chunk, limit, most, expected):
    kwargs = OPTIONS if chunk is None else {**OPTIONS, "action_chunk": chunk}
    env = gymnasium.make(SPATIAL, max_episode_steps=limit, **kwargs)
    spec = env.spec
    assert spec.max_episode_steps == {-1: None, None: 220}.get(limit, limit)
    made = {
        "itself": env,
        "spec.make()": spec.make(),
        "make(spec)": gymnasium.make(spec),
        "JSON": json_copy(spec).make(),
        "copied spec": copy.deepcopy(spec).make(),
        "pickled spec": pickle.loads(pickle.dumps(spec)).make(),
        "pickled env": pickle.loads(pickle.dumps(env)),
        "copied env": copy.deepcopy(env),
    }
    for source in (spec, json_copy(spec)):
        for mode in ("vector_entry_point", "sync"):
            made[f"make_vec, {mode}, {source is spec}"] = gymnasium.make_vec(
                source, num_envs=1, vectorization_mode=mode
            )
    again = made["make_vec, vector_entry_point, True"].spec
    made["make_vec of its own spec"] = gymnasium.make_vec(json_copy(again))
    got = {name: steps_of(again, most) for name, again in made.items()}
    assert got == dict.fromkeys(made, expected)
    for env in made.values():
        env.close()


def test_an_argument_replaces_the_limit_of_a_spec():
    spec = gymnasium.make(SPATIAL, max_episode_steps=260, action_chunk=8, **OPTIONS).spec
    for made, expected in (
        (gymnasium.make(spec, max_episode_steps=12), (12, 2)),
        (gymnasium.make(copy.deepcopy(spec), max_episode_steps=12), (12, 2)),
        (gymnasium.make_vec(spec, max_episode_steps=12), (12, 2)),
        (gymnasium.make_vec(json_copy(spec), max_episode_steps=12), (12, 2)),
    ):
        assert steps_of(made, 4) == expected
        made.close()
    assert gymnasium.make(spec, max_episode_steps=-1).spec.max_episode_steps is None


def test_limits_of_single_tasks_may_be_longer_and_survive():
    # Gymnasium's TimeLimit(4) would cut the second task off after 4 steps.
    kwargs = {**OPTIONS, "task": [0, 1], "max_steps_by_task": {1: 7}}
    spec = gymnasium.make(SPATIAL, max_episode_steps=4, **kwargs).spec
    for env in (spec.make(), json_copy(spec).make(), copy.deepcopy(spec).make()):
        for task, limit in ((0, 4), (1, 7)):
            env.reset(seed=0, options={"task": task})
            ended = [env.step(np.zeros(7, np.float32))[3] for _ in range(limit)]
            assert ended == [False] * (limit - 1) + [True]
        env.close()


def test_a_spec_is_json_whatever_its_arguments_came_as(tmp_path):
    kwargs = {**OPTIONS, "task": np.array([0, 2]), "settle_steps": np.int64(0), "max_steps_by_task": {np.int64(2): 9}}
    spec = gymnasium.make(SPATIAL, **kwargs).spec
    assert json.loads(spec.to_json())["kwargs"]["task"] == [0, 2]
    vector = gymnasium.make_vec(SPATIAL, autoreset_mode=gymnasium.vector.AutoresetMode.DISABLED, **OPTIONS)
    again = gymnasium.make_vec(json_copy(vector.spec))
    assert again.metadata["autoreset_mode"] is gymnasium.vector.AutoresetMode.DISABLED


def test_a_users_wrappers_stay_outside():
    made = gymnasium.wrappers.TransformReward(gymnasium.make(SPATIAL, max_episode_steps=12, **OPTIONS), lambda r: r)
    wrapped = gymnasium.wrappers.RecordEpisodeStatistics(made.env)
    again = gymnasium.make(wrapped.spec, max_episode_steps=5)
    assert isinstance(again, gymnasium.wrappers.RecordEpisodeStatistics)
    assert steps_of(again, 6) == (5, 5)


def test_render_fps_is_that_of_the_steps():
    # 20 control steps a second, 8 of them in a step: 2.5
    for chunk, fps in ((None, 20), (8, 2.5)):
        kwargs = OPTIONS if chunk is None else {**OPTIONS, "action_chunk": chunk}
        assert gymnasium.make(SPATIAL, **kwargs).metadata["render_fps"] == fps
        assert gymnasium.make_vec(SPATIAL, **kwargs).metadata["render_fps"] == fps
