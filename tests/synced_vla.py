"""Processes that learn and one that only acts, with the toy VLA, as functions that a new process can import.

Axes: B policy steps, K tokens a policy step.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from sharded_vla import ACTOR, CASES, DIMS, ROWS, Case, make, observe
from torch import Tensor

from vla_trainer.runtime.weight_sync import WeightSync, host_meeting, join, visit_meeting
from vla_trainer.types import Batch
from vla_trainer.update.blocks import block_dtype, hold_blocks
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import update

NAMES = ("whole", "bf16", "bf16 adapters over float32, checkpointing")
"""Of the cases of `sharded_vla`."""


@dataclass
class Scores:
    """What a process thinks of the same tokens, before the first update and after it."""

    log_probs: tuple[Tensor, Tensor]
    """(B, K) each."""
    values: tuple[Tensor | None, Tensor | None]
    bytes_of_weights: int
    """That this process holds."""
    sent: int
    """Bytes that it sent in the second weight sync."""


def meet() -> Any:
    """Return the store of all processes, found by the group that they were started with, which is left."""
    rank, size = dist.get_rank(), dist.get_world_size()
    place: list[Any] = [None]
    store = None
    if rank == 0:
        store, place[0] = host_meeting("127.0.0.1", size)
    dist.broadcast_object_list(place)
    dist.destroy_process_group()
    return store if rank == 0 else visit_meeting(("127.0.0.1", place[0]), size)


def run(name: str, learning: int) -> Scores:
    """Take one update in the first `learning` processes, as `PolicyWorker` does; the last one only acts."""
    case, rank, size = CASES[name], dist.get_rank(), dist.get_world_size()
    blocks_in, learns = block_dtype("bf16" if case.bf16 else "fp32", processes=size), rank < learning
    policy = loud(case)
    if not learns and blocks_in is not None:
        hold_blocks(policy, blocks_in)
    group = join(
        meet(),
        rank=rank,
        learning=learning,
        size=size,
        acts=not learns,
        device=torch.device("cpu"),
        seconds=60.0,
        shards=blocks_in is not None,
    )
    sync = WeightSync(policy, group, learns=learns, acts=not learns, blocks_in=blocks_in)
    if learns:
        sync.shard(None, offload=False, gradient_checkpointing=case.gradient_checkpointing)
    batch = fixed_batch(case)
    autocast = partial(torch.autocast, "cpu", torch.bfloat16, enabled=case.bf16)

    @torch.no_grad()
    def scores() -> tuple[Tensor, Tensor | None]:
        with autocast():
            out = policy.evaluate(batch.inputs, batch.tokens)
        return out.log_probs, out.values

    sync.run()
    before = scores()
    if learns:
        optimizer = make_optimizer(policy, ACTOR.model_copy(update={"lr": 0.02}))
        arguments: dict[str, Any] = {"temperature": 1.0, "action_dim": DIMS, "autocast": autocast}
        generator = torch.Generator().manual_seed(1)
        update(policy, optimizer, batch, case.algorithm, ACTOR, generator=generator, ranks=group.ranks, **arguments)
    sent = sync.run()
    after = scores()
    held = sum(weight.nbytes for weight in policy.parameters())
    return Scores((before[0], after[0]), (before[1], after[1]), held, sent)


def wait_for_nobody(seconds: float) -> float:
    """Return how long the first process waits in a weight sync that the second one does not come to."""
    rank = dist.get_rank()
    device = torch.device("cpu")
    group = join(meet(), rank=rank, learning=1, size=2, acts=rank == 1, device=device, seconds=seconds)
    began = time.monotonic()
    if rank == 0:
        with contextlib.suppress(RuntimeError):
            dist.all_reduce(torch.zeros(1), group=group.sync_group)
    else:
        time.sleep(3 * seconds)
    waited = time.monotonic() - began
    dist.destroy_process_group()
    # of which the caller takes leave
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    return waited


def run_all(learning: int) -> dict[str, Scores]:
    """Run all cases, one after the other, in processes that are there."""
    return {name: run(name, learning) for name in NAMES}


def loud(case: Case) -> Any:
    """Return a policy whose logits are near 20, as those of a trained network."""
    policy = make(case)
    with torch.no_grad():
        policy.model.language_model.lm_head.weight.mul_(8.0)
    return policy


def fixed_batch(case: Case) -> Batch:
    """Return what a float32 policy sampled, the same in every process."""
    policy, generator = loud(case), torch.Generator().manual_seed(0)
    out = policy.act(observe(ROWS), generator=generator)
    advantages = torch.randn(ROWS, generator=generator)
    return Batch(
        inputs=out.inputs,
        tokens=out.tokens,
        log_probs=out.log_probs,
        advantages=advantages,
        episode=torch.arange(ROWS),
        lengths=torch.full((ROWS,), 2),
        values=out.values,
        returns=None if out.values is None else out.values + advantages,
    )
