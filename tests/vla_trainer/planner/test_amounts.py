"""What an iteration does, from a recipe or by hand."""

import pytest
from pydantic import ValidationError

from vla_trainer.config.load import load_config
from vla_trainer.errors import MeasurementError
from vla_trainer.planner import Amounts, amounts_of


def test_lengths_repeat_and_are_the_same_for_everyone() -> None:
    amounts = Amounts(num_envs=2, episodes=5, episode_lengths=(3, 1), seed=None)
    assert amounts.lengths(5) == [3, 1, 3, 1, 3]
    shuffled = Amounts(num_envs=4, episodes=5, episode_lengths=(3, 1))
    assert sorted(shuffled.lengths(5)) == [1, 1, 3, 3, 3]
    assert shuffled.lengths(5) == shuffled.lengths(5)


def test_optimizer_steps() -> None:
    # 20 policy steps of which half are learned from; 10 in parts of at most 4: 4, 3, 3; twice
    amounts = Amounts(num_envs=1, horizon=20, learned=0.5, global_batch_size=4, epochs=2)
    assert amounts.optimizer_steps(20) == [4, 3, 3, 4, 3, 3]
    assert Amounts(num_envs=1, horizon=20).optimizer_steps(20) == [20]
    assert Amounts(num_envs=1, horizon=20, learned=0.0).optimizer_steps(20) == []


def test_either_episodes_or_a_horizon() -> None:
    with pytest.raises(ValidationError, match="give one of the two"):
        Amounts(num_envs=1)
    with pytest.raises(ValidationError, match="give one of the two"):
        Amounts(num_envs=1, horizon=2, episodes=3, episode_lengths=(1,))
    with pytest.raises(ValidationError, match="episode_lengths is empty"):
        Amounts(num_envs=1, episodes=3)


def test_of_a_recipe() -> None:
    grpo = amounts_of(load_config("libero_10_grpo_openvlaoft"), [64], learned=0.75)
    assert (grpo.num_envs, grpo.episodes, grpo.horizon, grpo.episode_lengths) == (256, 1024, None, (64,))
    assert (grpo.global_batch_size, grpo.micro_batch_size, grpo.learned, grpo.action_chunk) == (16384, 16, 0.75, 8)
    ppo = amounts_of(load_config("libero_10_ppo_openvlaoft"), [])
    assert (ppo.episodes, ppo.horizon) == (None, 64)
    with pytest.raises(MeasurementError, match="sft collects nothing"):
        amounts_of(load_config("libero_10_sft_openvlaoft"), [64])
    with pytest.raises(MeasurementError, match="episode_lengths is empty"):
        amounts_of(load_config("libero_10_grpo_openvlaoft"), [])
