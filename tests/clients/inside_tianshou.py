"""Tianshou's vector environments, collector and PPO on our environments, over the workspace's packages."""

from __future__ import annotations

import functools

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.wrappers import FlattenObservation
from tianshou.algorithm import PPO
from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv, SubprocVectorEnv
from tianshou.trainer import OnPolicyTrainerParams
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ContinuousActorProbabilistic, ContinuousCritic
from torch.distributions import Independent, Normal

SPATIAL = "libero_gym:libero/Spatial-v0"
OPTIONS = {"task": 1, "render_quality": "fast", "settle_steps": 0, "max_episode_steps": 4}
make = functools.partial(gymnasium.make, SPATIAL, image_size=32, **OPTIONS)


def state_env() -> gymnasium.Env:
    return FlattenObservation(gymnasium.make(SPATIAL, cameras=(), instruction=False, reward="staged", **OPTIONS))


def dict_observations() -> None:
    """Observations with images and a sentence are those of Gymnasium, in one process and in several."""
    plain = make()
    plain.reset(seed=3)
    expected = plain.reset()[0]
    for kind in (DummyVectorEnv, SubprocVectorEnv):
        envs = kind([make, make])
        envs.seed([3, 4])  # which resets with the seeds
        observation, info = envs.reset()
        assert observation[0].keys() == expected.keys()
        np.testing.assert_array_equal(observation[0]["image"], expected["image"])
        assert observation[0]["instruction"] == expected["instruction"] == info[0]["instruction"]
        _, reward, terminated, truncated, _ = envs.step(np.zeros((2, 7), np.float32))
        assert reward.tolist() == [0, 0]
        assert not (terminated | truncated).any()
        envs.close()
    plain.close()


def training_policy(space: gymnasium.spaces.Box) -> ProbabilisticActorPolicy:
    torch.manual_seed(0)
    actor = ContinuousActorProbabilistic(
        preprocess_net=Net(state_shape=(8,), hidden_sizes=(32,)), action_shape=(7,), unbounded=True
    )
    return ProbabilisticActorPolicy(
        actor=actor, dist_fn=lambda parts: Independent(Normal(*parts), 1), action_space=space
    )


def training() -> None:
    """PPO's trainer runs an epoch, with the episodes that the time limit gives."""
    envs = DummyVectorEnv([state_env, state_env])
    space = state_env().action_space
    policy = training_policy(space)
    critic = ContinuousCritic(preprocess_net=Net(state_shape=(8,), hidden_sizes=(32,)))
    algorithm = PPO(policy=policy, critic=critic, optim=AdamOptimizerFactory(lr=3e-4))
    collector = Collector(algorithm, envs, VectorReplayBuffer(64, 2))
    result = algorithm.run_training(
        OnPolicyTrainerParams(
            training_collector=collector,
            test_collector=None,
            max_epochs=1,
            epoch_num_steps=32,
            collection_step_num_env_steps=16,
            update_step_num_repetitions=2,
            batch_size=8,
        )
    )
    assert result.train_step == 32, result
    assert result.train_episode == 8, result  # 4 steps each
    envs.close()


def own_batch() -> None:
    """A `LiberoVectorEnv` is none of Tianshou's vector environments."""
    batch = gymnasium.make_vec(SPATIAL, num_envs=2, vectorization_mode="vector_entry_point", **OPTIONS)
    with pytest.raises((TypeError, AssertionError, AttributeError)):
        Collector(training_policy(batch.single_action_space), batch, VectorReplayBuffer(64, 2)).collect(
            n_step=2, reset_before_collect=True
        )
    batch.close()


if __name__ == "__main__":
    dict_observations()
    own_batch()
    training()
    print("done")
