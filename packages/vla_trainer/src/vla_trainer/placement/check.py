"""Whether a placement fits a run's amounts: checked before anything starts."""

from typing import TYPE_CHECKING

from vla_trainer.algorithms import PPO, SFT
from vla_trainer.errors import PlacementError, did_you_mean
from vla_trainer.placement.grammar import parse
from vla_trainer.placement.plan import COMPONENTS, Device, Placement, Process

if TYPE_CHECKING:
    from vla_trainer.config.schema import Config


def place(config: "Config") -> Placement:
    """The placement that a config names; checked against its amounts unless everything runs in one process.

    Raises:
        PlacementError: it does not follow the grammar, or does not fit the machines or the amounts.
    """
    cluster = config.cluster
    groups = [group.model_dump() for group in cluster.node_groups]
    placed = parse(cluster.component_placement, cluster.num_nodes, cluster.gpus_per_node, groups)
    if cluster.backend != "local" and not isinstance(config.algorithm, SFT):
        check(placed, config)
    return placed


def check(placement: Placement, config: "Config") -> None:
    """Raise if `config` cannot be run with env, rollout and actor in the processes of `placement`.

    Each env process steps its share of the environments, stage by stage. A rollout process looks at the environments
    of one or several env processes, or at an equal part of those of one. Actor processes split the policy steps of each
    optimizer step; they may get one more or less than each other, but none of them nothing. A GPU has one process
    with a policy; a rollout and an actor process with the same GPUs are one.

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
    env, rollout, actor = (len(placement[name].processes) for name in COMPONENTS)
    _check_environments(config.env.num_envs, config.rollout.pipeline_stage_num, env, rollout)
    _check_batch(config, actor)
    if config.policy.device != "cpu":
        _check_policies(placement)
    if config.rollout.max_staleness:
        _check_apart(placement)


def _check_environments(num_envs: int, stages: int, env: int, rollout: int) -> None:
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
    # more rollout than env processes: each env process's environments of a stage are split over `each` of them
    each = max(rollout // env, 1)
    if (num_envs // (env * stages)) % each:
        raise PlacementError(
            f"env.num_envs={num_envs}: each of {env} env process(es) has {num_envs // (env * stages)} environment(s) a "
            f"stage, which {each} rollout processes cannot share; allowed: multiples of {rollout * stages}"
        )


def _check_apart(placement: Placement) -> None:
    """Who collects while others learn has nothing in common with them."""
    learning = {(one.node, one.gpus) for one in placement["actor"].processes}
    for name in ("env", "rollout"):
        shared = sorted(placement.shared_gpus(name, "actor"))
        if shared or (name == "rollout" and any((one.node, one.gpus) in learning for one in placement[name].processes)):
            where = f"GPU(s) {', '.join(map(str, shared))}" if shared else "a process"
            raise PlacementError(
                f"rollout.max_staleness=1: {name} and actor share {where}, and what collects cannot learn meanwhile; "
                "allowed: an actor apart from env and rollout"
            )


def _check_policies(placement: Placement) -> None:
    """NCCL, by which policies exchange gradients and weights, takes one process a GPU."""
    taken: dict[Device, str] = {}
    acting = list(placement["rollout"].processes)
    for actor in placement["actor"].processes:
        same = next((one for one in acting if (one.node, one.gpus) == (actor.node, actor.gpus)), None)
        if same is not None:
            acting.remove(same)
        _take(actor, "actor", taken, placement.gpus_per_node)
    for rollout in acting:
        _take(rollout, "rollout", taken, placement.gpus_per_node)


def _take(process: Process, name: str, taken: dict[Device, str], gpus_per_node: int) -> None:
    said = f"{name} process {process.rank}"
    for device in process.devices if process.gpus else ():
        if device in taken:
            gpu = device.node * gpus_per_node + (device.gpu or 0)
            raise PlacementError(
                f"component_placement: {taken[device]} and {said} are both on GPU {gpu}; allowed: one process with a "
                "policy on a GPU, or policy.device=cpu"
            )
        taken[device] = said


def _check_batch(config: "Config", actor: int) -> None:
    whole = config.actor.global_batch_size
    if whole is not None and whole < actor:
        raise PlacementError(
            f"actor.global_batch_size={whole} leaves some of {actor} actor processes without a policy step; "
            f"allowed: at least {actor}"
        )
    if not isinstance(config.algorithm, PPO) or config.rollout.horizon is None:
        return  # how many policy steps GRPO's episodes have is known when they have ended
    policy_steps = config.rollout.horizon * config.env.num_envs
    # an iteration's policy steps are cut into this many steps of nearly the same size
    steps = 1 if whole is None else -(-policy_steps // whole)
    if policy_steps // steps < actor:
        raise PlacementError(
            f"rollout.horizon={config.rollout.horizon} x env.num_envs={config.env.num_envs} are {policy_steps} "
            f"policy steps "
            f"in {steps} optimizer step(s), which leaves some of {actor} actor processes without one; "
            f"allowed: at least {actor} in each step"
        )
