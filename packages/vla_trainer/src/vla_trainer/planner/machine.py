"""Check that this machine has what a recipe needs of it: driver, CUDA, GPUs, shared memory, memory, disk.

    facts of this machine --examine(config)--> a line a check, with what to do where it fails

`vla-train RECIPE --check --here` prints them. On a cluster each machine answers for itself. What renders images is the
environment's own subject.
"""

import importlib.util
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vla_trainer.config.schema import Config
from vla_trainer.planner.memory import checkpoint_bytes, weights_of
from vla_trainer.sizes import GIB, host_memory, needed_memory

DRIVER = Path("/proc/driver/nvidia/version")
"""Where the kernel's module says its version."""
SHARED_MEMORY = Path("/dev/shm")

OLDEST_DRIVER = {11: (450, 80), 12: (525, 60), 13: (580, 65)}
"""By CUDA's major version: the first driver that runs all its minor versions (NVIDIA, CUDA Compatibility, table "Minor
Version Compatibility")."""

LEAST_SHARED = GIB
"""Bytes of shared memory below which NCCL and Ray's object store fail. A container has 64 MiB unless told otherwise."""


@dataclass(frozen=True)
class Machine:
    """What a machine has."""

    driver: str | None
    """The text of `DRIVER`; None: there is no NVIDIA driver."""
    torch: str
    """Version of torch."""
    torch_cuda: str | None
    """The CUDA that torch is built for, e.g. "12.8"; None: for processors alone."""
    gpus: tuple[tuple[str, int], ...]
    """Name and bytes of memory of each GPU that torch can use."""
    has_nccl: bool
    has_ray: bool
    shared_bytes: int | None
    """Size of `SHARED_MEMORY`; None: it is not there."""
    memory_bytes: int | None
    """Of the host, or of its container; None: not known."""
    disk_free: int
    """Bytes that are free where runs are written."""
    disk_folder: Path


@dataclass(frozen=True)
class CheckLine:
    """The result of a check."""

    check: str
    status: Literal["ok", "failed", "note"]
    """A "note" is worth knowing and no failure."""
    found: str
    fix: str | None = None
    """What to do; every failure has it."""

    def __str__(self) -> str:
        line = f"{self.status:7} {self.check:8} {self.found}"
        return line if self.fix is None else f"{line}\n{'':16} -> {self.fix}"


def this_machine(config: Config) -> Machine:
    """Return what this machine has. Imports torch, and opens its GPUs."""
    import torch

    folder = Path(config.output_dir or "logs").expanduser().absolute()
    while not folder.exists():
        folder = folder.parent
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    properties = [torch.cuda.get_device_properties(index) for index in range(count)]
    return Machine(
        driver=DRIVER.read_text(encoding="utf-8", errors="replace") if DRIVER.is_file() else None,
        torch=torch.__version__,
        torch_cuda=torch.version.cuda,
        gpus=tuple((gpu.name, gpu.total_memory) for gpu in properties),
        has_nccl=torch.distributed.is_available() and torch.distributed.is_nccl_available(),
        has_ray=importlib.util.find_spec("ray") is not None,
        shared_bytes=shutil.disk_usage(SHARED_MEMORY).total if SHARED_MEMORY.is_dir() else None,
        memory_bytes=host_memory(),
        disk_free=shutil.disk_usage(folder).free,
        disk_folder=folder,
    )


def examine(config: Config, machine: Machine) -> list[CheckLine]:
    """Compare what a machine has with what a run of this config needs of each of its machines."""
    checks = [*_driver(config, machine), *_gpus(config, machine)]
    if config.cluster.backend == "ray":
        checks += [*_ray(machine), *_shared_memory(config, machine)]
    return [*checks, *_memory(config, machine), *_disk(config, machine)]


def _wanted_gpus(config: Config) -> int:
    """Return how many GPUs the policy needs on this machine at least."""
    device, cluster = config.policy.device, config.cluster
    if device == "cpu":
        return 0
    if cluster.backend != "local":
        return cluster.gpus_per_node
    return int(device.startswith("cuda"))


def _driver(config: Config, machine: Machine) -> Iterator[CheckLine]:
    if machine.driver is None:
        if _wanted_gpus(config):
            fix = "install NVIDIA's driver; in a container: docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=all"
            yield CheckLine("driver", "failed", f"no NVIDIA driver (no {DRIVER})", fix)
        else:
            yield CheckLine("driver", "note", "no NVIDIA driver; the policy computes on the processor")
        return
    match = re.search(r"\b(\d{3,})\.(\d+)(?:\.\d+)?\b", machine.driver)
    if match is None:
        yield CheckLine("driver", "note", f"its version cannot be read in {DRIVER}: {machine.driver.strip()[:80]!r}")
        return
    major = None if machine.torch_cuda is None else int(machine.torch_cuda.split(".")[0])
    oldest = None if major is None else OLDEST_DRIVER.get(major)
    if oldest is not None and (int(match[1]), int(match[2])) < oldest:
        needed = ".".join(map(str, oldest))
        fix = f"install driver {needed} or later, or a torch for an older CUDA: docs/install.md"
        found = f"{match[0]}, older than the {needed} that CUDA {machine.torch_cuda} of torch {machine.torch} needs"
        yield CheckLine("driver", "failed", found, fix)
        return
    yield CheckLine("driver", "ok", match[0])


