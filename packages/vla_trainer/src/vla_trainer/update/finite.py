"""What is done about numbers that are not finite: skip the optimizer step, stop the run after several in a row, and
never go on with weights, nor write any, that are not finite.

    gradient norm, losses of a step --StepGuard--> optimizer.step, or skip --several in a row--> TrainingDivergedError
    weights after an update, before a checkpoint --check_weights--> TrainingDivergedError

RLinf and verl skip such steps, too. On several ranks all decide the same, because each decides by sums over all ranks.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vla_trainer.errors import TrainingDivergedError
from vla_trainer.update.ranks import Ranks

DECISIVE = ("grad_norm", "loss", "value_loss")
"""Metrics of a step that have to be finite; anything else that is not makes the gradient's norm so."""


class StepGuard:
    """Decides for each optimizer step whether it is taken. One object over all iterations of a run."""

    def __init__(self, limit: int) -> None:
        """`limit`: steps skipped in a row that end the run, `actor.max_skipped_steps`."""
        self._limit = limit
        self.in_a_row = 0
        """Steps that were skipped since the last one that was taken."""

    def allows(self, metrics: Mapping[str, float]) -> bool:
        """Whether to take a step with these numbers, the same on all ranks.

        Raises:
            TrainingDivergedError: it is the `limit`-th in a row that is not.
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


def not_finite(policy: Any, state: Mapping[str, Any] | None = None, *, trained_only: bool = False) -> list[str]:
    """The names of a policy's weights whose norm is not finite in float32, or in their own type if that is wider.

    One pass over the numbers. A weight of 1e20, whose square overflows float32, is found as well as NaN and infinity.
    Of buffers, in which a mask may hold infinities on purpose, those with NaN are found. Of a tensor that is spread
    over ranks, this rank looks at its part. A policy that is no `torch.nn.Module` has no weights.

    Args:
        state: a `state_dict` for `policy` that is looked at in the place of its own weights.
        trained_only: leave out buffers and frozen weights, which an update does not change.
    """
    if not isinstance(policy, nn.Module):
        return []
    weights = [(name, weight) for name, weight in policy.named_parameters() if weight.requires_grad or not trained_only]
    buffers = [] if trained_only else list(policy.named_buffers())
    if state is not None:
        weights, buffers = ([(name, state[name]) for name, _ in part if name in state] for part in (weights, buffers))
    bad = [name for name, weight in weights if not math.isfinite(_norm(weight))]
    return bad + [name for name, buffer in buffers if bool(buffer.isnan().any())]


def check_weights(policy: Any, what: str, ranks: Ranks | None = None, *, trained_only: bool = False) -> None:
    """Raise TrainingDivergedError unless all weights of `policy` are finite, on every rank; all ranks call it.

    Args:
        policy: see `not_finite`, also for `trained_only`.
        what: begins the message: "the weights after the update".
        ranks: the processes that `policy` is spread over; None: this one alone.
    """
    bad = not_finite(policy, trained_only=trained_only)
    total = int((ranks or Ranks()).sum({"bad": float(len(bad))})["bad"])
    if total:
        raise TrainingDivergedError(f"{what} are not finite: {', '.join(bad[:1]) or 'those of another rank'}")


def _norm(weight: Any) -> float:
    here: Tensor = weight.to_local() if hasattr(weight, "to_local") else weight
    if not here.is_floating_point():
        return 0.0
    norm = torch.linalg.vector_norm(here.detach(), dtype=torch.promote_types(here.dtype, torch.float32))
    return norm.item()
