"""TorchRL's own checks and collectors on our environments, and Gymnasium's as the oracle."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
import torch
from tensordict.nn import TensorDictModule
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, ReplayBuffer
from torchrl.envs.utils import check_env_specs

from libero_gym.errors import OptionError
from libero_gym.torchrl import make_env

SPATIAL = "libero_gym:libero/Spatial-v0"
OPTIONS = {
    "assets": "builtin",
    "task": [1, 3],
    "image_size": 16,
    "render_quality": "fast",
    "settle_steps": 0,
    "max_episode_steps": 3,
}
KEYS = ["image", "instruction", "state", "wrist_image"]


@pytest.mark.parametrize("num_envs", [None, 2])
@pytest.mark.parametrize("options", [{}, {"instruction": False}, {"cameras": ()}, {"action_chunk": 2}])
def test_its_check_accepts_the_specs(num_envs, options):
    env = make_env(SPATIAL, num_envs, **{**OPTIONS, **options})
    check_env_specs(env, seed=0)
    assert env.batch_size == torch.Size([] if num_envs is None else [num_envs])
    assert env.full_action_spec["action"].shape[-1] == 7
    env.close()


def test_keys_values_and_sentences_are_gymnasiums():
    env, oracle = make_env(SPATIAL, **OPTIONS), gymnasium.make(SPATIAL, **OPTIONS)
    env.set_seed(5)  # which resets with the seed, so that the first episode is the one after it
    oracle.reset(seed=5)
    found, (expected, _) = env.reset(), oracle.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (3, 7)).astype(np.float32)
    for action in [None, *actions]:
        if action is not None:
            found = env.step(found.set("action", torch.from_numpy(action)))["next"]
            expected, reward, terminated, truncated, _ = oracle.step(action)
            assert float(found["reward"]) == pytest.approx(reward)
            assert (bool(found["terminated"]), bool(found["truncated"])) == (terminated, truncated)
        assert sorted(set(found.keys()) - {"done", "terminated", "truncated", "reward"}) == KEYS
        assert found["instruction"] == expected["instruction"]
        for key in ("image", "wrist_image", "state"):
            np.testing.assert_array_equal(found[key].numpy(), expected[key])
    assert bool(found["done"])  # after 3 steps
    env.close()
    oracle.close()


def test_a_batch_is_reset_where_an_episode_has_ended():
    env = make_env(SPATIAL, 2, workers=1, max_steps_by_task={1: 2, 3: 4}, **{**OPTIONS, "max_episode_steps": 5})
    env.set_seed(0)
    rollout = env.rollout(8, break_when_any_done=False)
    assert rollout.batch_size == torch.Size([2, 8])
    sentences = [rollout[index]["instruction"] for index in range(2)]
    limits = {"next to the ramekin": 2, "on the cookie box": 4}
    for index in range(2):
        left, length = 0, 0
        for step in range(8):
            if left == 0:
                left = next(limit for part, limit in limits.items() if part in sentences[index][step])
                length = left
            left -= 1
            assert bool(rollout[index, step]["next", "done"]) == (left == 0), (index, step, length)
    env.close()


def test_a_collector_fills_a_buffer():
    env = make_env(
        SPATIAL, 2, cameras=(), instruction=False, **{key: OPTIONS[key] for key in OPTIONS if key != "image_size"}
    )
    actor = TensorDictModule(torch.nn.Linear(8, 7), in_keys=["state"], out_keys=["action"])
    collector = Collector(env, actor, frames_per_batch=8, total_frames=16)
    buffer = ReplayBuffer(storage=LazyTensorStorage(100), batch_size=4)
    for batch in collector:
        buffer.extend(batch.reshape(-1))
    assert len(buffer) == 16
    assert buffer.sample()["next", "state"].shape == (4, 8)
    collector.shutdown()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"autoreset_mode": "NextStep"}, "autoreset_mode='NextStep' in libero_gym.torchrl.make_env; TorchRL resets"),
        ({"num_envs": 0}, "num_envs 0 in libero_gym:libero/Spatial-v0; allowed: an integer from 1"),
        ({"image_sise": 3}, "image_sise"),
    ],
)
def test_what_it_does_not_take_is_named(kwargs, message):
    with pytest.raises(OptionError, match=message):
        make_env(SPATIAL, **{**OPTIONS, **kwargs})


def test_without_torchrl_the_error_says_what_to_install():
    code = "import sys; sys.modules['torchrl'] = None; import libero_gym.torchrl"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'install it with: pip install "libero-gym[torchrl]"' in done.stderr
