"""AdamW over the groups of parameters that a policy names."""

import torch

from vla_trainer.config.schema import Actor
from vla_trainer.errors import PolicyError
from vla_trainer.interfaces import Policy


def make_optimizer(policy: Policy, actor: Actor) -> torch.optim.AdamW:
    """One group "actor" and, if the policy names one, a group "critic" with its own learning rate.

    Raises:
        PolicyError: `actor.critic_lr` is set and the policy names no critic, or nothing is trainable.
    """
    groups = _trainable(policy)
    if actor.critic_lr is not None and not groups.get("critic"):
        raise PolicyError("actor.critic_lr is set, but the policy names no critic in parameter_groups(); leave it out")
    rates = {"actor": actor.lr, "critic": actor.critic_lr if actor.critic_lr is not None else actor.lr}
    return torch.optim.AdamW(
        [{"name": name, "params": params, "lr": rates[name]} for name, params in groups.items() if params],
        weight_decay=actor.weight_decay,
    )


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
