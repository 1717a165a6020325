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
        ranked = [
            (process.rollout_rank, index)
            for index, process in enumerate(self.policies)
            if process.rollout_rank is not None
        ]
        return [index for _, index in sorted(ranked)]

    def learning(self) -> list[int]:
        """Indices into `policies` by actor rank."""
        return [index for index, process in enumerate(self.policies) if process.actor_rank is not None]

    def apart(self) -> bool:
        """Whether no process both acts and learns, so that some can learn while others act."""
        return all(process.rollout_rank is None or process.actor_rank is None for process in self.policies)

    def per_node(self) -> dict[int, int]:
        """How many processes each node has."""
        nodes = [process.node for process in self.envs] + [process.node for process in self.policies]
        return {node: nodes.count(node) for node in nodes}


def layout_of(placement: Placement, num_envs: int, stages: int) -> Layout:
    """The processes of a placement that `vla_trainer.placement.check` has found to fit.

    A column of the grid is the same environment as in one process: the first stage's N/S environments, split over the
    env processes by rank, then the second stage's. A rollout and an actor process with the same node and GPUs are one
    process, so that acting reads the weights that learning moves.
    """
    env, rollout, actor = (placement[name].processes for name in ("env", "rollout", "actor"))
    envs_per_stage = num_envs // stages // len(env)
    envs = tuple(
        EnvProcess(
            process.rank,
            process.node,
            process.gpus,
            tuple(stage * (num_envs // stages) + process.rank * envs_per_stage for stage in range(stages)),
            envs_per_stage,
            _asked(process.rank, len(env), len(rollout)),
        )
        for process in env
    )
    moved = placement.offloads("actor")
    waiting: dict[tuple[int, tuple[int, ...]], list[Process]] = {}
    for process in rollout:
        waiting.setdefault((process.node, process.gpus), []).append(process)
    policies = []
    for process in actor:
        same = waiting.get((process.node, process.gpus))
        policies.append(
            PolicyProcess(
                process.node, process.gpus, same.pop(0).rank if same else None, process.rank, process.rank in moved
            )
        )
    left = sorted((process for same in waiting.values() for process in same), key=lambda process: process.rank)
    policies += [PolicyProcess(process.node, process.gpus, process.rank, None) for process in left]
    return Layout(envs, tuple(policies))


def _asked(rank: int, envs: int, rollouts: int) -> tuple[int, ...]:
    """The rollout processes of an env process."""
    if envs >= rollouts:
        return (rank * rollouts // envs,)
    per_env = rollouts // envs
    return tuple(range(rank * per_env, (rank + 1) * per_env))
