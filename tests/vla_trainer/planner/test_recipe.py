"""What `--plan` predicts, from a file of times or from assumed speeds."""

import json
import shlex
from pathlib import Path

import pytest

from vla_trainer import placement
from vla_trainer.config.load import load_config
from vla_trainer.errors import MeasurementError
from vla_trainer.planner import Line, StageTimes, Transfer
from vla_trainer.planner.recipe import ASSUMED, assumed_times, describe_prediction, overrides
from vla_trainer.planner.suggest import Layout

SPEEDS = [
    "plan.parameters=1e9",
    "plan.tokens=10",
    "plan.flops_per_second=1e12",
    "plan.env_steps_per_second=80",
    "plan.cores_per_node=8",
]
"""2 x 1e9 x 10 / 1e12 = 0.02 s forward; a policy step of 8 steps takes 0.1 s."""


def described(recipe: str, *more: str, limit: int | None = 64) -> str:
    return "\n".join(describe_prediction(load_config(recipe, more), limit))


def test_times_that_the_section_plan_assumes() -> None:
    assert assumed_times(load_config("tiny_spatial_ppo", SPEEDS)) == StageTimes(
        env_step=Line(each=0.1), act=Line(each=0.02), update=Line(each=3 * 0.02)
    )
    # activations are computed twice; all weights, of 4 bytes, are sent; adapters: nobody knows how many they are
    grpo = assumed_times(load_config("libero_10_grpo_openvlaoft"))
    assert grpo is not None
    assert grpo.update.each == pytest.approx(4 * grpo.act.each)
    assert grpo.sync == Transfer(bytes=2 * 7.54e9, bytes_per_second=2.5e10)  # bfloat16
    ppo = assumed_times(load_config("libero_10_ppo_openvlaoft"))
    assert ppo is not None
    assert ppo.sync.seconds == 0
    assert assumed_times(load_config("libero_10_ppo_openvlaoft", ["plan.tokens=null"])) is None


def test_a_recipe_in_one_process() -> None:
    # 16 policy steps of 8 environments, on as many threads: 16 (8 x 0.02 + 0.1) s, last values 0.16 s; 4 epochs of 128
    # policy steps at 0.06 s
    output = described("tiny_spatial_ppo", *SPEEDS)
    assert "collocated in 1 stage(s): 35.04 s an iteration (rollout 4.32 + update 30.72)" in output
    assert ASSUMED in output
    assert len(output.splitlines()) == 2  # no GPUs, no layouts


def test_nothing_is_predicted_of_what_is_not_known() -> None:
    assert described("tiny_spatial_ppo") == ""
    assert described("tiny_spatial_sft", *SPEEDS) == ""
    assert described("tiny_spatial_grpo", *SPEEDS, limit=None) == ""
    # on one process a placement is only shown
    assert described("tiny_spatial_ppo", *SPEEDS, "cluster.component_placement={env: 0}") == ""


def test_layouts_for_a_recipe_on_gpus() -> None:
    output = described("libero_10_grpo_openvlaoft", limit=520).splitlines()
    rows = [line.split() for line in output[3:-1]]
    assert [row[1] for row in rows if row[0] == "*"] == ["8", "16", "32", "64"]
    # 1,024 episodes of 65 policy steps over 8 processes, 4 x 2 x 7.54e9 x 350 / 3e14 s each: 585.5 s
    assert "collocated in 2 stage(s): 804.7 s an iteration (rollout 219.2 + update 585.5)" in output[-1]
    assert "none of these is quicker on 8 GPUs" in output[-1]


def test_a_better_layout_is_suggested_as_it_is_typed() -> None:
    *_, own, typed = described("libero_10_grpo_openvlaoft", "rollout.pipeline_stage_num=1", limit=520).splitlines()
    # 877.8 / 804.7
    assert "1.09 times the suggested one for 8 GPUs" in own
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
    output = described("tiny_spatial_ppo", *SPEEDS, f"plan.times={file}")
    assert "24.5 s an iteration (rollout 24.5 + update 0)" in output
    assert f"{file} (one GPU)" in output
    file.write_text(json.dumps({"act": {}}))
    with pytest.raises(MeasurementError, match=r'times.json: missing key "env_step"'):
        described("tiny_spatial_ppo", f"plan.times={file}")
