"""Check that a placement fits a run's amounts, before anything starts."""

from typing import TYPE_CHECKING

from vla_trainer.errors import PlacementError, did_you_mean
from vla_trainer.placement.parse import parse
from vla_trainer.placement.placement import COMPONENTS, Device, Placement

if TYPE_CHECKING:
    from vla_trainer.config.schema import Config


def place(config: "Config") -> Placement:
    """Return the placement that a config names; checked against its amounts unless everything runs in one process.

    Raises:
        PlacementError: it does not follow the grammar, or does not fit the machines or the amounts.
    """
    cluster = config.cluster
    groups = [group.model_dump() for group in cluster.node_groups]
    placement = parse(cluster.component_placement, cluster.num_nodes, cluster.gpus_per_node, groups)
    if cluster.backend != "local" and config.algorithm.uses_rollouts:
        check(placement, config)
    return placement


def check(placement: Placement, config: "Config") -> None:
    """Raise if `config` cannot be run with env, rollout and actor in the processes of `placement`.

    Env processes have equal shares of the environments, see `check_environments`. Actor processes split the policy
    steps of each optimizer step; their shares may differ by one, but none is empty. A GPU has one process with a
    policy; a rollout and an actor process with the same GPUs are one.

    Raises:
        PlacementError: an unknown or a missing component, amounts that cannot be shared out like that, two policies on
            a GPU, or components that cannot work at the same time as `rollout.max_staleness` asks.
    """
    for name in placement:
        if name not in COMPONENTS:
            raise PlacementError(f'component_placement: unknown component "{name}"{did_you_mean(name, COMPONENTS)}')
    missing = [name for name in COMPONENTS if name not in placement]
    if missing:
        raise PlacementError(f"component_placement: {', '.join(missing)} missing; needed: {', '.join(COMPONENTS)}")
    check_environments(placement, config.env.num_envs, config.rollout.pipeline_stage_num)
    _check_batch(config, len(placement["actor"].processes))
    if config.actor.shard_over == "node":
        _check_equal_nodes(placement)
    if config.policy.device != "cpu":
        _check_one_policy_per_gpu(placement)
    if config.rollout.max_staleness:
        _check_apart(placement)


def check_environments(placement: Placement, num_envs: int, stages: int) -> None:
    """Raise unless every env process, and in each pipeline stage every rollout process, gets as many environments.

    An env process steps its share of the environments stage by stage. A rollout process acts for one or several env
    processes, or for an equal part of the environments of one.

    Raises:
        PlacementError: the numbers do not divide; the message names the numbers that do.
    """
    env, rollout = len(placement["env"].processes), len(placement["rollout"].processes)
    if num_envs % (env * stages):
        raise PlacementError(
            f"env.num_envs={num_envs} cannot be shared out over {env} env process(es) in "
            f"rollout.pipeline_stage_num={stages} stage(s); allowed: multiples of {env * stages}"
        )
    if env % rollout and rollout % env:
        raise PlacementError(
            f"component_placement: {env} env processes and {rollout} rollout processes; "
            "one number must divide the other"
        )
    envs_per_stage, rollouts_per_env = num_envs // (env * stages), max(rollout // env, 1)
    if envs_per_stage % rollouts_per_env:
        raise PlacementError(
            f"env.num_envs={num_envs}: each of {env} env process(es) has {envs_per_stage} environment(s) a "
            f"stage, which {rollouts_per_env} rollout processes cannot share; "
            f"allowed: multiples of {rollout * stages}"
        )


def _check_equal_nodes(placement: Placement) -> None:
    """Raise unless each node that has actor processes has as many as the others."""
    nodes = [process.node for process in placement["actor"].processes]
    counts = {node: nodes.count(node) for node in nodes}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{count} on node {node}" for node, count in counts.items())
        raise PlacementError(
            f"actor.shard_over=node: the actor has {found}; allowed: as many processes on each node, or shard_over=all"
        )


def _check_apart(placement: Placement) -> None:
    """Raise if env or rollout shares a GPU or a process with the actor: they work at the same time."""
    for name in ("env", "rollout"):
        shared = sorted(placement.shared_gpus(name, "actor"))
        if shared or (name == "rollout" and placement.merged_ranks()):
            where = f"GPU(s) {', '.join(map(str, shared))}" if shared else "a process"
            raise PlacementError(
                f"rollout.max_staleness=1: {name} and actor share {where}, and what collects cannot learn meanwhile; "
                "allowed: an actor apart from env and rollout"
            )


def _check_one_policy_per_gpu(placement: Placement) -> None:
    """Raise if two processes with policies use a GPU: NCCL, which exchanges gradients and weights, allows one."""
    merged = set(placement.merged_ranks().values())
    policies = [("actor", process) for process in placement["actor"].processes]
    policies += [("rollout", process) for process in placement["rollout"].processes if process.rank not in merged]
    users: dict[Device, str] = {}
    for component, process in policies:
        user = f"{component} process {process.rank}"
        for node, index in ((process.node, gpu) for gpu in process.gpus):
            first = users.setdefault(Device(node, index), user)
            if first != user:
                raise PlacementError(
                    f"component_placement: {first} and {user} are both on GPU {node * placement.gpus_per_node + index};"
                    " allowed: one process with a policy on a GPU, or policy.device=cpu"
                )


def _check_batch(config: "Config", actor: int) -> None:
    batch_size = config.actor.global_batch_size
    if batch_size is not None and batch_size < actor:
        raise PlacementError(
            f"actor.global_batch_size={batch_size} leaves some of {actor} actor processes without a policy step; "
            f"allowed: at least {actor}"
        )
    if config.rollout.horizon is None:
        return  # how many policy steps episodes have is known when they have ended
    policy_steps = config.rollout.horizon * config.env.num_envs
    # an iteration's policy steps are cut into this many optimizer steps of nearly the same size
    steps = 1 if batch_size is None else -(-policy_steps // batch_size)
    if policy_steps // steps < actor:
        raise PlacementError(
            f"rollout.horizon={config.rollout.horizon} x env.num_envs={config.env.num_envs} are {policy_steps} policy "
            f"steps in {steps} optimizer step(s), which leaves some of {actor} actor processes without one; "
            f"allowed: at least {actor} in each step"
        )
