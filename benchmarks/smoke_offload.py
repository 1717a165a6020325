"""Section "offload" of the GPU smoke test: an update with FSDP2 on one rank, weights and moments in host memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import policy as policy_benchmark
import smoke_policy
import torch
import torch.distributed as dist
from smoke_rows import Row, Settings, at_most, holds, skipped

from vla_policy import OpenVLAOFTPolicy
from vla_trainer.algorithms import GRPO
from vla_trainer.config.schema import Actor
from vla_trainer.types import Batch
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import update
from vla_trainer.update.ranks import Ranks, backend_of
from vla_trainer.update.sharding import is_sharded, shard

SECTION = "offload"
ROWS, CHUNK = 8, 8


def make(settings: Settings) -> OpenVLAOFTPolicy:
    """Make 108 million float32 weights, all of them trained; of size tiny the toy."""
    if not settings.full:
        return smoke_policy.tiny(settings)
    return policy_benchmark.build(policy_benchmark.medium(), settings.device, torch.float32).eval()


def batch_of(policy: OpenVLAOFTPolicy) -> Batch:
    """Return ROWS policy steps that the policy has just taken, two an episode, with advantages of chance."""
    generator = torch.Generator(policy.device).manual_seed(0)
    out = policy.act(policy_benchmark.observations(ROWS), generator=generator)
    advantages = torch.from_numpy(np.random.default_rng(0).standard_normal(ROWS).astype(np.float32))
    return Batch(
        inputs=out.inputs,
        tokens=out.tokens,
        log_probs=out.log_probs,
        advantages=advantages,
        episode=torch.arange(ROWS) // 2,
        lengths=torch.full((ROWS,), CHUNK),
        values=None,
        returns=None,
    )


def one_update(policy: OpenVLAOFTPolicy, batch: Batch, settings: Settings, ranks: Ranks) -> dict[str, float]:
    """Take two optimizer steps in bfloat16; metrics, and seconds as "seconds"."""
    actor = Actor(lr=1e-5, micro_batch_size=4)
    optimizer = make_optimizer(policy, actor)
    smoke_policy.synchronize(settings)
    begin = time.perf_counter()
    metrics = update(
        policy,
        optimizer,
        batch,
        GRPO(epochs=2),
        actor,
        temperature=1.0,
        action_dim=7,
        generator=torch.Generator().manual_seed(1),
        autocast=partial(smoke_policy.autocast, settings),
        ranks=ranks,
    )
    smoke_policy.synchronize(settings)
    return {**metrics, "seconds": time.perf_counter() - begin}


def run(settings: Settings) -> Iterator[Row]:
    """Compare an update with its offloaded twin, which begins at the same weights."""
    policy = make(settings)
    batch = batch_of(policy)
    plain = one_update(policy, batch, settings, Ranks())
    yield Row(SECTION, "update, plain", plain["seconds"], "s")
    del policy
    meeting = f"file://{settings.folder / 'meeting'}"
    dist.init_process_group(backend_of(settings.device), meeting, world_size=1, rank=0)
    try:
        twin = make(settings)
        ranks = Ranks(dist.group.WORLD, settings.device)
        shard(twin, ranks, offload=True)
        weights = list(twin.parameters())
        if settings.device == "cuda":
            on_host = is_sharded(twin) and {weight.device.type for weight in weights} == {"cpu"}
            yield holds(SECTION, "weights", on_host, "host" if on_host else "GPU", "in host memory")
        else:
            yield skipped(SECTION, "weights", "processors have nothing to offload to")
        offloaded = one_update(twin, batch, settings, ranks)
    finally:
        dist.destroy_process_group()
    yield Row(SECTION, "update, offloaded", offloaded["seconds"], "s")
    difference = abs(offloaded["actor/grad_norm"] - plain["actor/grad_norm"]) / plain["actor/grad_norm"]
    yield at_most(SECTION, "difference of the gradient's norm", difference, 0.05)
    loss = abs(offloaded["actor/loss"] - plain["actor/loss"])
    yield at_most(SECTION, "difference of the loss", loss, 0.05)
