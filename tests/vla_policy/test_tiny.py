"""The toy's spaces, its first distribution, and that it learns."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector.utils import batch_space

from vla_policy import OpenVLAOFTPolicy
from vla_policy.errors import ConfigError, SpaceError


def first_distribution(policy, observation):
    """Mean and standard deviation of each action dimension, (N, K) each."""
    output = policy.act(observation, deterministic=True)
    with torch.no_grad():
        probabilities = policy._distribution(policy._network(output.inputs), 1.0).log_probs.exp().double()
    centres = torch.tensor(policy.action_tokenizer.id_values)
    mean = (probabilities * centres).sum(-1)
    return mean, ((probabilities * centres.square()).sum(-1) - mean.square()).sqrt()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_first_distribution_is_broad_centred_and_blind(build_tiny, make_observation, seed):
    mean, std = first_distribution(build_tiny(seed=seed), make_observation(8))
    assert mean.abs().max() < 0.25
    assert std.min() > 0.35
    assert std.max() < 0.52
    assert mean.std(0).max() < 0.1  # over states


def test_initial_std_is_obeyed(build_tiny, make_observation):
    _, std = first_distribution(build_tiny(initial_std=0.2), make_observation(4))
    assert std.mean().item() == pytest.approx(0.2, abs=0.05)


def test_seed_fixes_the_weights(build_tiny):
    first, second, other = (build_tiny(seed=s).state_dict() for s in (4, 4, 5))
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert any(not torch.equal(first[k], other[k]) for k in first)


@pytest.mark.parametrize(("chunk", "expected"), [(None, 1), (1, 1), (3, 3)])
def test_chunk_comes_from_the_action_space(make_spaces, make_observation, chunk, expected):
    policy = OpenVLAOFTPolicy.tiny(*make_spaces(chunk=chunk))
    assert policy.act(make_observation(2)).actions.shape == (2, expected, 7)


@pytest.mark.parametrize("chunk", [None, 3])
def test_batched_spaces_give_the_same_policy(make_spaces, chunk):
    single = make_spaces(chunk=chunk)
    batched = [batch_space(s, 5) for s in single]
    first, second = (OpenVLAOFTPolicy.tiny(*s, seed=1) for s in (single, batched))
    assert first.model.config == second.model.config
    assert first.config == second.config


@pytest.mark.parametrize(("side", "expected"), [(32, 32), (64, 64), (128, 64), (50, 48), (8, 16)])
def test_image_size_follows_the_env(make_spaces, make_observation, side, expected):
    policy = OpenVLAOFTPolicy.tiny(*make_spaces(side))
    assert policy.act(make_observation(1, side)).inputs["images"].shape == (1, 2, expected, expected, 3)


def test_parts_that_the_env_lacks_are_left_out(make_observation):
    bare = spaces.Dict(image=spaces.Box(0, 255, (32, 32, 3), np.uint8), instruction=spaces.Text(99))
    policy = OpenVLAOFTPolicy.tiny(bare, spaces.Box(-1, 1, (4,), np.float32), value_head=False)
    output = policy.act({k: make_observation(2)[k] for k in ("image", "instruction")})
    assert output.actions.shape == (2, 1, 4)
    assert output.values is None
    assert "proprio" not in output.inputs
    assert policy.evaluate(output.inputs, output.tokens).values is None
    assert policy.parameter_groups()["critic"] == []


def test_finite_state_bounds_are_used(make_spaces, make_observation):
    observation, action = make_spaces()
    observation["state"] = spaces.Box(np.full(8, -2, np.float32), np.full(8, 2, np.float32))
    inputs = OpenVLAOFTPolicy.tiny(observation, action).act({**make_observation(1), "state": np.ones((1, 8))}).inputs
    torch.testing.assert_close(inputs["proprio"], torch.full((1, 8), 0.5))  # 2 (1 + 2) / 4 - 1


def ppo_bandit(policy, observe, target, updates, learning_rate=1e-3):
    """PPO with 8 samples an update and 4 passes; reward -|mean action - target|, no state, no critic."""
    random = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(policy.parameter_groups()["actor"], lr=learning_rate)
    for update in range(updates):
        output = policy.act(observe(update), generator=random)
        reward = -np.abs(output.actions[:, :, :3] - target).mean((1, 2))
        advantage = torch.tensor((reward - reward.mean()) / (reward.std() + 1e-6), dtype=torch.float32)[:, None]
        for _ in range(4):
            ratio = (policy.evaluate(output.inputs, output.tokens).log_probs - output.log_probs).exp()
            loss = torch.maximum(-advantage * ratio, -advantage * ratio.clamp(0.8, 1.28)).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            optimizer.step()


def test_ppo_moves_the_mean_of_any_dimension(make_spaces, make_observation):
    policy = OpenVLAOFTPolicy.tiny(*make_spaces(chunk=None), seed=0)
    target = np.array([0.5, -0.4, 0.3])
    ppo_bandit(policy, lambda update: make_observation(8, seed=update), target, updates=25)
    mean, _ = first_distribution(policy, make_observation(8, seed=99))
    np.testing.assert_allclose(mean[:, :3].mean(0), target, atol=0.12)


def test_unknown_size_lists_the_known():
    with pytest.raises(ConfigError, match=r"widht.*allowed.*width"):
        OpenVLAOFTPolicy.tiny(None, None, widht=3)


def test_space_errors(make_spaces):
    observation, action = make_spaces()
    with pytest.raises(SpaceError, match="Dict with 'image'"):
        OpenVLAOFTPolicy.tiny(observation["image"], action)
    with pytest.raises(SpaceError, match="'instruction'"):
        OpenVLAOFTPolicy.tiny(spaces.Dict(image=observation["image"]), action)
    with pytest.raises(SpaceError, match=r"Box\(-1, 1\)"):
        OpenVLAOFTPolicy.tiny(observation, spaces.Box(-2, 2, (7,)))
    with pytest.raises(SpaceError, match=r"Box\(-1, 1\)"):
        OpenVLAOFTPolicy.tiny(observation, spaces.Discrete(3))
    with pytest.raises(SpaceError, match="'image'"):
        OpenVLAOFTPolicy.tiny(spaces.Dict({**observation.spaces, "image": spaces.Box(0, 1, (8, 8, 3))}), action)
