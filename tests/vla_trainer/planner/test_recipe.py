"""What `--plan` predicts, from a file of times or from assumed speeds."""

import json
import shlex
from pathlib import Path

import pytest

from vla_trainer import placement
from vla_trainer.config.load import load_config
from vla_trainer.errors import MeasurementError
from vla_trainer.planner import Line, StageTimes, Transfer
from vla_trainer.planner.layouts import describe_layouts
from vla_trainer.planner.recipe import ASSUMED, Forecast, assumed_times, forecast, overrides
from vla_trainer.planner.suggest import Layout

SPEEDS = [
    "plan.parameters=1e9",
    "plan.tokens=10",
    "plan.flops_per_second=1e12",
    "plan.env_steps_per_second=80",
    "plan.cores_per_node=8",
]
"""2 x 1e9 x 10 / 1e12 = 0.02 s forward; a policy step of 8 steps takes 0.1 s."""


def forecast_of(recipe: str, *more: str) -> Forecast | None:
    return forecast(load_config(recipe, more))


def layouts(recipe: str, *more: str) -> list[str]:
    config = load_config(recipe, more)
    found = forecast(config)
    assert found is not None
    return describe_layouts(config, found)


def test_times_that_the_section_plan_assumes() -> None:
    assert assumed_times(load_config("tiny_spatial_ppo", SPEEDS)) == StageTimes(
        env_step=Line(each=0.1), act=Line(each=0.02), update=Line(each=3 * 0.02)
    )
    # without the network's sizes all is computed twice
    twice = assumed_times(load_config("tiny_spatial_ppo", [*SPEEDS, "policy.gradient_checkpointing=true"]))
    assert twice is not None
    assert twice.update.each == pytest.approx(4 * 0.02)
    # the counted operations come before two a weight and position; all weights, of 4 bytes, are sent
    grpo = assumed_times(load_config("libero_10_grpo_openvlaoft"))
    assert grpo is not None
    assert grpo.act.each == pytest.approx(4.915e12 / 3.26e14)
    assert grpo.sync == Transfer(bytes=2 * 7.541e9, bytes_per_second=2.5e10)  # bfloat16
    # adapters: no gradients of the frozen weights; nobody knows how many are sent
    ppo = assumed_times(load_config("libero_10_ppo_openvlaoft", ["policy.gradient_checkpointing=false"]))
    assert ppo is not None
    assert ppo.update.each == pytest.approx(2 * ppo.act.each)
    assert ppo.sync.seconds == 0
    missing = ["plan.tokens=null", "plan.forward_flops=null"]
    assert assumed_times(load_config("libero_10_ppo_openvlaoft", missing)) is None


def test_a_recipe_in_one_process() -> None:
    # 16 policy steps of 8 environments, on as many threads: 16 (8 x 0.02 + 0.1) s, last values 0.16 s; 4 epochs of 128
    # policy steps at 0.06 s
    found = forecast_of("tiny_spatial_ppo", *SPEEDS)
    assert found is not None
    assert (found.prediction.rollout, found.prediction.update) == pytest.approx((4.32, 30.72))
    assert found.source == ASSUMED
    assert layouts("tiny_spatial_ppo", *SPEEDS) == []  # no GPUs, no layouts


def test_nothing_is_predicted_of_what_is_not_known() -> None:
    assert forecast_of("tiny_spatial_ppo") is None
    assert forecast_of("tiny_spatial_sft", *SPEEDS) is None
    # on one process a placement is only shown
    assert forecast_of("tiny_spatial_ppo", *SPEEDS, "cluster.component_placement={env: 0}") is None


def test_the_recipe_of_eight_gpus_takes_at_most_400_seconds_with_compiled_blocks() -> None:
    # 1,024 episodes of 65 policy steps over 8 processes are 8,320 each. Learning from one: three forward passes of
    # 4.915 TFLOP, and the trunks again without the last product of a block: 23 blocks of 261 positions,
    # 23 (8 + 2) 1024^2 x 2 x 261 x ... = see test_flops; 0.252 TFLOP: 14.997 / 430 x 8,320 = 290.2 s
    compiled = ("policy.compile=blocks", "plan.flops_per_second=4.3e14")
    found = forecast_of("libero_10_grpo_openvlaoft", "env.max_episode_steps=520", *compiled)
    assert found is not None
    assert found.prediction.update == pytest.approx(290.2, abs=0.1)
    # environments: 532,480 steps on 96 cores at 57 a second, 97.3 s, while the policy acts for the others
    assert 532_480 / 57 / 96 <= found.prediction.rollout < 98.5
    assert found.prediction.total < 400


def test_layouts_for_a_recipe_on_gpus() -> None:
    output = layouts("libero_10_grpo_openvlaoft", "env.max_episode_steps=520")
    rows = [line.split() for line in output[2:-1]]
    assert [row[1] for row in rows if row[0] == "*"] == ["8", "16", "32", "64"]
    assert output[-1] == "none of these is quicker on 8 GPUs than the recipe's own"


def test_a_better_layout_is_suggested_as_it_is_typed() -> None:
    changed = ["rollout.pipeline_stage_num=1", "env.max_episode_steps=520", "plan.flops_per_second=4.3e14"]
    *_, own, typed = layouts("libero_10_grpo_openvlaoft", *changed)
    # 482.6 / 387.7: a stage waits for the policy, and the policy for it
    assert "takes 1.24 times as long as the suggested one for 8 GPUs" in own
    better = load_config("libero_10_grpo_openvlaoft", ["rollout.pipeline_stage_num=1", *shlex.split(typed)])
    assert better.rollout.pipeline_stage_num == 2
    apart = {"env": "0-3", "rollout": "4-7", "actor": "0-7"}
    config = load_config("libero_10_grpo_openvlaoft", shlex.split(overrides(Layout("hybrid", apart, 2))))
    assert config.cluster.component_placement == apart
    assert placement.place(config).shape == "hybrid"


def test_measured_times_come_first(tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    StageTimes(Line(1.0), Line(0.5), Line(), measured_on="one GPU").write(file)
    # 16 policy steps of 1.5 s, last values 0.5 s
    found = forecast_of("tiny_spatial_ppo", *SPEEDS, f"plan.times={file}")
    assert found is not None
    assert (found.prediction.rollout, found.prediction.update) == (24.5, 0.0)
    assert found.source == str(file)
    file.write_text(json.dumps({"act": {}}))
    with pytest.raises(MeasurementError, match=r'times.json: missing key "env_step"'):
        forecast_of("tiny_spatial_ppo", f"plan.times={file}")
