"""AdamW over the groups of parameters that a policy names."""

import torch
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from vla_trainer.config.schema import Actor
from vla_trainer.errors import PolicyError
from vla_trainer.protocols import Policy


def make_optimizer(policy: Policy, actor: Actor, *, needs_critic: bool = False) -> torch.optim.AdamW:
    """One group "actor" and, if the policy names one, a group "critic" with its own learning rate.

    Args:
        needs_critic: the algorithm trains the critic apart, for a time.

    Raises:
        PolicyError: `actor.critic_lr` or a critic's warm-up is asked for and the policy names no critic; nothing is
            trainable; or a trainable weight is not float32 or float64: a step of 1e-5 is lost in eight bits.
    """
    groups = _trainable(policy)
    if actor.critic_lr is not None and not groups.get("critic"):
        raise PolicyError("actor.critic_lr is set, but the policy names no critic in parameter_groups(); leave it out")
    if needs_critic and not groups.get("critic"):
        raise PolicyError(
            "algorithm.critic_warmup_iterations is set, but the policy names no critic in parameter_groups()"
        )
    low = {str(weight.dtype) for group in groups.values() for weight in group} - {"torch.float32", "torch.float64"}
    if low:
        raise PolicyError(
            f"trainable weights are {', '.join(sorted(low))}; allowed: float32, with policy.precision=bf16 to compute "
            "in bfloat16, or policy.lora over a frozen network of any type"
        )
    rates = {"actor": actor.lr, "critic": actor.critic_lr if actor.critic_lr is not None else actor.lr}
    return torch.optim.AdamW(
        [{"name": name, "params": params, "lr": rates[name]} for name, params in groups.items() if params],
        betas=actor.betas,
        eps=actor.eps,
        weight_decay=actor.weight_decay,
    )


def clip_gradients(weights: list[torch.nn.Parameter], max_norm: float) -> float:
    """Scale gradients down to `max_norm`; returns their norm before, over all ranks and the same number on each."""
    norm = get_total_norm([weight.grad for weight in weights if weight.grad is not None])
    if hasattr(norm, "full_tensor"):
        norm = norm.full_tensor()  # of sharded weights
    clip_grads_with_norm_(weights, max_norm, norm)
    return norm.item()


def _trainable(policy: Policy) -> dict[str, list[torch.nn.Parameter]]:
    named = getattr(policy, "parameter_groups", None)
    groups = named() if named is not None else {"actor": list(policy.parameters())}
    unknown = set(groups) - {"actor", "critic"}
    if unknown:
        raise PolicyError(f"parameter_groups() names {sorted(unknown)}; allowed: actor, critic")
    trainable = {name: [weight for weight in group if weight.requires_grad] for name, group in groups.items()}
    if not any(trainable.values()):
        raise PolicyError("the policy has no trainable parameters")
    return trainable
