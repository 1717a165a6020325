"""Describe a run for `--plan`: what runs where, memory, time, and what would help. Nothing is made.

Weights and speeds come from the config's section `plan`; what it leaves out is not estimated. The time that an earlier
run of the same recipe took on this machine comes before any estimate.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from vla_trainer import placement
from vla_trainer.config.cluster import Cluster
from vla_trainer.config.environment import class_metadata
from vla_trainer.config.schema import Config
from vla_trainer.planner.advice import describe_advice
from vla_trainer.planner.layouts import describe_layouts
from vla_trainer.planner.memory_text import describe_gpu, describe_host
from vla_trainer.planner.recipe import episode_limit, forecast
from vla_trainer.planner.time_text import describe_time

RENDERING_GPUS = 8
"""Of more GPUs that env processes render on the first are listed."""


def describe(config: Config, recipe: str, logs: Path = Path("logs")) -> str:
    """Return the description of a run as lines of text.

    Args:
        config: of the run.
        recipe: the recipe's name, under which `logs` may hold an earlier run.
        logs: the folder of all runs.

    Raises:
        PlacementError: `cluster.component_placement` is wrong, or does not fit the amounts.
        MeasurementError: the file `plan.times` cannot be read as measured times.
    """
    placed, found = list(_devices(config)), forecast(config)
    sections: dict[str, Iterable[str]] = {
        "What runs": [*_components(config), *_amounts(config)],
        "Where": placed,
        "Memory of a GPU": describe_gpu(config),
        "Memory of a node": describe_host(config, max_policy_steps(config)),
        "Time of an iteration": describe_time(config, found, recipe, logs),
        "What would help most": [] if found is None else describe_advice(config, found),
        "Other layouts": [] if found is None else describe_layouts(config, found),
        "Notes": config.notices(),
    }
    parts = ((title, list(lines)) for title, lines in sections.items())
    return "\n\n".join("\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in parts if lines)


def max_policy_steps(config: Config) -> int | None:
    """Return the policy steps of one iteration; for GRPO at most: all episodes last until the time limit."""
    limit = episode_limit(config)
    return config.algorithm.policy_steps(
        config, None if limit is None else -(-limit // (config.env.positive("action_chunk") or 1))
    )


def _components(config: Config) -> Iterator[str]:
    policy = config.policy
    sources = [str(source) for source in (policy.kwargs.get("path"), policy.checkpoint) if source is not None]
    train = "all weights" if policy.lora is None else f"adapters of rank {policy.lora.rank}"
    yield (
        f"{config.algorithm.name} on {config.env.name}: {policy.factory}"
        + (f" from {', with the weights of '.join(sources)}" if sources else "")
        + f", {train}, {policy.precision}"
    )


def _devices(config: Config) -> Iterator[str]:
    cluster = config.cluster
    placed = placement.place(config)
    backend = f"backend {cluster.backend}, {cluster.num_nodes} node(s), {cluster.gpus_per_node} GPU(s) each"
    is_shown = True
    if cluster.backend == "local":
        is_shown = cluster.component_placement != Cluster().component_placement
        backend += ": everything in one process" + ("; with backend ray the placement would be" if is_shown else "")
    yield backend
    if is_shown:
        yield from placement.draw(placed)
    if cluster.backend != "local" and config.algorithm.uses_rollouts:
        yield from _rendering(config, placed)


def _rendering(config: Config, placed: placement.Placement) -> Iterator[str]:
    """Yield on which GPUs env processes render that have none, where the environment takes one."""
    if "device_argument" not in class_metadata(config.env.id):
        return
    ranks: dict[tuple[int, int], list[int]] = {}
    for process, gpu in zip(placed["env"].processes, placed.rendering_gpus(), strict=True):
        if not process.gpus and gpu is not None:
            ranks.setdefault((process.node, gpu), []).append(process.rank)
    if ranks:
        shown = [
            f"GPU {node * placed.gpus_per_node + gpu}: {' '.join(f'E{rank}' for rank in found)}"
            for (node, gpu), found in sorted(ranks.items())[:RENDERING_GPUS]
        ]
        more = "" if len(ranks) <= RENDERING_GPUS else ", ..."
        yield f"env processes without a GPU render on their node's GPUs in turn: {', '.join(shown)}{more}"


def _amounts(config: Config) -> Iterator[str]:
    if not config.algorithm.uses_rollouts:
        yield from _supervised_amounts(config)
        return
    algorithm = config.policy_gradient
    chunk, policy_steps, limit = (
        config.env.positive("action_chunk") or 1,
        max_policy_steps(config),
        episode_limit(config),
    )
    stages = config.rollout.pipeline_stage_num
    envs = f"{config.env.num_envs} x {config.env.name}" + (f" in {stages} stages" if stages > 1 else "")
    at_most = "" if config.rollout.horizon is not None else "at most "
    amount = algorithm.describe_rollout(config)
    if policy_steps is not None:
        amount.append(f"{at_most}{policy_steps:,} policy steps of {chunk} step(s)")
        if config.rollout.horizon is not None and limit is not None:
            amount.append(f"at least {policy_steps * chunk // limit} episodes")
    yield f"an iteration: {', '.join(amount)} from {envs}"
    if policy_steps is not None:
        batch_size = config.actor.global_batch_size or policy_steps
        steps = algorithm.epochs * -(-policy_steps // batch_size)
        yield f"  then {at_most}{steps} optimizer step(s) of at most {min(batch_size, policy_steps):,} policy steps"
        if (own := algorithm.self_imitation) is not None:
            yield f"  each beside {own.share:g} times as many of own successes, of the last {own.memory} iterations"
        if config.actor.batch_order == "groups":
            yield "  in the first epoch they begin as groups end, with whole groups: that many policy steps or more"
        if config.rollout.max_staleness:
            yield "  while the next iteration is collected with the weights from before this update"
    yield _run_amounts(config)


def _supervised_amounts(config: Config) -> Iterator[str]:
    algorithm = config.sft
    per_task = "all" if algorithm.episodes_per_task is None else f"{algorithm.episodes_per_task} a task"
    yield f"demonstrations: {algorithm.dataset}, {per_task}"
    steps, size = algorithm.optimizer_steps, config.actor.global_batch_size
    chunk = config.env.positive("action_chunk") or 1
    yield f"an iteration: {steps} optimizer steps of {size} policy steps of {chunk} step(s)"
    yield _run_amounts(config)


def _run_amounts(config: Config) -> str:
    trainer = config.trainer
    amounts = [f"{trainer.iterations} iterations"]
    if trainer.save_every is not None:
        amounts.append(f"a checkpoint every {trainer.save_every}")
    if config.eval.episodes is not None:
        when = "at the end" if trainer.eval_every is None else f"every {trainer.eval_every}"
        amounts.append(f"an evaluation of {config.eval.episodes} episodes {when}")
    return f"in all: {', '.join(amounts)}"
