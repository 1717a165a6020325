"""Section "render" of the GPU smoke test: tasks rendered by several threads of a process, and the memory that stays."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
from smoke_rows import Row, Settings, at_least, at_most, holds

SECTION = "render"
#: Environment steps a second with images of 256 pixels, of all threads together; a GPU that renders is far above it.
LEAST_STEPS = 200.0
#: MiB a task that may stay after all environments are closed: 10 tasks are rendered twice, and the second time is free.
GROWTH = 20.0


def resident_mib() -> float:
    """Memory of this process in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def gpu_mib() -> float | None:
    """Memory of the GPU in use by all; None: torch cannot use one."""
    import torch

    if not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 2**20


def round_of_tasks(tasks: int, threads: int, size: int, steps: int) -> tuple[float, np.ndarray]:
    """Step an environment of each task with actions that move, then close all; seconds of the steps, last images."""
    envs = gymnasium.make_vec(
        "libero_gym:libero/Spatial-v0",
        num_envs=tasks,
        vectorization_mode="vector_entry_point",
        task=list(range(tasks)),
        workers=threads,
        image_size=size,
        action_chunk=4,
        split="train",
    )
    try:
        envs.reset(seed=0)
        actions = np.random.default_rng(0).uniform(-1, 1, (steps, *envs.action_space.shape)).astype(np.float32)
        begin = time.perf_counter()
        for action in actions:
            observation, *_ = envs.step(action)
        seconds = time.perf_counter() - begin
        return seconds, np.array(observation["image"])
    finally:
        envs.close()


def run(settings: Settings) -> Iterator[Row]:
    """Render the same tasks three times; what the last two rounds leave in memory is growth."""
    tasks, threads, size, steps = (10, 8, 256, 50) if settings.full else (3, 2, 32, 2)
    on_gpu = settings.device == "cuda"
    yield Row(SECTION, "tasks x threads x pixels", f"{tasks} x {threads} x {size}")
    used, of_gpu, seconds = [], [], []
    for _ in range(3):
        took, images = round_of_tasks(tasks, threads, size, steps)
        seconds.append(took)
        used.append(resident_mib())
        of_gpu.append(gpu_mib() if on_gpu else None)
    speed = tasks * steps * 4 / min(seconds)
    yield at_least(SECTION, "environment steps a second", speed, LEAST_STEPS if settings.full and on_gpu else None)
    spread = [float(image.std()) for image in images]
    yield holds(SECTION, "images show something", min(spread) > 5.0, f"least deviation {min(spread):.1f}", "> 5")
    yield Row(SECTION, "host memory after a round", used[0], "MiB")
    yield at_most(SECTION, "host memory that a further round leaves", (used[2] - used[0]) / 2, tasks * GROWTH, "MiB")
    if of_gpu[0] is not None and of_gpu[2] is not None:
        yield Row(SECTION, "GPU memory after a round", of_gpu[0], "MiB")
        growth = (of_gpu[2] - of_gpu[0]) / 2
        yield at_most(SECTION, "GPU memory that a further round leaves", growth, tasks * GROWTH, "MiB")
