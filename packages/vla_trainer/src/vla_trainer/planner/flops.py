"""Count the floating-point operations of a policy step: forward, backward, and what is computed again.

A matrix product of S positions with a D x M matrix is 2 S D M operations; its backward pass is two such products.

Axes: P weights, L and S positions, D width, M width of the feed-forward part.
"""

from typing import Literal

from vla_trainer.config.plan import Plan, Stack
from vla_trainer.config.schema import PolicyConfig

Recompute = bool | Literal["selective"]


def forward_flops(plan: Plan) -> float | None:
    """Return the operations of the policy's forward pass for one policy step; None where the section has too little.

    They are `plan.forward_flops`, as a counter finds them, else 2 P L.
    """
    if plan.forward_flops is not None:
        return plan.forward_flops
    if plan.parameters is None or plan.tokens is None:
        return None
    return 2 * plan.parameters * plan.tokens


def block_flops(stack: Stack, answers: float | None = None, *, again: bool = False) -> float:
    """Return the operations of one block's forward pass: its matrices at every position, and attention's two products.

    Args:
        answers: positions that come out of it; None: all. The others are keys and values alone.
        again: without the last product, whose output the backward pass does not need.
    """
    d, m, s = stack.width, stack.inner, stack.tokens
    out = s if answers is None else answers
    matrices = (3 if stack.gated else 2) - again
    return 2 * s * 2 * d * d + 2 * out * (2 * d * d + matrices * d * m) + 4 * out * s * d


def recomputed_flops(plan: Plan, recompute: Recompute) -> float | None:
    """Return the operations that the backward pass repeats of the forward pass; None where the section has too little.

    A block is computed again up to its last product, whose output nothing needs. "selective" repeats no product of a
    gated block.
    """
    forward = forward_flops(plan)
    if not recompute:
        return 0.0
    if not plan.network:
        return forward
    return sum(
        (stack.blocks - 1) * block_flops(stack, again=True) + block_flops(stack, stack.last_tokens, again=True)
        for stack in plan.network
        if not (recompute == "selective" and stack.gated)
    )


def update_flops(policy: PolicyConfig, plan: Plan) -> float | None:
    """Return the operations of a forward and backward pass; None where the section has too little.

    The backward pass has a product for the gradient of what goes into a matrix, and one for that of the matrix; frozen
    weights need the first alone. What adapters add is left out.
    """
    forward, again = forward_flops(plan), recomputed_flops(plan, policy.gradient_checkpointing)
    if forward is None or again is None:
        return None
    return (3 if policy.lora is None else 2) * forward + again
