"""Memory of networks that are small enough to count by hand; the published 7B is built in test_published.py."""

import pytest

from vla_trainer.config.load import load_config
from vla_trainer.config.plan import Stack
from vla_trainer.config.schema import Config
from vla_trainer.placement import place
from vla_trainer.planner.memory import (
    acting_phases,
    activation_bytes,
    adapter_weights,
    block_weights,
    checkpoint_bytes,
    gpu_phases,
    host_phases,
    kept_bytes,
    threads,
    weights_of,
    working_bytes,
)

GATED = Stack(blocks=2, width=4, inner=8, tokens=3.0, last_tokens=1.0, gated=True)
PLAIN = Stack(blocks=1, unused=1, width=2, inner=4, tokens=5.0)


def config(*more: str) -> Config:
    """The recipe of eight GPUs with a small network: 2 x 168 + 2 x 54 weights in blocks, 56 others."""
    made = load_config("libero_10_grpo_openvlaoft", ["plan.outside_bytes=null", *more])
    plan = made.plan.model_copy(update={"network": [GATED, PLAIN], "parameters": 500.0, "model_bytes": 1000.0})
    return made.model_copy(update={"plan": plan})


def gpu(made: Config) -> dict[str, dict[str, float]]:
    weights = weights_of(made)
    assert weights is not None
    phases = gpu_phases(made, weights, place(made))
    return {phase.name: {item.name: item.bytes for item in phase.items} for phase in phases}


def test_weights_of_a_block() -> None:
    assert block_weights(GATED) == 4 * 16 + 3 * 32 + 2 * 4
    assert block_weights(PLAIN) == 4 * 4 + 2 * 8 + 9 * 2 + 4
    # rank 1: four 4 x 4 with 8 each, three 4 x 8 with 12 each, twice; 2 x 6 with 8, 2 x 2 with 4, two 2 x 4 with 6 each
    assert adapter_weights([GATED, PLAIN], 1) == 2 * (4 * 8 + 3 * 12) + 8 + 4 + 2 * 6


def test_activations() -> None:
    assert kept_bytes(GATED, False) == (24 * 4 + 8 * 8) * 3
    assert kept_bytes(GATED, "selective") == (14 * 4 + 4 * 8) * 3
    assert kept_bytes(GATED, True) == 2 * 4 * 3
    assert kept_bytes(PLAIN, False) == (20 * 2 + 4 * 4) * 5
    assert kept_bytes(PLAIN, "selective") == kept_bytes(PLAIN, True) == 2 * 2 * 5
    # the last gated block answers at a few positions, and is the first whose activations are freed
    assert activation_bytes([GATED, PLAIN], True) == 24 + 20
    # gradients of the gated block 2 x 3 x 8 x 3; computed again: 480 - 24
    assert working_bytes([GATED, PLAIN], False) == 144
    assert working_bytes([GATED, PLAIN], True) == 144 + 456


def test_phases_of_a_gpu() -> None:
    phases = gpu(config("policy.gradient_checkpointing=true"))
    assert phases["start"] == {"whole weights, before they are shared out": 2000}
    # of 500 weights 444 are in blocks: 2 bytes gathered, the other 56 have 4
    assert phases["acting"]["gathered weights"] == 2 * 444 + 4 * 56
    learning = phases["learning"]
    shares = ("weights, its share", "gradients, its share", "AdamW's two moments")
    assert [learning[name] for name in shares] == [250, 250, 500]
    assert learning["gathered blocks and their gradients"] == 10 * 168 + 4 * 56
    assert learning["activations of 16 policy steps"] == 16 * 44
    assert learning["one block's backward pass"] == 16 * 600
    # 2 stages x 12 threads and 8 of evaluations, with 10 tasks each
    assert learning["environments' models, if the GPU renders"] == 32 * 10 * 1000
    assert "reference policy" in gpu(config("algorithm.kl_coef=0.1"))["learning"]
    assert "weights, its share" not in gpu(config("actor.offload=true"))["learning"]


