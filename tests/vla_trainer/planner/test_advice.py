"""Which changes are tried, and what is said about them."""

import pytest

from vla_trainer.config.load import load_config
from vla_trainer.planner.advice import changes, describe_advice
from vla_trainer.planner.recipe import forecast

SLOW = ["env.num_envs=64", "rollout.pipeline_stage_num=1", "policy.gradient_checkpointing=true"]


def advice(*more: str) -> list[str]:
    config = load_config("libero_10_grpo_openvlaoft", ["env.max_episode_steps=520", *more])
    found = forecast(config)
    assert found is not None
    return list(describe_advice(config, found))


def test_the_best_change_is_first_with_its_seconds() -> None:
    lines = advice(*SLOW)
    seconds = [float(line.split()[0]) for line in lines]
    assert seconds == sorted(seconds)
    config = load_config("libero_10_grpo_openvlaoft", ["env.max_episode_steps=520", *SLOW, "env.num_envs=128"])
    then = forecast(config)
    assert then is not None
    line = next(line for line in lines if "env.num_envs=128" in line)
    assert float(line.split()[0]) == pytest.approx(then.prediction.total, rel=1e-3)


def test_what_does_not_fit_is_marked() -> None:
    # all activations of 64 policy steps are 150 GB
    line = next(line for line in advice(*SLOW, "actor.micro_batch_size=64") if "gradient_checkpointing=false" in line)
    assert line.endswith("DOES NOT FIT on a GPU")
    line = next(line for line in advice(*SLOW, "actor.micro_batch_size=1") if "gradient_checkpointing=false" in line)
    assert "FIT" not in line


def test_changes_keep_what_is_learned_from() -> None:
    # more environments of a horizon would be a larger batch; of as many episodes they are not
    ppo = [change.text for change in changes(load_config("libero_10_ppo_openvlaoft"))]
    assert not any("num_envs" in text for text in ppo)
    for change in changes(load_config("libero_10_grpo_openvlaoft", SLOW)):
        assert change.config.rollout.episodes == 1024
        assert change.config.actor.global_batch_size == 16384
    # where as many environments as episodes run, there are no more to add
    assert not any(
        "num_envs" in text.text for text in changes(load_config("libero_10_grpo_openvlaoft", ["env.num_envs=1024"]))
    )
