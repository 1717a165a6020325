"""Blocks of a policy: the parts that are gathered, and computed in the compute dtype, one at a time.

FSDP2 gathers a block's weights in the compute dtype and casts what goes into the block. A policy that only acts holds
its blocks in that dtype and casts there, too, so that both compute the same numbers:

    learns (update.sharding):  shards float32 --gather--> block in bfloat16   <-- inputs cast -- the rest as it is made
    only acts (`hold_blocks`):                            block in bfloat16   <-- inputs cast -- the rest as it is made
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only


def block_dtype(precision: Literal["fp32", "bf16"], *, processes: int) -> torch.dtype | None:
    """Return the type that blocks are gathered, sent and computed in; None: that of their weights.

    Args:
        precision: `policy.precision`.
        processes: with the policy, in a run. One alone computes under autocast, see `policy.make.autocast_of`.
    """
    return torch.bfloat16 if precision == "bf16" and processes > 1 else None


def blocks_of(policy: nn.Module) -> list[nn.Module]:
    """Return the parts of a network that are gathered one at a time.

    They are what the policy's method `fsdp_modules()` lists, if it has one; else the members of each `nn.ModuleList`
    or `nn.Sequential` of at least two modules of one class that have modules of their own, as transformers have them.
    """
    if (named := getattr(policy, "fsdp_modules", None)) is not None:
        return list(named())
    if isinstance(policy, (nn.ModuleList, nn.Sequential)) and _repeats(list(policy)):
        return list(policy)
    return [block for child in policy.children() for block in blocks_of(child)]


def hold_blocks(policy: nn.Module, dtype: torch.dtype) -> None:
    """Hold the weights of blocks in `dtype`, and cast what goes into a block to it, as FSDP2 does while it computes.

    What belongs to no block (heads, embeddings), and buffers, keep their type. For a policy that does not learn here:
    an optimizer's steps are lost in bfloat16.
    """
    for block in blocks_of(policy):
        for weight in block.parameters():
            if weight.is_floating_point():
                weight.data = weight.data.to(dtype)

        def cast(_block: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
            return _cast((args, kwargs), dtype)

        block.register_forward_pre_hook(cast, prepend=True, with_kwargs=True)


def sent_dtypes(policy: nn.Module, blocks_in: torch.dtype | None) -> dict[str, torch.dtype]:
    """Return the type that each weight is sent in, by name: `blocks_in` within blocks, else its own."""
    inside = {id(weight) for block in blocks_of(policy) for weight in block.parameters()}
    return {
        name: blocks_in if blocks_in is not None and id(weight) in inside else weight.dtype
        for name, weight in policy.named_parameters()
    }


def _cast(tree: Any, dtype: torch.dtype) -> Any:
    return tree_map_only(Tensor, lambda x: x.to(dtype) if x.is_floating_point() else x, tree)


def _repeats(members: list[nn.Module]) -> bool:
    return len(members) >= 2 and len({type(member) for member in members}) == 1 and any(members[0].children())
