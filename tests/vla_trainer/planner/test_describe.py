"""What `--plan` prints, without making anything."""

import json
import time
from pathlib import Path

import pytest

import vla_trainer
from vla_trainer.config import load_config
from vla_trainer.planner.describe import describe, max_policy_steps


def plan(recipe: str, *overrides: str, logs: Path = Path("nowhere")) -> str:
    return describe(load_config(recipe, overrides), recipe, logs)


def test_amounts_of_grpo() -> None:
    # 1,024 episodes of at most 520 steps, 65 policy steps of 8: 66,560, in steps of at most 16,384: five
    output = plan("libero_10_grpo_openvlaoft", "env.max_episode_steps=520")
    assert "1024 episodes (128 groups of 8), at most 66,560 policy steps of 8 step(s) from 256 x libero/10-v0" in output
    assert "at most 5 optimizer step(s)" in output
    # ten more groups of 8 episodes of 65 policy steps
    config = load_config("libero_10_grpo_openvlaoft", ["rollout.resample_groups=10", "env.max_episode_steps=520"])
    assert max_policy_steps(config) == 66_560 + 10 * 8 * 65


def test_amounts_of_ppo() -> None:
    # 8 environments x 16 policy steps, in parts of 64, 4 epochs; 128 x 8 steps are 16 episodes of 64
    output = plan("tiny_spatial_ppo")
    assert "128 policy steps of 8 step(s), at least 16 episodes" in output
    assert "then 8 optimizer step(s) of at most 64 policy steps" in output


def test_learning_while_others_collect() -> None:
    output = plan("tiny_spatial_grpo", "actor.batch_order=groups", "actor.global_batch_size=64")
    assert "in the first epoch they begin as groups end, with whole groups: that many policy steps or more" in output
    apart = [
        "cluster.backend=ray",
        "cluster.gpus_per_node=2",
        "cluster.component_placement={env: 0, rollout: 0, actor: 1}",
    ]
    assert "while the next iteration is collected" in plan("tiny_spatial_grpo", "rollout.max_staleness=1", *apart)
    assert "while the next iteration is collected" not in plan("tiny_spatial_grpo", *apart)


def test_sections_stand_in_their_order() -> None:
    output = plan("libero_10_grpo_openvlaoft", "env.max_episode_steps=520")
    titles = [line for line in output.splitlines() if line and not line.startswith(" ")]
    assert titles == [
        "What runs",
        "Where",
        "Memory of a GPU",
        "Memory of a node",
        "Time of an iteration",
        "What would help most",
        "Other layouts",
        "Notes",
    ]
    assert max(map(len, output.splitlines())) <= 160


def test_memory() -> None:
    output = plan("libero_10_grpo_openvlaoft", "env.max_episode_steps=520")
    # 151,980 bytes x 66,560 = 9.4 GiB; 3 x 4 + 2 bytes a weight: 7.541e9 x 14 = 106 GB, of two, the best and the next
    assert row(output, "observations of an iteration") == ["9.4"]
    assert "disk: 106 GB a checkpoint, every 10 iterations; at most 422 GB at once" in output
    # all on one: 4 bytes, 4 and 8 of each weight
    output = plan("libero_10_grpo_openvlaoft", "cluster.backend=local")
    assert [row(output, name)[-1] for name in ("weights", "gradients", "AdamW's two moments")] == [
        "28.1",
        "28.1",
        "56.2",
    ]
    assert "TOO FEW" in output
    # two nodes, each with a copy over its 8: 28.1 GiB over 16 or 8
    nodes = "cluster.num_nodes=2"
    assert row(plan("libero_10_grpo_openvlaoft", nodes), "weights, its share")[-1] == "1.8"
    assert row(plan("libero_10_grpo_openvlaoft", nodes, "actor.shard_over=node"), "weights, its share")[-1] == "3.5"
    assert "Memory" not in plan("tiny_spatial_ppo")


def row(output: str, name: str) -> list[str]:
    """The numbers of a line of a table."""
    return next(line.split(name)[1].split() for line in output.splitlines() if line.strip().startswith(name + "  "))


def test_time_is_estimated_from_the_plan_section() -> None:
    # 4,096 policy steps over 8 processes, in two stages of 4 environments on 4 threads: a step takes 8 / 57 s, 140 ms,
    # acting for 4 takes 4 x 4.915e12 / 4.3e14 s, 45.72 ms: 64 (140.35 + 45.72); as the second stage is one act behind
    # and gets its last values after the first's, 3 x 45.72 ms more: 12.05 s
    output = plan("libero_10_ppo_openvlaoft", "plan.flops_per_second=4.3e14")
    assert "an iteration = rollout 12.05 + update" in output
    assert "bottleneck: the update" in output
    assert "4.915 TFLOP to act (counted)" in output
    assert "at 430 TFLOP/s a device, 43% of its peak of 989 (plan.flops_per_second: assumed)" in output
    missing = ("plan.tokens=null", "plan.forward_flops=null")
    assert "not known; an earlier run, or speeds" in plan("libero_10_ppo_openvlaoft", *missing)
    output = plan("tiny_spatial_ppo", "plan.iteration_seconds=10", "trainer.iterations=10")
    assert "10 s an iteration (plan.iteration_seconds); 100 s in all" in output


def test_time_of_an_earlier_run_comes_first(tmp_path: Path) -> None:
    folder = tmp_path / "tiny_spatial_ppo" / "2026-01-01_00-00-00"
    folder.mkdir(parents=True)
    lines = [json.dumps({"iteration": n, "time/iteration": seconds}) for n, seconds in enumerate((9.0, 2.0, 3.0))]
    (folder / "metrics.jsonl").write_text("\n".join([*lines, '{"iteration": 4, "time/it']))
    # the median, 3 s, times 26
    output = plan("tiny_spatial_ppo", logs=tmp_path)
    assert f"measured: 3.0 s an iteration in {folder}; 78 s in all" in output


@pytest.mark.parametrize(("override", "words"), [("rollout.pipeline_stage_num=1", ""), ("", " in 2 stages")])
def test_stages(override: str, words: str) -> None:
    output = plan("libero_goal_ppo_openvlaoft", *([override] if override else []))
    assert f"from 64 x libero/Goal-v0{words}\n" in output


def test_predictions_are_quick() -> None:
    # a second on one core; five seconds are what one waits for
    begin = time.process_time()
    assert "a prediction, not a measurement" in plan("libero_10_grpo_openvlaoft", "env.max_episode_steps=520")
    assert time.process_time() - begin < 4.0
    assert "prediction" not in plan("tiny_spatial_grpo")


def test_nothing_imports_the_planner_but_the_command() -> None:
    source = Path(vla_trainer.__file__).parent
    importing = {
        path.name for path in source.rglob("*.py") if "vla_trainer.planner" in path.read_text(encoding="utf-8")
    }
    own = {path.name for path in (source / "planner").glob("*.py")}
    assert importing - own == {"cli.py"}


def test_where_processes_without_a_gpu_render() -> None:
    ray = ["cluster.backend=ray", "cluster.gpus_per_node=2", "env.num_envs=6"]
    nodes = "cluster.component_placement={env: {node_group: node, placement: '0:0-2'}, 'rollout,actor': 0}"
    line = "env processes without a GPU render on their node's GPUs in turn: GPU 0: E0 E2, GPU 1: E1"
    assert f"  {line}\n" in plan("tiny_spatial_grpo", *ray, nodes)
    # with GPUs of their own they render there
    assert "in turn" not in plan("tiny_spatial_grpo", *ray, "cluster.component_placement={'env,rollout,actor': 0}")
