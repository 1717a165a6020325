"""A critic that sees what the policy does not: its values, what the policy is given, resuming, errors."""

from pathlib import Path
from typing import Any

import hidden_state_toy
import numpy as np
import pytest
import torch
from gymnasium import spaces
from toy_runs import go_on, rows_of, train

from vla_trainer.algorithms.critic import CriticSettings
from vla_trainer.critic import Critic
from vla_trainer.critic.network import ValueNetwork
from vla_trainer.errors import CheckpointError, ConfigError, EnvError
from vla_trainer.rollout.env_spec import EnvSpec
from vla_trainer.trainer import RLTrainer


def trained(folder: Path, *overrides: str) -> tuple[RLTrainer, list[dict[str, Any]]]:
    trainer, rows = train(folder, hidden_state_toy.RECIPE, *overrides)
    assert isinstance(trainer, RLTrainer)
    return trainer, rows


def test_it_learns_values_of_what_the_policy_does_not_see(tmp_path):
    trainer, rows = trained(tmp_path)
    assert trainer._critic is not None
    values = trainer._critic.values(np.eye(2, dtype=np.float32))
    # V(A) = 1 + 0.9 * 2 and V(B) = 2; BlindPolicy has seen neither
    assert values == pytest.approx([2.8, 2.0], rel=0.02)
    # a state is all that decides a return, so the values explain all of it
    assert rows[-1]["actor/explained_variance"] > 0.98
    assert rows[0]["critic/policy_steps"] == 128  # 8 environments x 16
    assert rows[-1]["critic/policy_steps"] == 8 * 128
    assert "actor/value_loss" not in rows[-1]


@pytest.mark.parametrize("scale", ["1e-3", "1e6"])
def test_what_it_sees_may_have_any_unit(tmp_path, scale):
    trainer, _ = trained(tmp_path, f"env.scale={scale}")
    assert trainer._critic is not None
    assert trainer._critic.values(float(scale) * np.eye(2, dtype=np.float32)) == pytest.approx([2.8, 2.0], rel=0.02)


def test_what_it_sees_does_not_reach_the_policy(tmp_path):
    """Scaled by 0, it sees nothing, which gives other values and advantages; what is sampled first is the same."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _, one = trained(tmp_path / "a", "trainer.iterations=1")
    _, other = trained(tmp_path / "b", "trainer.iterations=1", "env.scale=0")
    assert one[0]["critic/loss"] != other[0]["critic/loss"]
    assert one[0]["actor/entropy"] == other[0]["actor/entropy"]
    assert one[0]["rollout/reward_mean"] == other[0]["rollout/reward_mean"]


def test_an_evaluation_needs_no_such_observation(tmp_path):
    _, rows = trained(tmp_path, "trainer.iterations=1", "eval.episodes=8", "eval.hidden=false")
    # even seeds return 1 + 2, odd ones 1
    assert rows[0]["eval/reward_mean"] == pytest.approx(2.0)
    trained(tmp_path, "trainer.iterations=1", "eval.episodes=8", f"output_dir={tmp_path / 'other'}")
    assert rows_of(tmp_path / "other")[0]["eval/reward_mean"] == rows[0]["eval/reward_mean"]


def test_a_resumed_run_is_the_same_to_the_last_digit(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    _, whole = trained(tmp_path / "whole", "trainer.iterations=6", "trainer.save_every=3")
    _, _ = trained(tmp_path / "parts", "trainer.iterations=3", "trainer.save_every=3")
    go_on(tmp_path / "parts" / "run", "trainer.iterations=6")
    assert rows_of(tmp_path / "parts" / "run") == whole


def test_its_first_iterations_leave_the_policy_alone(tmp_path):
    _, rows = trained(tmp_path, "trainer.iterations=3", "algorithm.critic_warmup_iterations=2")
    assert ["actor/loss" in row for row in rows] == [False, False, True]
    assert all("critic/loss" in row for row in rows)


def test_a_state_that_is_not_finite_is_refused(tmp_path):
    with pytest.raises(EnvError, match=r"hidden\[0\] is inf .*observations must be finite"):
        trained(tmp_path, "trainer.iterations=1", "env.scale=1e39")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["algorithm.critic.key=hiden"], r'key=hiden: observations have hidden, seen; did you mean "hidden"'),
        (["env.hidden=false"], "algorithm.critic.key=hidden: observations have seen"),
    ],
)
def test_a_key_that_is_not_there_is_named(tmp_path, overrides, message):
    with pytest.raises(ConfigError, match=message):
        trained(tmp_path, "policy.factory=vla_trainer.policy:GaussianPolicy", *overrides)


def test_a_checkpoint_without_it_is_refused(tmp_path):
    seeing = "policy.factory=vla_trainer.policy:GaussianPolicy"
    trained(tmp_path, "trainer.iterations=1", seeing, "algorithm.critic=null")
    with pytest.raises(CheckpointError, match="has no critic"):
        go_on(tmp_path / "run", "trainer.iterations=2", "algorithm.critic={key: hidden}")


def spec_of(space: spaces.Space[Any] | None) -> EnvSpec:
    return EnvSpec(spaces.Dict({}), spaces.Box(-1, 1, (1,)), None, None, 1.0, space)  # type: ignore[arg-type]


def test_only_numbers_are_looked_at():
    with pytest.raises(ConfigError, match="allowed: a Box of numbers"):
        Critic(CriticSettings(key="words"), spec_of(spaces.Text(5)), 0)


def test_inputs_are_scaled_by_the_mean_and_deviation_of_all_that_was_seen():
    network = ValueNetwork(3, [8], torch.Generator().manual_seed(0))
    torch.nn.init.normal_(network.head.weight)
    of = torch.Generator().manual_seed(1)
    # other units and another zero for each input; the third is constant
    rows = torch.randn(64, 3, generator=of) * torch.tensor([1e-2, 1e3, 0.0]) + torch.tensor([0.0, -1e4, 7.0])
    for part in rows.split([1, 13, 50]):
        network.see(part)
    torch.testing.assert_close(network.input_mean, rows.double().mean(0))
    torch.testing.assert_close(network.input_variance, rows.double().var(0, correction=0))
    scaled = (rows - rows.mean(0)) / torch.tensor(
        [float(rows[:, 0].std(correction=0)), float(rows[:, 1].std(correction=0)), 1.0]
    )
    expected = network.head(network.body(scaled)).squeeze(-1)
    torch.testing.assert_close(network.normalized(rows), expected, rtol=1e-3, atol=1e-3)
    # an input that was constant until now counts for 5 deviations, not for millions
    off = rows.clone()
    off[:, 2] += 1e6
    scaled[:, 2] = 5.0
    torch.testing.assert_close(
        network.normalized(off), network.head(network.body(scaled)).squeeze(-1), rtol=1e-3, atol=1e-3
    )


def test_rescaling_keeps_what_the_network_says():
    network = ValueNetwork(3, [8], torch.Generator().manual_seed(0))
    torch.nn.init.normal_(network.head.weight)
    rows = torch.randn(10, 3)
    before = network(rows)
    network.rescale(torch.tensor([100.0, 300.0]))
    assert (float(network.mean), float(network.std)) == (200.0, 100.0)  # of 100 and 300
    torch.testing.assert_close(network(rows), before, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network.targets(torch.tensor([100.0, 300.0])), torch.tensor([-1.0, 1.0]))
