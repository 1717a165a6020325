"""What imitation learning needs of a policy: a dataset's statistics, targets, and an L1 head that learns and acts."""

import numpy as np
import pytest
import torch

from vla_policy import OpenVLAOFTPolicy
from vla_policy.errors import ConfigError, UnsupportedError

STATISTICS = {
    "action": {"q01": [-0.5] * 6 + [-1.0], "q99": [0.5] * 6 + [1.0], "mask": [True] * 6 + [False]},
    "proprio": {"q01": [-1.0] * 8, "q99": [3.0] * 8},
}


def test_statistics_change_what_tokens_and_proprioception_mean(build_tiny, make_observation):
    policy = build_tiny()
    policy.use_statistics("demonstrations", STATISTICS)
    assert policy.stats.key == "demonstrations"
    actions = np.zeros((1, 2, 7), np.float32)
    actions[0, 0] = [0.25, -0.25, 0.6, 0, 0, 0, 1]
    # 0.25 of [-0.5, 0.5] is 0.5 of [-1, 1]; 0.6 is cut to 1; the gripper is passed through
    normalized = policy.normalize_actions(actions)
    assert normalized[0, 0].tolist() == pytest.approx([0.5, -0.5, 1, 0, 0, 0, 1], abs=1e-6)
    # back within half a bin: 1 / 255 of [-1, 1], half of that in these units
    back = policy.decode(policy.encode(actions))[0, 0]
    assert np.abs(back - np.clip(actions[0, 0], [-0.5] * 6 + [-1], [0.5] * 6 + [1])).max() < 1 / 255
    observation = make_observation(1)
    observation["state"] = np.full((1, 8), 2.0, np.float32)
    # 2 in [-1, 3]: 2 (2 + 1) / 4 - 1 = 0.5
    assert policy.observe(observation)["proprio"][0].tolist() == pytest.approx([0.5] * 8)


def test_statistics_travel_with_the_weights(build_tiny, make_observation, tmp_path):
    policy, other = build_tiny(), build_tiny(seed=5)
    policy.use_statistics("demonstrations", STATISTICS)
    state = policy.state_dict()
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    torch.save(state, tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    policy.save_pretrained(tmp_path / "saved")
    loaded = OpenVLAOFTPolicy.from_pretrained(tmp_path / "saved")
    expected = policy.act(make_observation(3), deterministic=True)
    for twin in (other, loaded):
        assert twin.stats.key == "demonstrations"
        assert np.array_equal(twin.act(make_observation(3), deterministic=True).actions, expected.actions)


def test_statistics_of_other_sizes_are_refused_and_change_nothing(build_tiny):
    policy = build_tiny()
    key = policy.stats.key
    with pytest.raises(ConfigError, match="6 action dims; the network has 7"):
        policy.use_statistics("short", {"action": {"q01": [0.0] * 6, "q99": [1.0] * 6}})
    with pytest.raises(ConfigError, match="3 proprioception dims; the network has 8"):
        policy.use_statistics("short", {**STATISTICS, "proprio": {"q01": [0.0] * 3, "q99": [1.0] * 3}})
    with pytest.raises(ConfigError, match="no q99"):
        policy.use_statistics("short", {"action": {"q01": [0.0] * 7}})
    assert policy.stats.key == key
    assert list(policy.model.source_config["norm_stats"]) == [key]


def test_an_l1_head_learns_what_it_is_shown_and_acts_on_it(build_tiny, make_observation):
    policy = build_tiny(action_head="l1")
    observation = make_observation(4)
    shown = np.linspace(-0.8, 0.8, 4 * 2 * 7).reshape(4, 2, 7)
    inputs, targets = policy.observe(observation), policy.normalize_actions(shown)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = (policy.regress(inputs) - targets).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    output = policy.act(observation, deterministic=True)
    with torch.no_grad():
        left = (policy.regress(inputs) - targets).abs().mean().item()
    assert np.abs(output.actions - shown).mean() == pytest.approx(left, rel=1e-4)
    assert np.array_equal(output.actions, policy.predict(observation))
    assert output.log_probs.isnan().all()
    assert output.tokens.shape == (4, 14)


def test_what_a_head_cannot_do_is_said(build_tiny, make_observation):
    l1, tokens = build_tiny(action_head="l1"), build_tiny()
    with pytest.raises(UnsupportedError, match="deterministic=True"):
        l1.act(make_observation(1))
    with pytest.raises(UnsupportedError, match="no L1 head"):
        tokens.regress(tokens.observe(make_observation(1)))
