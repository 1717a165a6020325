"""Check before anything is made that a run's sizes fit its machines.

N environments and an iteration's observations are in host memory together; both are lower bounds, so that a run that is
refused could not work.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from vla_trainer.config.schema import Config
from vla_trainer.errors import ConfigError

GIB = 2**30

MOST_ENVS_PER_CORE = 1024
"""More gives a warning: it is probably a typing slip, as environments that cheap are rare."""

MOST_THREADS_PER_CORE = 4

_CGROUP = Path("/sys/fs/cgroup/memory.max")


def check_sizes(config: Config, *, training: bool = True) -> list[str]:
    """Return what is unusual about the sizes, a line each; without `training` those of an evaluation alone.

    Raises:
        ConfigError: the environments and what an iteration collects need more memory than the machines have.
    """
    _check_memory(config, training)
    return list(_unusual(config))


def host_memory() -> int | None:
    """Return the bytes of memory of this machine, or of its container; None: not known."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    try:
        limit = _CGROUP.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return memory
    return min(memory, int(limit)) if limit.isdecimal() else memory


def _check_memory(config: Config, training: bool) -> None:
    nodes = config.cluster.num_nodes if config.cluster.backend != "local" else 1
    memory = config.plan.memory_per_node
    if memory is None and config.cluster.backend == "local":
        memory = host_memory()
    if memory is None:
        return
    parts = needed_memory(config, training=training)
    need = sum(size for size, _ in parts) / nodes
    if need > memory:
        large = [(size / nodes / GIB, part) for size, part in parts if size / nodes > need / 100]
        needs = " and ".join(f"{part} {size:,.1f} GiB" for size, part in large)
        available = "this machine has" if config.plan.memory_per_node is None else "plan.memory_per_node is"
        where = " on each node" if nodes > 1 else ""
        raise ConfigError(f"not enough memory: {needs}{where} at least; {available} {memory / GIB:,.1f} GiB")


def needed_memory(config: Config, *, training: bool = True) -> list[tuple[float, str]]:
    """Return bytes of host memory on all machines together, and what needs them; observations come last."""
    return [_environments(config, training), *([_observations(config)] if training else [])]


def _environments(config: Config, training: bool) -> tuple[float, str]:
    counts: dict[str, int] = {}
    if training and config.algorithm.uses_rollouts:
        counts["env.num_envs"] = config.env.num_envs
    if config.eval.episodes is not None or not training:
        key = "env.num_envs" if config.eval.num_envs is None else "eval.num_envs"
        counts[key] = config.eval.num_envs or config.env.num_envs
    if not counts:
        return 0.0, ""
    key = max(counts, key=lambda name: counts[name])
    return counts[key] * (config.plan.env_bytes or 0.0), f"{key}={counts[key]} environments need"


def _observations(config: Config) -> tuple[float, str]:
    env, rollout = config.env, config.rollout
    size, cameras = env.positive("image_size") or 0, env.get("cameras")
    image = 3 * size**2 * (len(cameras) if isinstance(cameras, list) and cameras else 1)
    step_bytes = config.plan.record_bytes or float(image)
    if rollout.horizon is not None:
        return (
            step_bytes * rollout.horizon * env.num_envs,
            f"rollout.horizon={rollout.horizon} policy steps of each need",
        )
    # an episode has at least one policy step
    return step_bytes * (rollout.episodes or 0), f"the observations of rollout.episodes={rollout.episodes} need"


def _unusual(config: Config) -> Iterator[str]:
    local = config.cluster.backend == "local"
    cores = (config.plan.cores_per_node or os.cpu_count() or 1) * (1 if local else config.cluster.num_nodes)
    for key, count in (("env.num_envs", config.env.num_envs), ("eval.num_envs", config.eval.num_envs)):
        if count is not None and count > MOST_ENVS_PER_CORE * cores:
            yield f"{key}={count} on {cores} cores: {count // cores:,} environments a core"
    threads = {
        "trainer.threads": config.trainer.threads,
        "policy.threads": config.policy.threads,
        "env.workers": config.env.positive("workers"),
    }
    for key, count in threads.items():
        if count is not None and count > MOST_THREADS_PER_CORE * cores:
            yield f"{key}={count} on {cores} cores: {count // cores:,} threads a core wait for each other"
