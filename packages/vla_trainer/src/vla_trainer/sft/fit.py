"""Take optimizer steps on demonstrated policy steps.

batch --micro-batches--> policy --> cross-entropy of demonstrated tokens, or L1 --> clip by norm --StepGuard--> step
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor

from vla_trainer.algorithms import SFT
from vla_trainer.config.schema import Actor
from vla_trainer.protocols import Policy
from vla_trainer.row_threads import RowThreads
from vla_trainer.sft.loader import DemoBatch
from vla_trainer.update.optimizer import StepGuard, check_weights, clip_gradients
from vla_trainer.update.policy_gradient import Autocast


def fit(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    batches: Iterator[DemoBatch],
    settings: SFT,
    actor: Actor,
    autocast: Autocast = nullcontext,
    guard: StepGuard | None = None,
    threads: RowThreads | None = None,
) -> dict[str, float]:
    """Take `settings.optimizer_steps` steps, one a batch; return metrics, means over the steps.

    The gradient of a step does not depend on `actor.micro_batch_size`.

    Args:
        policy: stays in eval mode, as for reinforcement learning.
        optimizer: of `make_optimizer`.
        batches: of a `Loader`.
        settings, actor: sections of the config.
        autocast: makes the context of every forward pass.
        guard: counts the steps that are skipped in a row, over iterations; None: over these alone.
        threads: micro-batches are divided among them; None: one.

    Raises:
        TrainingDivergedError: too many steps in a row were skipped, because their gradient's norm or their loss was not
            finite; or the weights are not finite at the end.
    """
    guard = guard or StepGuard(actor.max_skipped_steps)
    threads = threads or RowThreads()
    policy.eval()
    groups = optimizer.param_groups
    weights = [weight for group in groups for weight in group["params"]]
    sums: dict[str, float] = defaultdict(float)
    waited = policy_steps = 0.0
    taken = 0
    start = time.perf_counter()
    for _ in range(settings.optimizer_steps):
        requested = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - requested
        optimizer.zero_grad(set_to_none=True)
        rows = torch.split(torch.arange(len(batch.targets)), actor.micro_batch_size)
        passes = [partial(_forward, policy, settings.loss, batch, part, autocast) for part in rows]
        parts = [pair for pairs in threads.add_gradients(weights, passes) for pair in pairs]
        norm = clip_gradients(weights, actor.max_grad_norm)
        epochs = batch.epochs
        if not guard.allows({"grad_norm": norm, "loss": sum(value for name, value in parts if name == "loss")}):
            optimizer.zero_grad(set_to_none=True)
            continue
        optimizer.step()
        taken += 1
        policy_steps += len(batch.targets)
        for name, value in [*parts, ("grad_norm", norm)]:
            sums[f"actor/{name}"] += value
    check_weights(policy, "the weights after the optimizer steps", trained_only=True)
    metrics = {name: value / taken for name, value in sums.items()}
    return metrics | {
        "actor/lr": next(group["lr"] for group in groups if group["name"] == "actor"),
        "actor/optimizer_steps": float(taken),
        "actor/skipped_steps": float(settings.optimizer_steps - taken),
        "data/epochs": epochs,
        "time/data": waited,
        "throughput/policy_steps_per_second": policy_steps / (time.perf_counter() - start),
    }


def _forward(
    policy: Policy, kind: str, batch: DemoBatch, part: Tensor, autocast: Autocast
) -> tuple[Tensor, list[tuple[str, float]]]:
    """Return the share of the rows `part` in a step's loss, and in its metrics, by name."""
    # every policy step has an action that is learned from
    share = float(batch.learned[part].sum() / batch.learned.sum())
    inputs = {key: value[part] for key, value in batch.inputs.items()}
    with autocast():
        loss, measured = _loss(policy, kind, inputs, batch.targets[part], batch.learned[part])
    return loss * share, [(name, value * share) for name, value in ({"loss": loss.item()} | measured).items()]


def _loss(
    policy: Policy, kind: str, inputs: dict[str, Tensor], targets: Tensor, learned: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Return the mean loss over the learned actions, and metrics of the same."""
    if kind == "l1":
        actions: Tensor = policy.regress(inputs)  # type: ignore[attr-defined]
        return _mean((actions.float() - targets.to(actions.device)).abs(), learned), {}
    out = policy.evaluate(inputs, targets)
    # the mean negative log-probability of the demonstrated tokens is their cross-entropy
    return -_mean(out.log_probs.float(), learned), {"entropy": _mean(out.entropy.float(), learned).item()}


def _mean(values: Tensor, learned: Tensor) -> Tensor:
    """Return the mean of numbers (B, K) or (B, C, A), action after action, over the actions learned (B, C)."""
    return values.reshape(*learned.shape, -1)[learned.to(values.device)].mean()
