"""Section "machine" of the GPU smoke test: driver, CUDA, shared memory, and what renders on which device."""

from __future__ import annotations

from collections.abc import Iterator

from smoke_rows import Row, Settings, at_least, holds, skipped

from libero_gym.render.gl import attempt
from libero_gym.render.software import in_software
from vla_trainer.config.load import load_config
from vla_trainer.planner.machine import examine, this_machine

SECTION = "machine"
MOST_DEVICES = 16
#: bytes. Ray's object store and NCCL share it.
SHARED = 8 * 2**30


def run(settings: Settings) -> Iterator[Row]:
    """Check the machine as `vla-train --check --here` does for a recipe on Ray, then look at OpenGL."""
    overrides = [f"output_dir={settings.folder}", f"policy.device={settings.device}", "cluster.backend=ray"]
    machine = this_machine(load_config("tiny_spatial_grpo", overrides))
    gpus = len(machine.gpus) if settings.device == "cuda" else 0
    config = load_config("tiny_spatial_grpo", [*overrides, f"cluster.gpus_per_node={gpus}"])
    for line in examine(config, machine):
        found = line.found if line.fix is None else f"{line.found} -> {line.fix}"
        yield holds(SECTION, line.check, line.status != "failed", found, "vla-train --check --here")
    if settings.device == "cuda":
        yield at_least(SECTION, "GPUs that torch can use", gpus, 1)
    if machine.shared_bytes is not None:
        yield at_least(
            SECTION, "/dev/shm", machine.shared_bytes / 2**30, SHARED / 2**30 if settings.full else None, "GiB"
        )
    yield from _opengl(settings)


def _opengl(settings: Settings) -> Iterator[Row]:
    """What OpenGL calls what renders, on the first device that works and on each one."""
    first = attempt("egl")
    software = first.failure is not None or in_software(first.renderer)
    found = first.failure or first.renderer
    if settings.device == "cuda":
        yield holds(SECTION, "GL_RENDERER", not software, found, "a GPU")
    else:
        other = attempt("osmesa") if first.failure else first
        yield holds(SECTION, "GL_RENDERER", other.failure is None, other.failure or other.renderer, "an image")
    if first.failure is not None:
        yield skipped(SECTION, "EGL devices", first.failure)
        return
    for device in range(MOST_DEVICES):
        outcome = attempt("egl", device)
        if outcome.failure is not None and "EGL devices" in outcome.failure:
            return  # there are no more
        yield Row(SECTION, f"EGL device {device}", outcome.failure or outcome.renderer)