def test_a_gpu_that_only_acts() -> None:
    apart = config("cluster.component_placement={env: 0-1, rollout: 2-3, actor: 4-7}")
    weights = weights_of(apart)
    assert weights is not None
    start, acting = acting_phases(apart, weights, place(apart))
    # 444 weights of blocks in bfloat16, the other 56 in float32; environments have GPUs of their own
    assert start.bytes == acting.bytes == 2 * 444 + 4 * 56
    beside = config("cluster.component_placement={'env,rollout': 0-3, actor: 4-7}")
    # of 4 env processes each has 2 stages x 12 threads and 12 of evaluations, with ten tasks of 1000 bytes
    models = acting_phases(beside, weights, place(beside))[1].bytes - acting.bytes
    assert models == (24 + 12) * 10 * 1000
    assert acting_phases(config(), weights, place(config())) == []


def test_whole_gradients_and_gathered_weights_where_they_are_kept() -> None:
    learning = gpu(config("actor.gradient_sync=step", "actor.keep_gathered=true"))["learning"]
    assert learning["whole gradients (actor.gradient_sync=step)"] == 4 * 500
    assert learning["gathered weights"] == 2 * 444 + 4 * 56


def test_one_process_shares_nothing() -> None:
    learning = gpu(config("cluster.backend=local"))["learning"]
    assert (learning["weights"], learning["gradients"], learning["AdamW's two moments"]) == (2000, 2000, 4000)
    assert "gathered blocks and their gradients" not in learning


def test_adapters_are_all_that_has_gradients() -> None:
    made = load_config("libero_10_ppo_openvlaoft", ["policy.lora.rank=1"])
    plan = made.plan.model_copy(update={"network": [GATED, PLAIN], "parameters": 500.0})
    weights = weights_of(made.model_copy(update={"plan": plan}))
    assert weights is not None
    assert (weights.trained, weights.total, weights.bytes) == (160, 660, 4 * 660)


@pytest.mark.parametrize(("num_envs", "workers", "expected"), [(256, 12, 24 + 8), (64, 12, 8 + 8), (256, 4, 8 + 4)])
def test_threads_of_an_env_process(num_envs: int, workers: int, expected: int) -> None:
    # 256 environments over 8 processes and 2 stages: 16 each, on 12 threads; evaluations 64 over 8
    made = config(f"env.num_envs={num_envs}", f"env.workers={workers}")
    assert threads(made, 8) == expected


@pytest.mark.parametrize(
    ("recipe", "tasks"), [("libero_10", 10), ("libero_goal", 10), ("libero_90", 90), ("libero_130", 130)]
)
def test_a_thread_keeps_as_many_models_as_the_environment_says(recipe: str, tasks: int) -> None:
    shared_models = pytest.importorskip("libero_gym.shared_models")
    plan = load_config(f"{recipe}_grpo_openvlaoft").plan
    assert plan.models_per_thread == min(tasks, shared_models.MAX_MODELS)


def test_a_node_and_its_disk() -> None:
    made = config()
    weights = weights_of(made)
    assert weights is not None
    start, running = host_phases(made, weights, place(made), 70.0)
    # eight processes load 500 weights of 4 bytes; later, all moments are parked, and a save has a copy
    assert start.bytes == 8 * 2000
    amounts = {item.name: item.bytes for item in running.items}
    assert amounts["AdamW's moments while others use the GPUs"] == 8 * 500
    assert amounts["a copy of the weights while a checkpoint is written"] == 2000
    assert amounts["observations of an iteration"] == 70
    assert amounts["environments' models"] == 8 * 320 * 1000
    # weights and moments, and weights once more in bfloat16; the newest two, the best and one being written
    assert checkpoint_bytes(made, weights) == (500 * 14, 4 * 500 * 14)
    assert checkpoint_bytes(config("policy.export_dtype=null"), weights)[0] == 500 * 16
    # own successes may be all of the episodes of two iterations, in memory and in each checkpoint
    own = config("algorithm.self_imitation.memory=2")
    kept = {item.name: item.bytes for item in host_phases(own, weights, place(own), 70.0)[1].items}
    assert kept["observations of own successes, 2 iteration(s)"] == 140
    assert checkpoint_bytes(own, weights, 70.0)[0] == 500 * 14 + 140
    once = config("trainer.save_every=300")
    assert checkpoint_bytes(once, weights)[1] == 500 * 14
