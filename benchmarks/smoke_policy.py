"""Policies with random weights for the GPU smoke test, and how their work is timed and looked at."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import policy as policy_benchmark
import torch
from gymnasium import spaces
from smoke_rows import Settings

from vla_policy import OpenVLAOFTPolicy
from vla_policy.lora import add_lora

ATTENTION = "aten::_scaled_dot_product_"


def make(settings: Settings, lora: int | None = None) -> OpenVLAOFTPolicy:
    """Make the 7B in bfloat16 with random weights, made on its device; of size tiny the toy in float32."""
    if not settings.full:
        return tiny(settings, lora)
    policy = policy_benchmark.build(policy_benchmark.published(), settings.device, torch.bfloat16)
    if lora is not None:
        add_lora(policy.model, lora, torch.Generator().manual_seed(0))
    return policy.eval()


def tiny(settings: Settings, lora: int | None = None) -> OpenVLAOFTPolicy:
    """Make the toy, for the images and instructions of `policy.observations`."""
    seen = spaces.Dict(image=spaces.Box(0, 255, (64, 64, 3), np.uint8), instruction=spaces.Text(200))
    policy = OpenVLAOFTPolicy.tiny(seen, spaces.Box(-1, 1, (8, 7), np.float32), lora=lora)
    return policy.to(settings.device).eval()


def can_compile(settings: Settings) -> bool:
    """Return whether torch.compile can work here: Triton builds its launchers with a C compiler."""
    return settings.device == "cpu" or any(shutil.which(name) for name in ("cc", "gcc", "clang"))


def compile_network(policy: OpenVLAOFTPolicy, settings: Settings) -> None:
    """Compile the network; on processors only trace it as one graph, as code for them takes minutes to build."""
    policy.model.compile(**({} if settings.device == "cuda" else {"backend": "eager"}))


def autocast(settings: Settings) -> AbstractContextManager[object]:
    """Compute in bfloat16, as `policy.precision: bf16` does."""
    return torch.autocast(settings.device, torch.bfloat16)


def peak_flops(settings: Settings) -> float | None:
    """Return the dense bfloat16 operations a second that the GPU's maker states; None: not known."""
    if settings.device != "cuda":
        return None
    name = torch.cuda.get_device_name()
    return next((tera * 1e12 for key, tera in policy_benchmark.PEAKS.items() if key in name), None)


def synchronize(settings: Settings) -> None:
    """Wait for the GPU, if there is one."""
    if settings.device == "cuda":
        torch.cuda.synchronize()


def median_seconds(job: Callable[[], Any], settings: Settings, rounds: int, warm: int = 2) -> float:
    """Return the median of some rounds, after others that are not counted."""
    times = []
    for round_number in range(warm + rounds):
        synchronize(settings)
        begin = time.perf_counter()
        job()
        synchronize(settings)
        if round_number >= warm:
            times.append(time.perf_counter() - begin)
    return float(np.median(times))


def operations(job: Callable[[], Any]) -> float:
    """Count the floating-point operations of a job that is not compiled."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        job()
    return float(counter.get_total_flops())


def events(job: Callable[[], Any], settings: Settings) -> Counter[str]:
    """Return how often torch called each operator, and on a GPU each function of CUDA's runtime."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if settings.device == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiled:
        job()
        synchronize(settings)
    return Counter({event.key: event.count for event in profiled.key_averages()})


def attention_kernels(counted: Counter[str]) -> dict[str, int]:
    """Return which implementations of attention were called, and how often."""
    return {
        key.removeprefix(ATTENTION): count
        for key, count in sorted(counted.items())
        if key.startswith(ATTENTION) and "fused_attention_overrideable" not in key and not key.endswith("_backward")
    }


def synchronizations(counted: Counter[str]) -> int:
    """Return how often the processor waited for the GPU; the profiler's and ours are not counted."""
    return max(counted["cudaStreamSynchronize"] + counted["cudaEventSynchronize"], 0)
