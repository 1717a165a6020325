"""AdamW over the groups of parameters that a policy names, and the steps and weights that are refused.

    gradients --clip_gradients--> norm --StepGuard--> optimizer.step, or skip --many in a row--> TrainingDivergedError
    weights after an update, before a checkpoint --check_weights--> TrainingDivergedError

RLinf and verl skip steps that are not finite, too. On several ranks all decide the same, because each decides by sums
over all ranks.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from vla_trainer.config.schema import Actor
from vla_trainer.errors import PolicyError, TrainingDivergedError
from vla_trainer.finite import not_finite
from vla_trainer.protocols import Policy
from vla_trainer.update.ranks import Ranks

DECISIVE = ("grad_norm", "loss", "value_loss")
"""Metrics of a step that must be finite; any other number that is not makes the gradient's norm so."""


def make_optimizer(policy: Policy, actor: Actor, *, needs_critic: bool = False) -> torch.optim.AdamW:
    """Make AdamW with a group "actor" and, if the policy names one, a group "critic" with its own learning rate.

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
    rates = _learning_rates(actor)
    return torch.optim.AdamW(
        [{"name": name, "params": params, "lr": rates[name]} for name, params in groups.items() if params],
        betas=actor.betas,
        eps=actor.eps,
        weight_decay=actor.weight_decay,
    )


def set_learning_rates(optimizer: torch.optim.Optimizer, actor: Actor, factor: float) -> None:
    """Give each group of `make_optimizer` its learning rate times `factor`."""
    rates = _learning_rates(actor)
    for group in optimizer.param_groups:
        group["lr"] = rates[group["name"]] * factor


def clip_gradients(weights: list[torch.nn.Parameter], max_norm: float) -> float:
    """Scale gradients down to `max_norm`; return their norm before, over all ranks and the same number on each."""
    norm = get_total_norm([weight.grad for weight in weights if weight.grad is not None])
    if hasattr(norm, "full_tensor"):
        norm = norm.full_tensor()  # of sharded weights
    clip_grads_with_norm_(weights, max_norm, norm)
    return norm.item()


class StepGuard:
    """Decide for each optimizer step whether it is taken. One object over all iterations of a run."""

    def __init__(self, limit: int) -> None:
        """`limit`: steps skipped in a row that end the run, `actor.max_skipped_steps`."""
        self._limit = limit
        self.in_a_row = 0
        """Steps that were skipped since the last one that was taken."""

    def allows(self, metrics: Mapping[str, float]) -> bool:
        """Return whether to take a step with these numbers, which are the same on all ranks.

        Raises:
            TrainingDivergedError: it is the `limit`-th in a row that is refused.
        """
        wrong = [f"{name} is {metrics[name]}" for name in DECISIVE if not math.isfinite(metrics.get(name, 0.0))]
        if not wrong:
            self.in_a_row = 0
            return True
        self.in_a_row += 1
        if self.in_a_row >= self._limit:
            raise TrainingDivergedError(
                f"{self.in_a_row} optimizer steps in a row were skipped (actor.max_skipped_steps={self._limit}); "
                f"of the last one {', '.join(wrong)}"
            )
        return False


def check_weights(policy: Any, what: str, ranks: Ranks | None = None, *, trained_only: bool = False) -> None:
    """Raise TrainingDivergedError unless all weights of `policy` are finite, on every rank; all ranks call it.

    Args:
        policy: see `vla_trainer.finite.not_finite`, also for `trained_only`.
        what: begins the message: "the weights after the update".
        ranks: the processes that `policy` is spread over; None: this one alone.
    """
    bad = not_finite(policy, trained_only=trained_only)
    total = int((ranks or Ranks()).sum({"bad": float(len(bad))})["bad"])
    if total:
        raise TrainingDivergedError(f"{what} are not finite: {', '.join(bad[:1]) or 'those of another rank'}")


def move_moments(optimizer: torch.optim.Optimizer, device: torch.device | str) -> None:
    """Move what the optimizer remembers of each weight, twice the weights' size, to `device`.

    Counts of steps stay where they are. The moments must be back where the weights are before the next step.
    """
    for state in optimizer.state.values():
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.ndim:
                state[name] = value.to(device)


def _learning_rates(actor: Actor) -> dict[str, float]:
    return {"actor": actor.lr, "critic": actor.critic_lr if actor.critic_lr is not None else actor.lr}


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
