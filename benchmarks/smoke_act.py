"""Section "act" of the GPU smoke test: the policy acts on batches of observations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import policy as policy_benchmark
import smoke_policy
import torch
from smoke_rows import Row, Settings, at_least, holds, skipped

SECTION = "act"
#: Share of the GPU's peak in bfloat16 that `act` reaches with 16 observations.
LEAST_SHARE = 0.5
BOUND_BATCH = 16


def run(settings: Settings) -> Iterator[Row]:
    """Time `act` at three sizes, say which attention ran and how often the GPU was waited for, then compile."""
    policy = smoke_policy.make(settings)
    peak = smoke_policy.peak_flops(settings)
    rounds = 8 if settings.full else 2
    yield Row(SECTION, "weights", sum(weight.numel() for weight in policy.parameters()) / 1e9, "1e9")
    shares: list[float] = []
    flops: dict[int, float] = {}
    for batch in (4, 16, 32) if settings.full else (1, 2):
        act = partial(policy.act, policy_benchmark.observations(batch), temperature=1.6)
        inputs = act().inputs
        seconds = smoke_policy.median_seconds(act, settings, rounds)
        yield Row(SECTION, f"act on {batch}", seconds * 1e3, "ms")
        flops[batch] = policy_benchmark.forward_flop(policy, inputs)
        if peak is None:
            yield Row(SECTION, f"act on {batch}", flops[batch] / seconds / 1e12, "TFLOP/s")
        else:
            share = flops[batch] / seconds / peak
            yield Row(SECTION, f"act on {batch}, share of peak", share)
            shares += [share] if batch == BOUND_BATCH else []
        observe = partial(policy.observe, policy_benchmark.observations(batch))
        prepared = smoke_policy.median_seconds(observe, settings, 3)
        yield Row(SECTION, f"act on {batch}, of which observe", prepared * 1e3, "ms")
    counted = smoke_policy.events(act, settings)
    kernels = smoke_policy.attention_kernels(counted)
    found = ", ".join(f"{name} x {count}" for name, count in kernels.items())
    is_fused = bool(kernels) and not any("math" in name for name in kernels)
    yield holds(SECTION, "attention", is_fused, found or "none", "no math kernel")
    if settings.device == "cuda":
        yield Row(SECTION, "synchronizations of an act", smoke_policy.synchronizations(counted))
        yield Row(SECTION, "GPU memory", torch.cuda.max_memory_allocated() / 2**30, "GiB")
    else:
        yield skipped(SECTION, "synchronizations of an act", "needs a GPU")
    batch = BOUND_BATCH if settings.full else 2
    if not smoke_policy.can_compile(settings):
        yield skipped(SECTION, f"act on {batch}, compiled", "torch.compile needs a C compiler")
    else:
        smoke_policy.compile_network(policy, settings)
        act = partial(policy.act, policy_benchmark.observations(batch), temperature=1.6)
        seconds = smoke_policy.median_seconds(act, settings, rounds)
        yield Row(SECTION, f"act on {batch}, compiled", seconds * 1e3, "ms")
        if peak is not None:
            shares.append(flops[batch] / seconds / peak)
    if shares:
        yield at_least(SECTION, f"act on {batch}, best share of peak", max(shares), LEAST_SHARE)
    else:
        yield skipped(SECTION, f"act on {batch}, best share of peak", "needs a GPU whose peak is known")
