"""Which worker processes a placement asks for, and which work together; pure data.

Axes: N environments, S stages, E env processes, R rollout processes.
"""

from dataclasses import dataclass

from vla_trainer.placement import Placement


@dataclass(frozen=True)
class EnvProcess:
    """One process with environments."""

    rank: int
    node: int
    gpus: tuple[int, ...]
    rendering_gpu: int | None
    """See `Placement.rendering_gpus`."""
    first_env_indices: tuple[int, ...]
    """For each stage: the env index, of N, of its first environment."""
    envs_per_stage: int
    rollout: tuple[int, ...]
    """Ranks of the rollout processes that act for it; of several, each acts in an equal part of its environments."""


@dataclass(frozen=True)
class PolicyProcess:
    """One process with a policy."""

    node: int
    gpus: tuple[int, ...]
    rollout_rank: int | None
    """Its rank among the processes that act; None: it does not act."""
    actor_rank: int | None
    """Its rank among the processes that learn; None: it does not learn."""
    offload: bool = False
    """Whether what only learning needs is moved to the host's memory while others use its GPUs."""

    @property
    def name(self) -> str:
        """Return its name in messages."""
        roles = [("rollout", self.rollout_rank), ("actor", self.actor_rank)]
        return " and ".join(f"{role} process {rank}" for role, rank in roles if rank is not None)


@dataclass(frozen=True)
class ProcessLayout:
    """The worker processes of a run."""

    envs: tuple[EnvProcess, ...]
    policies: tuple[PolicyProcess, ...]
    """First those that learn, by actor rank, then those that only act, by rollout rank."""

    def acting(self) -> list[int]:
        """Return indices into `policies` by rollout rank."""
        ranks = [(policy.rollout_rank, index) for index, policy in enumerate(self.policies)]
        return [index for _, index in sorted((rank, index) for rank, index in ranks if rank is not None)]

    def learning(self) -> list[int]:
        """Return indices into `policies` by actor rank."""
        return [index for index, policy in enumerate(self.policies) if policy.actor_rank is not None]

    def apart(self) -> bool:
        """Return whether no process both acts and learns, so that some can learn while others act."""
        return all(policy.rollout_rank is None or policy.actor_rank is None for policy in self.policies)

    def per_node(self) -> dict[int, int]:
        """Return how many processes each node has."""
        nodes = [env.node for env in self.envs] + [policy.node for policy in self.policies]
        return {node: nodes.count(node) for node in nodes}


def layout_of(placement: Placement, num_envs: int, stages: int) -> ProcessLayout:
    """Return the processes of a placement that fits, see `vla_trainer.placement.check`.

    An env index is the same environment as in one process: the first stage's N/S environments, split over the env
    processes by rank, then the second stage's.
    """
    env = placement["env"].processes
    envs_per_stage = num_envs // stages // len(env)
    rendering_gpus = placement.rendering_gpus()
    envs = tuple(
        EnvProcess(
            process.rank,
            process.node,
            process.gpus,
            rendering_gpus[process.rank],
            tuple(stage * (num_envs // stages) + process.rank * envs_per_stage for stage in range(stages)),
            envs_per_stage,
            tuple(placement.rollout_ranks(process.rank)),
        )
        for process in env
    )
    offloaded, merged = placement.offloads("actor"), placement.merged_ranks()
    policies = [
        PolicyProcess(process.node, process.gpus, merged.get(process.rank), process.rank, process.rank in offloaded)
        for process in placement["actor"].processes
    ]
    policies += [
        PolicyProcess(process.node, process.gpus, process.rank, None)
        for process in placement["rollout"].processes
        if process.rank not in merged.values()
    ]
    return ProcessLayout(envs, tuple(policies))
