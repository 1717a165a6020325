"""Section "update" of the GPU smoke test: evaluate and backward of a micro-batch, adapters over a frozen network."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import policy as policy_benchmark
import smoke_policy
import torch
from smoke_rows import Row, Settings, at_least, holds, skipped

from vla_policy import OpenVLAOFTPolicy

SECTION = "update"
#: Share of the GPU's peak in bfloat16 of the best variant; operations are those carried out, recomputed ones too.
LEAST_SHARE = 0.4


def pass_of(policy: OpenVLAOFTPolicy, settings: Settings, rows: int) -> Callable[[], torch.Tensor]:
    """What takes a micro-batch forward and back, as an update does, and returns its loss."""
    with smoke_policy.autocast(settings):
        out = policy.act(policy_benchmark.observations(rows), temperature=1.6)

    def run_pass() -> torch.Tensor:
        policy.zero_grad(set_to_none=True)
        with smoke_policy.autocast(settings):
            scores = policy.evaluate(out.inputs, out.tokens, 1.6)
        loss = -scores.log_probs.mean() - 0.01 * scores.entropy.mean()
        if scores.values is not None:
            loss = loss + scores.values.square().mean()
        loss.backward()
        return loss.detach()

    return run_pass


def run(settings: Settings) -> Iterator[Row]:
    """Time the pass with checkpointing and compilation on and off, and compare its losses and gradients."""
    rank, rows, rounds = (32, 16, 4) if settings.full else (2, 2, 1)
    policy = smoke_policy.make(settings, lora=rank)
    peak = smoke_policy.peak_flops(settings)
    run_pass = pass_of(policy, settings, rows)
    trained = [weight for weight in policy.parameters() if weight.requires_grad]
    yield Row(SECTION, "trained weights", sum(weight.numel() for weight in trained) / 1e6, "1e6")
    yield Row(SECTION, "policy steps of the micro-batch", rows)
    shares: list[float] = []
    losses: list[float] = []
    flops: dict[bool, float] = {}
    for compiled in (False, True):
        if compiled and not smoke_policy.can_compile(settings):
            yield skipped(SECTION, "compiled", "torch.compile needs a C compiler")
            continue
        if compiled:
            smoke_policy.compile_network(policy, settings)
        for checkpointing in (True, False):
            policy.gradient_checkpointing_enable(checkpointing)
            name = f"{'compiled' if compiled else 'eager'}, {'' if checkpointing else 'no '}checkpointing"
            if settings.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            try:
                seconds = smoke_policy.median_seconds(run_pass, settings, rounds)
                losses.append(float(run_pass()))
                if not compiled:
                    flops[checkpointing] = smoke_policy.operations(run_pass)
            except torch.OutOfMemoryError:
                yield skipped(SECTION, name, "out of GPU memory")
                torch.cuda.empty_cache()
                continue
            yield Row(SECTION, name, seconds * 1e3, "ms")
            if settings.device == "cuda":
                yield Row(SECTION, f"{name}, GPU memory", torch.cuda.max_memory_allocated() / 2**30, "GiB")
            if peak is not None and checkpointing in flops:
                shares.append(flops[checkpointing] / seconds / peak)
                yield Row(SECTION, f"{name}, share of peak", shares[-1])
    gradients = [weight.grad for weight in trained if weight.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients).item()
    yield holds(SECTION, "gradient of the adapters", 0.0 < norm < float("inf"), f"{norm:.4g}", "finite, not 0")
    spread = max(losses) - min(losses)
    most = 0.02 * max(1.0, abs(losses[0]))
    yield holds(SECTION, "losses of all variants", spread <= most, f"within {spread:.2g}", f"<= {most:.2g}")
    counted = smoke_policy.events(run_pass, settings)
    kernels = smoke_policy.attention_kernels(counted)
    found = ", ".join(f"{kernel} x {count}" for kernel, count in kernels.items())
    is_fused = bool(kernels) and not any("math" in kernel for kernel in kernels)
    yield holds(SECTION, "attention", is_fused, found or "none", "no math kernel")
    if shares:
        yield at_least(SECTION, "best share of peak", max(shares), LEAST_SHARE)
    else:
        yield skipped(SECTION, "best share of peak", "needs a GPU whose peak is known")
