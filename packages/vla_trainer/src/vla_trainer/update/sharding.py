"""Spread a policy's weights, gradients and optimizer over ranks (FSDP2), and gather them for what one rank does alone.

    shard --> evaluate, backward: a block's weights are gathered before it is used and freed after it, on all ranks
              unshard --> act, any number of times on each rank --> reshard
              full_state_dict: whole tensors on the CPU of rank 0

Without a process group nothing is wrapped, and `unshard` and `reshard` do nothing. A group of one rank is sharded: its
blocks are then computed as those of several, and as those of processes that only act (blocks.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import (
    CPUOffloadPolicy,
    FSDPModule,
    MixedPrecisionPolicy,
    OffloadPolicy,
    fully_shard,
    register_fsdp_forward_method,
)
from torch.distributed.tensor import DTensor
from torch.torch_version import TorchVersion

from vla_trainer.config.schema import Actor
from vla_trainer.errors import BackendError, PolicyError
from vla_trainer.protocols import Policy
from vla_trainer.update.blocks import blocks_of
from vla_trainer.update.ranks import Ranks


@dataclass(frozen=True)
class Scores:
    """The output of a sharded policy's `evaluate`; see `vla_trainer.protocols.EvaluateOutput`."""

    log_probs: Tensor
    """(B, K)."""
    entropy: Tensor
    """(B, K), nats."""
    values: Tensor | None
    """(B,)."""


#: The first torch whose sharded blocks cast their inputs when a block is computed again for the backward pass, too.
RECOMPUTES_IN_BF16 = "2.13"


def shard(
    policy: Policy,
    ranks: Ranks,
    *,
    blocks_in: torch.dtype | None = None,
    offload: bool = False,
    gradient_checkpointing: bool = False,
) -> None:
    """Shard `policy` in place: its blocks (see `blocks_of`) one by one, and what is left as one more group.

    Every rank calls it with the same weights, before `make_optimizer`. Frozen weights stay frozen, and gradients are
    summed over the ranks, not averaged. Afterwards `evaluate` and `act` wait for all ranks.

    Args:
        blocks_in: the type that blocks are gathered and computed in, see `blocks.block_dtype`: bfloat16 is half the
            traffic and memory. The shards that the optimizer moves, sums of gradients and what belongs to no block
            (heads, embeddings) keep their type, so that autocast is still needed. Unlike under autocast alone, as in
            one process, norms and sums inside blocks are bfloat16, too: log-probabilities of the toy VLA differ by
            0.01, as much as either differs from float32. A policy that acts elsewhere holds its blocks with
            `blocks.hold_blocks`, so that ratios begin at 1.
        gradient_checkpointing: whether the policy computes blocks again in the backward pass.
        offload: keep shards, gradients and the optimizer's moments in host memory, where the optimizer's step then
            runs. Changes nothing where the policy computes on the CPU.

    Raises:
        PolicyError: the policy has a weight that is a single number.
        BackendError: `offload` is asked for without a process group; or torch is too old.
    """
    offload = offload and ranks.device.type != "cpu"
    if ranks.size == 1 and ranks.group is None and not offload:
        return
    if blocks_in is not None and gradient_checkpointing and TorchVersion(torch.__version__) < RECOMPUTES_IN_BF16:
        raise BackendError(
            f"policy.gradient_checkpointing with policy.precision=bf16 in several processes needs torch "
            f"{RECOMPUTES_IN_BF16}; this is {torch.__version__}, which computes blocks again from inputs of another "
            "type; install a newer torch, or set policy.gradient_checkpointing=false"
        )
    if not hasattr(FSDPModule, "set_force_sum_reduction_for_comms"):
        raise BackendError(f"torch {torch.__version__} cannot add gradients up over ranks; torch 2.9 and later can")
    assert isinstance(policy, nn.Module)
    if scalars := [name for name, weight in policy.named_parameters() if weight.ndim == 0]:
        raise PolicyError(f"weight {scalars[0]} has the shape (), which cannot be sharded; make it (1,)")
    mesh = ranks.mesh()
    host = CPUOffloadPolicy() if offload else OffloadPolicy()
    in_blocks = MixedPrecisionPolicy(param_dtype=blocks_in, reduce_dtype=None if blocks_in is None else torch.float32)
    for block in blocks_of(policy):
        fully_shard(block, mesh=mesh, mp_policy=in_blocks, offload_policy=host)
    fully_shard(policy, mesh=mesh, offload_policy=host)
    for module in _groups(policy):
        module.set_gradient_divide_factor(1.0)
        # a plain sum, which every backend has
        module.set_force_sum_reduction_for_comms(True)
    _gather_around(policy)


