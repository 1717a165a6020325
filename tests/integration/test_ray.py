"""LIBERO on the ray backend: three shapes on four logical devices of two nodes, and the losses of one process."""

from __future__ import annotations

import functools
import logging
import warnings

import forks
import pytest
import torch
from ray_nodes import two_nodes
from safetensors.torch import load_file

from vla_trainer.config.load import load_config
from vla_trainer.trainer import make_trainer

pytestmark = pytest.mark.slow

SMALL = ["env.num_envs=8", "env.max_episode_steps=40", "env.image_size=32", "env.assets=builtin", "trainer.threads=1"]
AMOUNTS = {
    # 5 policy steps of 8 steps an episode; two optimizer steps an iteration
    "grpo": [
        "rollout.episodes=8",
        "algorithm.group_size=4",
        "actor.micro_batch_size=8",
        "algorithm.epochs=1",
        "env.task=[0,3]",
        "rollout.task_sampling=prioritized",
    ],
    "ppo": ["rollout.horizon=5", "actor.micro_batch_size=8", "actor.global_batch_size=20", "algorithm.epochs=1"],
}
COLLOCATED = '{"env,rollout,actor": all}'
HYBRID = "{env: 0-1, rollout: 2-3, actor: 0-3}"
SEPARATED = "{env: 0-1, rollout: 2, actor: 3}"
TWO_RANKS = "{env: 0, rollout: 1, actor: 2-3}"
EXCHANGE = ("actor.gradient_sync=step", "actor.keep_gathered=true", "actor.shard_over=node")


@pytest.fixture(scope="module")
def cluster():
    with two_nodes([*forks.POLICY, *forks.ENVIRONMENT]) as made:
        yield made


class Warn(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        warnings.warn(record.getMessage(), stacklevel=2)


@pytest.fixture(scope="module", autouse=True)
def lost_processes_are_warnings():
    supervisor, handler = logging.getLogger("vla_trainer.runtime.supervisor"), Warn(logging.WARNING)
    supervisor.addHandler(handler)
    yield
    supervisor.removeHandler(handler)


def three_iterations(algorithm, *overrides):
    """Metrics of each update, returns of each iteration's episodes, and bytes of the last weight sync."""
    # an env process that hangs is started again, as a user's is, and where it hung is a warning of the test
    config = load_config(
        f"tiny_spatial_{algorithm}", [*SMALL, *AMOUNTS[algorithm], "cluster.hang_seconds=150", *overrides]
    )
    backend = make_trainer(config)
    try:
        measured, returns = [], []
        for iteration in (1, 2, 3):
            rollout = backend.collect()
            assert set(rollout.version[rollout.mask]) == {iteration - 1}
            measured.append(backend.update(config.algorithm.batch(rollout), iteration))
            returns.append([rollout.episodes[number].episode_return for number in sorted(rollout.episodes)])
        sent = None
        if config.cluster.backend == "ray":
            sent = backend.runtime.sync_bytes / backend.runtime.trainable_bytes()
        return measured, returns, sent
    finally:
        backend.close()


@pytest.fixture(scope="module")
def local():
    """What one process gives for an algorithm and adapters or none; computed once."""
    return functools.cache(three_iterations)


@pytest.mark.parametrize(
    ("algorithm", "placement", "lora"),
    [
        ("grpo", COLLOCATED, False),  # 4 actor ranks
        ("grpo", HYBRID, False),  # 4
        ("grpo", SEPARATED, False),  # 1
        ("ppo", SEPARATED, False),  # 1
        ("ppo", TWO_RANKS, True),  # 2
        ("ppo", HYBRID, False),  # 4
    ],
    ids=["grpo-collocated", "grpo-hybrid", "grpo-separated", "ppo-1", "ppo-2-lora", "ppo-4"],
)
def test_losses_are_those_of_one_process(cluster, local, algorithm, placement, lora):
    # what is exchanged, and when, changes no loss; there where it is: 4 ranks on two nodes
    exchange = EXCHANGE if (algorithm, placement) == ("ppo", HYBRID) else ()
    adapters = ("policy.lora={rank: 4}",) if lora else ()
    # first, so that scenes are compiled once and not by each process
    expected, expected_returns, _ = local(algorithm, *adapters)
    measured, returns, sent = three_iterations(
        algorithm,
        *adapters,
        "cluster.backend=ray",
        "cluster.num_nodes=2",
        "cluster.gpus_per_node=2",
        f"cluster.address={cluster.address}",
        f"cluster.component_placement={placement}",
        *exchange,
    )
    for mine, theirs in zip(returns, expected_returns, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-6)
    for mine, theirs in zip(measured, expected, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-5)
        assert mine["actor/grad_norm"] > 0
    # where all that act also learn, nothing is sent; else once what is trained, of adapters only them: 5% more at most
    everyone_learns = placement in (COLLOCATED, HYBRID)
    assert sent == (0 if everyone_learns else pytest.approx(1, abs=0.05))


@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_starts_in_the_middle_of_episodes_are_those_of_one_process(cluster, algorithm):
    # 0.75 of the groups, or episodes, of the second and third iteration
    settings = ["env.task=3", "rollout.starts=branching", "rollout.saved_start_share=0.75"]
    measured, returns, _ = three_iterations(
        algorithm,
        *settings,
        "rollout.task_sampling=uniform",
        "cluster.backend=ray",
        "cluster.num_nodes=2",
        "cluster.gpus_per_node=2",
        f"cluster.address={cluster.address}",
        f"cluster.component_placement={SEPARATED}",
    )
    expected, expected_returns, _ = three_iterations(algorithm, *settings, "rollout.task_sampling=uniform")
    for mine, theirs in zip(returns, expected_returns, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-6)
    for mine, theirs in zip(measured, expected, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("placement", [SEPARATED, TWO_RANKS], ids=["one learns", "two learn"])
def test_ratios_begin_at_1_in_bfloat16(cluster, placement, tmp_path):
    config = load_config(
        "tiny_spatial_ppo",
        [
            *SMALL,
            *AMOUNTS["ppo"],
            "policy.precision=bf16",
            "policy.export_dtype=bf16",
            "cluster.backend=ray",
            "cluster.num_nodes=2",
            "cluster.gpus_per_node=2",
            f"cluster.address={cluster.address}",
            f"cluster.component_placement={placement}",
        ],
    )
    backend = make_trainer(config)
    try:
        errors = []
        for iteration in (1, 2):
            metrics = backend.update(config.algorithm.batch(backend.collect()), iteration)
            errors.append(metrics["actor/initial_ratio_error"])
        # rows are batched otherwise than they were acted on, which is all that is left: 2^-8 of a few roundings
        assert max(errors) < 3 * 2**-8
        assert backend.runtime.sync_bytes < 0.8 * backend.runtime.trainable_bytes()  # heads are float32
        path = backend.save(tmp_path / "checkpoints", 2, {}, None).publish()
        weights = load_file(path / "model.safetensors")
        assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    finally:
        backend.close()
    again = make_trainer(config)
    try:
        again.load(path)
        assert again.collect().env_steps > 0
        assert again.update(config.algorithm.batch(again.collect()), 3)["actor/initial_ratio_error"] < 3 * 2**-8
    finally:
        again.close()
