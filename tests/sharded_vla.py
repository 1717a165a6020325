"""Updates of the toy VLA that one process and two must agree on, as functions that a new process can import."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.distributed as dist
from gymnasium import spaces
from torch import Tensor

from vla_policy import OpenVLAOFTPolicy
from vla_trainer.algorithms import GRPO, PPO
from vla_trainer.checkpoint.sharded import save
from vla_trainer.config.schema import Actor
from vla_trainer.types import Batch
from vla_trainer.update.blocks import blocks_of
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import update
from vla_trainer.update.ranks import Ranks
from vla_trainer.update.sharding import full_state_dict, reshard, shard, unshard

CHUNK, DIMS, ROWS = 2, 7, 5
OBSERVATIONS = spaces.Dict(
    image=spaces.Box(0, 255, (32, 32, 3), np.uint8), state=spaces.Box(-1, 1, (8,)), instruction=spaces.Text(64)
)
ACTIONS = spaces.Box(-1, 1, (CHUNK, DIMS), np.float32)
# eps: a key's bias moves no attention weight, so that its true gradient is 0; with Adam's default of 1e-8 rounding of
# that size would become a step of lr. 5 rows in micro-batches of 2: 3 and 2 rows on 2 ranks, the other's second pass
# does not count.
ACTOR = Actor(lr=1e-3, eps=1e-3, micro_batch_size=2)


@dataclass(frozen=True)
class Case:
    algorithm: PPO | GRPO
    lora: int | None = None
    bf16: bool = False
    """Compute in bfloat16; frozen weights are bfloat16, too."""
    gradient_checkpointing: bool | Literal["selective"] = False
    float32_base: bool = False
    """Frozen weights stay float32."""


CASES = {
    "whole": Case(PPO(epochs=2)),
    "adapters": Case(GRPO(epochs=2), lora=2, gradient_checkpointing=True),
    "bf16": Case(PPO(epochs=2), bf16=True),
    "bf16 adapters": Case(GRPO(epochs=2), lora=2, bf16=True),
    "bf16, checkpointing": Case(PPO(epochs=2), bf16=True, gradient_checkpointing=True),
    "bf16, selective checkpointing": Case(PPO(epochs=2), bf16=True, gradient_checkpointing="selective"),
    "bf16 adapters over float32, checkpointing": Case(
        GRPO(epochs=2), lora=2, bf16=True, gradient_checkpointing=True, float32_base=True
    ),
}


def make(case: Case) -> OpenVLAOFTPolicy:
    policy = OpenVLAOFTPolicy.tiny(
        OBSERVATIONS, ACTIONS, trunk_width=24, trunk_depth=2, width=32, ffn_width=48, lora=case.lora
    )
    if case.gradient_checkpointing:
        policy.gradient_checkpointing_enable(case.gradient_checkpointing)
    if case.lora is not None and case.bf16 and not case.float32_base:
        for weight in policy.parameters():
            if not weight.requires_grad:
                weight.data = weight.data.bfloat16()
    return policy.eval()


def observe(rows: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "image": rng.integers(0, 255, (rows, 32, 32, 3), np.uint8),
        "state": rng.uniform(-1, 1, (rows, 8)).astype(np.float32),
        "instruction": [f"pick up the {'black bowl' if row % 2 else 'plate'}" for row in range(rows)],
    }


@dataclass
class Outputs:
    """Outputs of one evaluation, beside float64 numbers from the same hidden states."""

    dtypes: set[torch.dtype]
    logits: tuple[Tensor, Tensor]
    log_probs: tuple[Tensor, Tensor]
    values: tuple[Tensor, Tensor]


@dataclass
class Result:
    """Result of an update of two steps."""

    metrics: dict[str, float]
    weights: dict[str, Tensor]
    """Whole; only of rank 0."""
    actions: list[Any]
    """Of the policy afterwards, which acts once more on each further rank."""
    blocks: int = 0
    trainable: set[str] = field(default_factory=set)
    """Names in the state that is sent to those who act; only of rank 0."""
    outputs: Outputs | None = None


def run(case: Case, ranks: Ranks, folder: Path | None = None) -> Result:
    """Take one update; write a checkpoint of it to `folder`, if there is one."""
    policy, generator = make(case), torch.Generator().manual_seed(0)
    autocast = partial(torch.autocast, "cpu", torch.bfloat16, enabled=case.bf16)
    with autocast():
        out = policy.act(observe(ROWS), generator=generator)
    advantages = torch.randn(ROWS, generator=generator)
    batch = Batch(
        inputs=out.inputs,
        tokens=out.tokens,
        log_probs=out.log_probs,
        advantages=advantages,
        episode=torch.arange(ROWS) // 2,
        lengths=torch.tensor([1, 2, 2, 1, 2]),
        values=out.values,
        returns=out.values + advantages,
    )
    blocks = len(blocks_of(policy))
    if ranks.size > 1:
        shard(policy, ranks, blocks_in=torch.bfloat16 if case.bf16 else None)
    optimizer = make_optimizer(policy, ACTOR)
    metrics = update(
        policy,
        optimizer,
        batch,
        case.algorithm,
        ACTOR,
        temperature=1.0,
        action_dim=DIMS,
        generator=torch.Generator().manual_seed(1),
        autocast=autocast,
        ranks=ranks,
    )
    weights, trainable = full_state_dict(policy), set(full_state_dict(policy, trainable_only=True))
    if folder is not None:
        save(folder, policy, optimizer, ranks)
    unshard(policy)
    with autocast():
        actions = [policy.act(observe(3), deterministic=True).actions for _ in range(ranks.rank + 1)]
    reshard(policy)
    return Result(metrics, weights, actions, blocks, trainable)


@torch.no_grad()
def evaluate(case: Case, ranks: Ranks) -> Outputs:
    """Score tokens with logits near 20 and values that are not 0, sharded where there are several ranks."""
    policy, rng = make(case), torch.Generator().manual_seed(2)
    assert policy.value_head is not None
    policy.model.language_model.lm_head.weight.mul_(8.0)
    last = policy.value_head.mlp[-1].weight
    last.normal_(0.0, 0.3, generator=rng)
    first, vocab = policy.model.first_action_id, policy.model.config.vocab_size
    rows = policy.model.language_model.lm_head.weight[first:vocab].double()
    mlp = copy.deepcopy(policy.value_head.mlp).double()
    tokens = torch.randint(first, vocab, (ROWS, CHUNK * DIMS), generator=rng)
    inputs = policy.observe(observe(ROWS))
    if ranks.size > 1:
        shard(policy, ranks, blocks_in=torch.bfloat16 if case.bf16 else None)
    seen: list[Any] = []
    policy.model.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.autocast("cpu", torch.bfloat16, enabled=case.bf16):
        scores = policy.evaluate(inputs, tokens)
    hidden, logits = seen[0].hidden.double(), seen[0].logits
    exact = hidden @ rows.T
    chosen = exact.log_softmax(-1).gather(-1, (tokens - first)[..., None])[..., 0]
    return Outputs(
        {logits.dtype, scores.log_probs.dtype, scores.entropy.dtype, scores.values.dtype},
        (logits.double(), exact),
        (scores.log_probs.double(), chosen),
        (scores.values.double(), mlp(hidden.mean(1))[:, 0]),
    )


def run_all(folder: Path) -> dict[str, Result]:
    """Run all cases; called in each process."""
    ranks = Ranks(dist.group.WORLD)
    return {
        name: replace(run(case, ranks, folder / name), outputs=evaluate(case, ranks)) for name, case in CASES.items()
    }
