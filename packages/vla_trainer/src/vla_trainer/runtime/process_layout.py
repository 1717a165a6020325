"""Which worker processes a placement asks for, and who asks whom; pure data.

Axes: N environments, S stages, E env processes, R rollout processes.
"""

from dataclasses import dataclass

from vla_trainer.placement import Placement, Process


@dataclass(frozen=True)
class EnvProcess:
    """One process with environments."""

    rank: int
    node: int
    gpus: tuple[int, ...]
    first_env_indices: tuple[int, ...]
    """For each stage: where its environments stand in the run's grid of N columns."""
    envs_per_stage: int
    rollout: tuple[int, ...]
    """The rollout processes that look at its environments; of several, each at an equal part."""


@dataclass(frozen=True)
class PolicyProcess:
    """One process with a policy."""

    node: int
    gpus: tuple[int, ...]
    rollout_rank: int | None
    """Its number among those that act; None: it does not."""
    actor_rank: int | None
    """Its number among those that learn; None: it does not."""
    offload: bool = False
    """Whether what only learning needs is moved to the host's memory while others use its GPUs."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        roles = [("rollout", self.rollout_rank), ("actor", self.actor_rank)]
        return " and ".join(f"{role} process {rank}" for role, rank in roles if rank is not None)


@dataclass(frozen=True)
class Layout:
    """All of them."""

    envs: tuple[EnvProcess, ...]
    policies: tuple[PolicyProcess, ...]
    """Those that learn first, by rank."""

    def acting(self) -> list[int]:
        """Indices into `policies` by rollout rank."""
        ranked = [(one.rollout_rank, index) for index, one in enumerate(self.policies) if one.rollout_rank is not None]
        return [index for _, index in sorted(ranked)]

    def learning(self) -> list[int]:
        """Indices into `policies` by actor rank."""
        return [index for index, one in enumerate(self.policies) if one.actor_rank is not None]

    def apart(self) -> bool:
        """Whether no process both acts and learns, so that some can learn while others act."""
        return all(one.rollout_rank is None or one.actor_rank is None for one in self.policies)

    def per_node(self) -> dict[int, int]:
        """How many processes each node has."""
        nodes = [one.node for one in self.envs] + [one.node for one in self.policies]
        return {node: nodes.count(node) for node in nodes}


def layout_of(placement: Placement, num_envs: int, stages: int) -> Layout:
    """The processes of a placement that `vla_trainer.placement.check` has found to fit.

    A column of the grid is the same environment as in one process: the first stage's N/S environments, split over the
    env processes by rank, then the second stage's. A rollout and an actor process with the same node and GPUs are one
    process, so that acting reads the weights that learning moves.
    """
    env, rollout, actor = (placement[name].processes for name in ("env", "rollout", "actor"))
    each = num_envs // stages // len(env)
    envs = tuple(
        EnvProcess(
            one.rank,
            one.node,
            one.gpus,
            tuple(stage * (num_envs // stages) + one.rank * each for stage in range(stages)),
            each,
            _asked(one.rank, len(env), len(rollout)),
        )
        for one in env
    )
    moved = placement.offloads("actor")
    waiting: dict[tuple[int, tuple[int, ...]], list[Process]] = {}
    for one in rollout:
        waiting.setdefault((one.node, one.gpus), []).append(one)
    policies = []
    for one in actor:
        same = waiting.get((one.node, one.gpus))
        policies.append(
            PolicyProcess(one.node, one.gpus, same.pop(0).rank if same else None, one.rank, one.rank in moved)
        )
    left = sorted((one for same in waiting.values() for one in same), key=lambda one: one.rank)
    policies += [PolicyProcess(one.node, one.gpus, one.rank, None) for one in left]
    return Layout(envs, tuple(policies))


def _asked(rank: int, envs: int, rollouts: int) -> tuple[int, ...]:
    """The rollout processes of an env process."""
    if envs >= rollouts:
        return (rank * rollouts // envs,)
    each = rollouts // envs
    return tuple(range(rank * each, (rank + 1) * each))
