"""The recipes for one GPU fit it, and docs/gpu.md shows the figures that say so."""

import json
from pathlib import Path

import pytest

from vla_trainer import placement
from vla_trainer.config import load_config
from vla_trainer.config.schema import Config
from vla_trainer.planner.memory import models

REPOSITORY = Path(__file__).parents[3]
GIB = 2**30
RECIPES = {"libero_10_grpo_openvlaoft_1gpu": 80, "libero_10_grpo_openvlaoft_1gpu_24gb": 24}


@pytest.fixture(scope="module")
def measured() -> dict[str, float]:
    """Bytes of activations, of `benchmarks/activation_bytes.py`."""
    found: dict[str, float] = json.loads((REPOSITORY / "benchmarks/results/activation_bytes.json").read_text())
    return found


def parts(config: Config, measured: dict[str, float]) -> list[float]:
    """GiB of frozen weights, of what is trained, of activations, of a block that is computed again, of rendering."""
    mib, rows = 2**20 / GIB / measured["rows"], config.actor.micro_batch_size
    with_checkpointing = config.policy.gradient_checkpointing
    kept = measured["with_checkpointing_mib" if with_checkpointing else "without_checkpointing_mib"]
    assert config.plan.parameters is not None
    assert config.plan.model_bytes is not None
    return [
        config.plan.parameters * 2 / GIB,
        measured["trained_weights"] * 16 / GIB,  # float32: weight, gradient, two moments
        rows * kept * mib,
        rows * measured["language_block_mib"] * mib if with_checkpointing else 0.0,
        # 130 MB for each of ten tasks on each thread that renders
        config.plan.model_bytes * models(config, placement.place(config)) / GIB,
    ]


@pytest.mark.parametrize(("name", "gigabytes"), RECIPES.items())
def test_a_recipe_fits_its_gpu(name: str, gigabytes: int, measured: dict[str, float]) -> None:
    config = load_config(name)
    assert config.policy.kwargs["dtype"] == "bfloat16"
    assert config.policy.lora is not None
    assert config.policy.lora.rank == measured["rank"]
    # one policy process, which acts and learns with the same weights
    placed = placement.place(config)
    assert [len(placed[component].processes) for component in ("env", "rollout", "actor")] == [1, 1, 1]
    assert placed.merged_ranks() == {0: 0}
    # a seventh is left for CUDA itself, fragments and acting
    assert sum(parts(config, measured)) < 0.85 * gigabytes * 1e9 / GIB


@pytest.mark.parametrize("column", [2, 3])
def test_the_page_shows_these_figures(column: int, measured: dict[str, float]) -> None:
    config = load_config(list(RECIPES)[column - 2])
    text = (REPOSITORY / "docs/gpu.md").read_text()
    rows = [line.split("|") for line in text[text.index("| | 80 GB | 24 GB |") :].splitlines()[2:8]]
    shown = [row[column].split(" GiB")[0].strip() for row in rows]
    expected = parts(config, measured)
    assert shown == [f"{value:.1f}" for value in (*expected, sum(expected))]


def test_both_ask_for_the_same_optimizer_steps_an_iteration() -> None:
    # an iteration of E episodes has at most 65 policy steps each: 5 steps of 16 E for every size
    full = load_config("libero_10_grpo_openvlaoft")
    for config in (full, *map(load_config, RECIPES)):
        assert config.rollout.episodes is not None
        assert config.actor.global_batch_size == 16 * config.rollout.episodes
