"""Predict one training iteration on a placement: the rollout simulated, the rest in closed form.

rollout (simulated) --> update: micro-batches, all-reduce --> sync of the weights --> offload and load
                        over the actor processes               where not shared       on shared GPUs
"""

from collections import Counter
from dataclasses import dataclass, replace

from vla_trainer.placement import ComponentPlacement, Placement
from vla_trainer.planner.amounts import Amounts
from vla_trainer.planner.rollout import simulate
from vla_trainer.planner.times import StageTimes


@dataclass(frozen=True)
class Prediction:
    """Seconds of the parts of an iteration, which follow one another but for what `beside` counts."""

    rollout: float
    update: float
    sync: float
    """Seconds of sending weights to rollout processes."""
    offload: float
    """Seconds of moving between GPUs and host memory, both ways."""
    beside: float
    """Seconds of the update that pass during a rollout."""
    env_busy: float
    """Share of the iteration in which an env process steps or resets, mean over them."""
    rollout_busy: float
    """Share of the iteration in which a rollout process acts, mean over them."""
    actor_busy: float
    """Share of the iteration in which the actor processes update."""
    policy_steps: int
    """Collected in the iteration."""
    env_steps: int
    """Environment steps of these policy steps, each counted as a whole chunk."""

    @property
    def total(self) -> float:
        """Return the seconds of the iteration."""
        return self.rollout + self.update + self.sync + self.offload - self.beside

    @property
    def env_steps_per_second(self) -> float:
        """Return the environment steps per second of the whole iteration."""
        return self.env_steps / self.total if self.total > 0 else float("inf")


def predict(
    times: StageTimes,
    amounts: Amounts,
    placement: Placement,
    *,
    stages: int = 1,
    cores_per_node: float | None = None,
    one_machine: bool = False,
) -> Prediction:
    """Predict one iteration.

    Args:
        times: of the stages, measured.
        amounts: what an iteration does.
        placement: of `env`, `rollout` and `actor`.
        stages: `rollout.pipeline_stage_num`.
        cores_per_node: that the processes of a machine share; None: there are always enough.
        one_machine: nodes and GPUs of the placement are names only, and all processes share the cores of one machine.

    Raises:
        PlacementError: a component is not placed, or numbers do not divide.
    """
    machines = on_one_machine(placement) if one_machine else placement
    rollout = simulate(times, amounts, machines, stages=stages, cores_per_node=cores_per_node)
    collected = rollout.seconds + times.collect.seconds(rollout.policy_steps)
    update = update_seconds(times, amounts, rollout.policy_steps, machines, cores_per_node)
    # sharded weights are gathered once to be sent or to act with: one of the three thirds of an exchange
    actors = len(placement["actor"].processes)
    sync = times.exchange.ring_seconds(actors) / 3 * slowdown_of_actors(times, machines, cores_per_node)
    sync += times.sync.seconds if needs_sync(placement) else 0.0
    shared = machines.shared_gpus("env", "actor") | machines.shared_gpus("rollout", "actor")
    offload = times.offload + times.load if shared else 0.0
    beside = seconds_beside(amounts, collected, update, rollout.policy_steps) if apart(machines) else 0.0
    total = collected + update + sync + offload - beside
    whole = total if total > 0 else 1.0
    return Prediction(
        rollout=collected,
        update=update,
        sync=sync,
        offload=offload,
        beside=beside,
        env_busy=rollout.env_busy / whole,
        rollout_busy=rollout.rollout_busy / whole,
        actor_busy=update / whole,
        policy_steps=rollout.policy_steps,
        env_steps=rollout.policy_steps * amounts.action_chunk,
    )


def update_seconds(
    times: StageTimes, amounts: Amounts, policy_steps: int, placement: Placement, cores_per_node: float | None = None
) -> float:
    """Return the seconds of an update of `policy_steps`; the actor process with the most rows sets the pace."""
    actors = placement["actor"].processes
    slowdown = slowdown_of_actors(times, placement, cores_per_node)
    steps = amounts.optimizer_steps(policy_steps)
    seconds = times.batch.seconds(sum(steps) / amounts.epochs) if steps else 0.0
    for rows in steps:
        # what is imitated has micro-batches of its own
        per_actor = [-(-count // len(actors)) for count in (rows, round(amounts.imitated * rows))]
        micro_batches = sum(-(-count // amounts.micro_batch_size) for count in per_actor)
        passes = times.update.fixed * micro_batches + times.update.each * sum(per_actor)
        exchange = times.exchange.ring_seconds(len(actors)) * micro_batches
        seconds += (passes + exchange + times.optimizer_step) * slowdown
        seconds += times.all_reduce.all_reduce_seconds(len(actors)) * slowdown
    return seconds


def seconds_beside(amounts: Amounts, collected: float, update: float, policy_steps: int) -> float:
    """Return the seconds of the update that pass during a rollout, for actor processes that are `apart`.

    Assumes that groups end evenly over the rollout and that steps are equally long: of the S steps of the first epoch
    all but the last begin before the rollout has ended.
    """
    if amounts.learns == "after":
        return 0.0
    if amounts.learns == "ahead":
        return min(collected, update)
    steps = len(amounts.optimizer_steps(policy_steps)) // amounts.epochs
    return min(collected, update / amounts.epochs) * (steps - 1) / steps if steps else 0.0


def apart(placement: Placement) -> bool:
    """Return whether actor processes have GPUs of their own. Without GPUs all share processors: nothing is saved."""
    if not all(process.gpus for process in placement["actor"].processes):
        return False
    return not (placement.shared_gpus("env", "actor") | placement.shared_gpus("rollout", "actor"))


def slowdown_of_actors(times: StageTimes, placement: Placement, cores_per_node: float | None) -> float:
    """Return how many times longer actor processes take because those of a node without GPUs share its cores."""
    per_node = Counter(process.node for process in placement["actor"].processes if not process.gpus)
    if not per_node or cores_per_node is None:
        return 1.0
    return max(1.0, max(per_node.values()) * times.update_cores / cores_per_node)


def needs_sync(placement: Placement) -> bool:
    """Return whether weights are sent: to rollout processes that are not one with an actor process."""
    return len(placement.merged_ranks()) < len(placement["rollout"].processes)


def on_one_machine(placement: Placement) -> Placement:
    """Return the placement with everything on the processors of one node: its nodes and GPUs are names only."""
    components = {
        name: ComponentPlacement(
            name, tuple(replace(process, node=0, gpus=()) for process in placement[name].processes)
        )
        for name in placement
    }
    return Placement(components, num_nodes=1, gpus_per_node=0)
