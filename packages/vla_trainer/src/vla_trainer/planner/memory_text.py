"""Describe the memory of a run, for `--plan`: a table of a GPU's phases, a node's, and the disk's."""

from collections.abc import Iterator, Sequence

from vla_trainer import placement
from vla_trainer.config.schema import Config
from vla_trainer.planner.memory import (
    Phase,
    acting_phases,
    checkpoint_bytes,
    gpu_phases,
    host_phases,
    weights_of,
)

GIB = 2**30


def describe_gpu(config: Config) -> Iterator[str]:
    """Yield a table of what is on an actor process's GPU in each phase; nothing where `plan.parameters` is missing."""
    weights = weights_of(config)
    if weights is None:
        return
    placed = placement.place(config)
    yield from _table_of(config, gpu_phases(config, weights, placed))
    if acting := acting_phases(config, weights, placed):
        yield "on the GPU of a rollout process that does not learn:"
        yield from _table_of(config, acting)
    if not config.plan.network:
        yield "without activations and gathered blocks: plan.network is missing"
    if config.policy.compile is not None:
        yield "activations are those of blocks that are not compiled"


def describe_host(config: Config, policy_steps: int | None) -> Iterator[str]:
    """Yield lines on the memory of the fullest node and on checkpoints.

    Args:
        policy_steps: of an iteration, at most; None: not known.
    """
    weights = weights_of(config)
    if weights is None:
        return
    observations = 0.0
    if config.algorithm.uses_rollouts:
        observations = (config.plan.record_bytes or 0.0) * (policy_steps or 0)
    phases = host_phases(config, weights, placement.place(config), observations)
    yield from _table(phases)
    if config.plan.memory_per_node is not None:
        free = config.plan.memory_per_node - max(phase.bytes for phase in phases)
        has = f"a node has {config.plan.memory_per_node / GIB:,.0f} GiB"
        yield f"{has}: {free / GIB:,.0f} are free" if free >= 0 else f"{has}: {-free / GIB:,.0f} TOO FEW"
    if config.trainer.save_every is not None:
        saved, on_disk = checkpoint_bytes(config, weights, observations)
        yield (
            f"disk: {saved / 1e9:.0f} GB a checkpoint, every {config.trainer.save_every} iterations; "
            f"at most {on_disk / 1e9:,.0f} GB at once"
        )


def _table_of(config: Config, phases: Sequence[Phase]) -> Iterator[str]:
    """Yield a table of a GPU's phases, and what is free."""
    yield from _table(phases)
    if config.plan.gpu_bytes is not None:
        free = config.plan.gpu_bytes - max(phase.bytes for phase in phases)
        has = f"a GPU has {config.plan.gpu_bytes / GIB:.1f} GiB"
        yield f"{has}: {free / GIB:.1f} are free" if free >= 0 else f"{has}: {-free / GIB:.1f} TOO FEW"


def fullest(config: Config) -> float | None:
    """Return the bytes of a GPU's fullest phase; None where they are not known."""
    weights = weights_of(config)
    if weights is None:
        return None
    placed = placement.place(config)
    phases = [*gpu_phases(config, weights, placed), *acting_phases(config, weights, placed)]
    return max(phase.bytes for phase in phases)


def _table(phases: Sequence[Phase]) -> Iterator[str]:
    names = list(dict.fromkeys(item.name for phase in phases for item in phase.items))
    width = max(map(len, [*names, "in all"]))
    yield f"  {'GiB':{width}}  " + "  ".join(f"{phase.name:>8}" for phase in phases)
    for name in names:
        amounts = [sum(item.bytes for item in phase.items if item.name == name) for phase in phases]
        yield f"  {name:{width}}  " + "  ".join(f"{_gib(amount):>8}" for amount in amounts)
    yield f"  {'in all':{width}}  " + "  ".join(f"{_gib(phase.bytes):>8}" for phase in phases)


def _gib(amount: float) -> str:
    return f"{amount / GIB:.1f}" if amount else ""