def is_sharded(policy: Policy) -> bool:
    """Return whether `shard` has sharded it, also while it is gathered."""
    return isinstance(policy, FSDPModule)


def unshard(policy: Policy) -> None:
    """Gather all weights on every rank, and keep them: from now on `act` waits for no other rank.

    All ranks call it. A rank then holds the whole network, its blocks in the type that they are computed in.
    """
    for module in _groups(policy):
        module.set_reshard_after_forward(False, recurse=False)
        module.unshard()


def reshard(policy: Policy) -> None:
    """Free what `unshard` gathered; waits for no other rank."""
    for module in _groups(policy):
        # the root's are needed again at once, when the backward pass begins
        module.set_reshard_after_forward(id(module) != id(policy), recurse=False)
        module.reshard()


def before_pass(policy: Policy, actor: Actor, *, last: bool) -> None:
    """Set what the next forward and backward pass exchanges with other ranks; before each micro-batch of a step.

    Over nodes, gradients are summed once a step in any case: until then they are added up in their shards.

    Args:
        policy: sharded.
        actor: `gradient_sync` and `keep_gathered`.
        last: whether it is the last micro-batch of the step. After its backward pass nothing is gathered any more.
    """
    for module in _groups(policy):
        module.set_requires_gradient_sync(last or actor.gradient_sync == "micro_batch", recurse=False)
        module.set_requires_all_reduce(last, recurse=False)
        # the root's are needed again at once, when the backward pass begins
        frees = not actor.keep_gathered and id(module) != id(policy)
        module.set_reshard_after_forward(frees, recurse=False)
        module.set_reshard_after_backward(last or not actor.keep_gathered, recurse=False)


def prepare(policy: Policy, ranks: Ranks) -> None:
    """Make `policy` ready for an update on `ranks`: sharded, and not gathered.

    Raises:
        BackendError: there are several ranks, and `policy` is not sharded over them.
    """
    if ranks.size > 1 and not is_sharded(policy):
        raise BackendError(f"an update on {ranks.size} ranks needs a policy that update.sharding.shard has sharded")
    reshard(policy)


def full_state_dict(policy: Policy, *, trainable_only: bool = False) -> dict[str, Tensor]:
    """Return whole tensors on the CPU, as `state_dict` names them, on rank 0; nothing on the others. All ranks call it.

    A policy that was gathered is gathered afterwards, too. The tensors are copies.

    Args:
        trainable_only: leave frozen weights out; buffers stay. For `load_state_dict(..., strict=False)`.
    """
    assert isinstance(policy, nn.Module)
    if not is_sharded(policy):
        frozen = {name for name, weight in policy.named_parameters() if trainable_only and not weight.requires_grad}
        state: Mapping[str, Tensor] = policy.state_dict()
        return {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items() if name not in frozen}
    gathered = not any(isinstance(weight, DTensor) for weight in policy.parameters())
    reshard(policy)
    options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=trainable_only)
    whole: dict[str, Any] = get_model_state_dict(policy, options=options)
    if gathered:
        unshard(policy)
    return {name: tensor.detach().clone() for name, tensor in whole.items()}


def _groups(policy: Policy) -> Iterator[FSDPModule]:
    """Yield the modules whose weights are gathered as one, in an order that all ranks share."""
    assert isinstance(policy, nn.Module)
    return (module for module in policy.modules() if isinstance(module, FSDPModule))


def _gather_around(policy: Any) -> None:
    """Let `act` and `evaluate` gather the root's weights, as FSDP does around `forward`.

    FSDP must find the tensors that a backward pass begins at. In a tuple it does; in a policy's own record, older
    versions of torch do not, and gradients then silently stay on their rank.
    """
    evaluate = policy.evaluate

    def tensors(self: Any, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        out = evaluate(*args, **kwargs)
        # copies: FSDP's hooks do not hold on views, such as an expanded entropy
        return out.log_probs.clone(), out.entropy.clone(), None if out.values is None else out.values.clone()

    def scores(self: Any, *args: Any, **kwargs: Any) -> Scores:
        return Scores(*self._evaluate_tensors(*args, **kwargs))

    policy._evaluate_tensors = MethodType(tensors, policy)
    register_fsdp_forward_method(policy, "_evaluate_tensors")
    policy.evaluate = MethodType(scores, policy)
    register_fsdp_forward_method(policy, "act")