def _gpus(config: Config, machine: Machine) -> Iterator[CheckLine]:
    wanted = _wanted_gpus(config)
    build = f"torch {machine.torch}, " + (f"CUDA {machine.torch_cuda}" if machine.torch_cuda else "for processors")
    names = ", ".join(
        f"{sum(gpu == other for other in machine.gpus)} x {gpu[0]} of {gpu[1] / GIB:.0f} GiB"
        for gpu in dict.fromkeys(machine.gpus)
    )
    if len(machine.gpus) < wanted:
        key = "cluster.gpus_per_node" if config.cluster.backend != "local" else "policy.device"
        value = wanted if config.cluster.backend != "local" else config.policy.device
        if machine.torch_cuda is None:
            fix = "install a torch with CUDA: docs/install.md"
        else:
            fix = f"set {key} to what is there, or see CUDA_VISIBLE_DEVICES and the line above"
        yield CheckLine("gpus", "failed", f"{key}={value}, and torch can use {names or 'none'} ({build})", fix)
    elif not machine.gpus:
        yield CheckLine("gpus", "note", f"none; {build}")
    else:
        yield CheckLine("gpus", "ok", f"{names}; {build}")
    if wanted > 1 and machine.gpus and not machine.has_nccl:
        yield CheckLine(
            "nccl", "failed", f"torch {machine.torch} has no NCCL", "install torch's default build for Linux"
        )


def _ray(machine: Machine) -> Iterator[CheckLine]:
    if not machine.has_ray:
        yield CheckLine(
            "ray", "failed", "cluster.backend=ray, and ray is not installed", 'pip install "vla-trainer[ray]"'
        )


def _shared_memory(config: Config, machine: Machine) -> Iterator[CheckLine]:
    fix = "in a container: docker run --shm-size=64g, or --ipc=host"
    if machine.shared_bytes is None:
        yield CheckLine("shm", "note", f"no {SHARED_MEMORY}: Ray keeps its objects on the disk")
        return
    found = f"{SHARED_MEMORY} has {machine.shared_bytes / GIB:.1f} GiB"
    observations = needed_memory(config)[-1][0] / config.cluster.num_nodes
    if machine.shared_bytes < LEAST_SHARED:
        yield CheckLine("shm", "failed", f"{found}; NCCL and Ray need {LEAST_SHARED / GIB:.0f} GiB at least", fix)
    elif machine.shared_bytes < observations:
        yield CheckLine(
            "shm", "note", f"{found}; an iteration's observations take {observations / GIB:.1f} GiB or more", fix
        )
    else:
        yield CheckLine("shm", "ok", found)


def _memory(config: Config, machine: Machine) -> Iterator[CheckLine]:
    if machine.memory_bytes is None:
        yield CheckLine("memory", "note", "its size is not known")
        return
    nodes = config.cluster.num_nodes if config.cluster.backend != "local" else 1
    parts = [(size / nodes, part) for size, part in needed_memory(config) if size]
    need = sum(size for size, _ in parts)
    found = f"{machine.memory_bytes / GIB:.1f} GiB"
    if need > machine.memory_bytes:
        needs = " and ".join(f"{part} {size / GIB:,.1f} GiB" for size, part in parts)
        fix = "fewer of them, or a machine with more memory"
        yield CheckLine("memory", "failed", f"{found}; {needs}", fix)
    else:
        yield CheckLine("memory", "ok", f"{found}; environments and observations need {need / GIB:.1f} GiB at least")


def _disk(config: Config, machine: Machine) -> Iterator[CheckLine]:
    found = f"{machine.disk_folder}: {machine.disk_free / GIB:.1f} GiB free"
    weights = weights_of(config)
    if weights is None:
        yield CheckLine("disk", "ok" if machine.disk_free > LEAST_SHARED else "note", found)
        return
    size, at_once = checkpoint_bytes(config, weights, needed_memory(config)[-1][0])
    found += f"; a checkpoint takes some {size / GIB:.0f} GiB, and {at_once / GIB:.0f} are there at once"
    fix = "output_dir=FOLDER of another disk, or trainer.keep_checkpoints"
    if machine.disk_free < size:
        yield CheckLine("disk", "failed", found, fix)
    elif machine.disk_free < at_once:
        yield CheckLine("disk", "note", found, fix)
    else:
        yield CheckLine("disk", "ok", found)
