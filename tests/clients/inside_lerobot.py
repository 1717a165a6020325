"""Checks that run inside LeRobot's environment: `inside_lerobot.py CHECK ...`, or `dataset SOURCE FOLDER ...`.

A folder is named images or videos, after what the export has.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch

ARGUMENTS = {"render_quality": "fast", "image_size": 64}


def adapters() -> None:
    """Our observations against LeRobot's processing of LIBERO's raw ones, on LeRobot's own code."""
    from lerobot.envs.utils import preprocess_observation
    from lerobot.processor import LiberoProcessorStep

    from libero_gym.demos.libero_export import quaternion
    from libero_gym.lerobot.adapters import env_actions, policy_observation

    envs = gymnasium.make_vec(
        "libero_gym:libero/Spatial-v0", num_envs=2, vectorization_mode="vector_entry_point", task=[2, 5], **ARGUMENTS
    )
    observation, _ = envs.reset(seed=0)
    for action in np.random.default_rng(0).uniform(-1, 1, (5, 2, 7)).astype(np.float32):
        # what robosuite returns (tests/libero_gym/engine/test_parity.py): images with OpenGL's rows, a quaternion
        pose, fingers = observation["state"][:, :6].astype(np.float64), observation["state"][:, 6:].astype(np.float64)
        raw = {
            "pixels": {
                "image": np.ascontiguousarray(observation["image"][:, ::-1, ::-1]),
                "image2": np.ascontiguousarray(observation["wrist_image"][:, ::-1, ::-1]),
            },
            "robot_state": {
                "eef": {"pos": pose[:, :3], "quat": quaternion(pose[:, 3:])},
                "gripper": {"qpos": fingers},
            },
        }
        theirs = LiberoProcessorStep().observation(preprocess_observation(raw))
        ours = policy_observation(observation)
        assert sorted(ours) == [
            "observation.images.image",
            "observation.images.image2",
            "observation.state",
            "task",
        ], sorted(ours)
        assert ours["task"] == list(observation["instruction"])
        for key, value in theirs.items():
            assert (ours[key].shape, ours[key].dtype) == (value.shape, value.dtype), key
            # images to the last bit; LeRobot computes the angle in float32
            torch.testing.assert_close(ours[key], value, rtol=0, atol=2e-4 if key == "observation.state" else 0)
        observation, *_ = envs.step(env_actions(torch.from_numpy(action), 2))
    envs.close()


def single() -> None:
    """One environment's observation is a batch of one, and what is missing is named."""
    from libero_gym.errors import ActionError, OptionError
    from libero_gym.lerobot.adapters import env_actions, policy_observation

    env = gymnasium.make("libero_gym:libero/Spatial-v0", task=2, **ARGUMENTS)
    observation, _ = env.reset(seed=0)
    batch = policy_observation(observation)
    assert batch["observation.images.image"].shape == (1, 3, 64, 64)
    assert batch["task"] == [observation["instruction"]]
    with pytest.raises(OptionError, match="one of image"):
        policy_observation({"state": observation["state"], "instruction": ""})
    with pytest.raises(OptionError, match="instruction=True"):
        policy_observation({"image": 0, "state": 0})
    with pytest.raises(ActionError, match=r"shape \(2, 6\); expected \(2, 7\)"):
        env_actions(torch.zeros(2, 6), 2)
    env.close()


def states() -> None:
    """Episode k of environment i begins in initial state i + k N, also after a close."""
    from lerobot.envs import make_env
    from lerobot.envs.factory import make_env_config

    import libero_gym.lerobot.config  # noqa: F401

    config = make_env_config(
        "libero_gym", task="libero_spatial", task_ids=[2], observation_height=32, observation_width=32
    )
    envs = make_env(config, n_envs=2)["libero_spatial"][2]
    found = []
    for close in (False, True, False):
        _, info = envs.reset(seed=[7, 8])
        found.append(info["init_state_id"].tolist())
        if close:
            envs.close()
    assert found == [[0, 1], [2, 3], [4, 5]], found
    assert envs.call("_max_episode_steps") == (280, 280)
    assert envs.call("task") == ("pick_up_the_black_bowl_from_table_center_and_place_it_on_the_plate",) * 2
    assert len(envs.call("save_state")) == 2
    envs.close()


def configs() -> None:
    """Keys that are wrong are named."""
    from lerobot.envs.factory import make_env_pre_post_processors
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.xvla.configuration_xvla import XVLAConfig

    from libero_gym.errors import OptionError
    from libero_gym.lerobot.config import LiberoGymConfig

    for keys, message in (
        ({"task": "libero_spatail"}, "did you mean 'libero_spatial'"),
        ({"fps": 30}, "--env.fps=30 in libero_gym; allowed: 20"),
        ({"observation_width": 64}, "allowed: equal ones"),
    ):
        with pytest.raises(OptionError, match=message):
            LiberoGymConfig(**keys)
    for key in ("obs_type", "control_mode"):
        with pytest.raises(TypeError, match=key):
            LiberoGymConfig(**{key: "state"})
    # an environment without processors, which X-VLA gets all the same: they turn images once more
    ours, _ = make_env_pre_post_processors(LiberoGymConfig(), ACTConfig())
    theirs, _ = make_env_pre_post_processors(LiberoGymConfig(), XVLAConfig())
    assert not ours.steps
    assert any(type(step).__name__ == "LiberoProcessorStep" for step in theirs.steps)


def dataset(source: str, folder: str) -> None:
    """LeRobot's own reader gives what was recorded: images exactly where they are PNG, nearly where they are video."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    from libero_gym.demos.dataset import DemoDataset
    from libero_gym.demos.location import locate

    kind = Path(folder).name
    recorded = DemoDataset.open(locate(source))
    read = LeRobotDataset(f"libero_gym/{kind}", root=folder)
    assert read.meta.info.codebase_version == "v3.0", read.meta.info.codebase_version
    assert (read.num_episodes, read.fps) == (len(recorded.records), 20)
    assert read.num_frames == sum(record.steps for record in recorded.records)
    index = 0
    for record in recorded.records:
        episode = recorded.episode(record.id)
        for step in range(len(episode)):
            if step % 10 == 0:
                frame = read[index]
                assert frame["task"] == episode.instruction
                assert (int(frame["episode_index"]), int(frame["frame_index"])) == (record.id, step)
                assert np.array_equal(frame["action"].numpy(), episode.actions[step])
                assert np.array_equal(frame["observation.state"].numpy(), episode.observations["state"][step])
                for key, name in (("image", "image"), ("wrist_image", "image2")):
                    found = frame[f"observation.images.{name}"].numpy().transpose(1, 2, 0)
                    difference = np.abs(found - episode.observations[key][step] / 255)
                    # a codec's loss: a few levels of 255 on average
                    assert difference.max() < 1e-6 if kind == "images" else difference.mean() < 0.02, difference.mean()
            index += 1
    actions = np.concatenate([actions for actions, _ in recorded.trajectories()])
    np.testing.assert_allclose(read.meta.stats["action"]["mean"], actions.mean(axis=0), atol=1e-5)
    batch = next(iter(torch.utils.data.DataLoader(read, batch_size=4)))
    assert batch["observation.images.image"].shape == (4, 3, 64, 64)


if __name__ == "__main__":
    if sys.argv[1] == "dataset":
        for exported in sys.argv[3:]:
            dataset(sys.argv[2], exported)
    else:
        for check in sys.argv[1:]:
            globals()[check]()
