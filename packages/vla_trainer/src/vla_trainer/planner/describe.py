"""Describe a run for `--plan`: components, devices, amounts, memory and time. Nothing is made.

Weights and speeds come from the config's section `plan`; what it leaves out is not estimated. The time that an earlier
run of the same recipe took on this machine comes before any estimate.

P weights, L positions of the transformer in one policy step.
"""

import json
import os
import statistics
from collections.abc import Iterator
from pathlib import Path

from vla_trainer import placement
from vla_trainer.config.cluster import Cluster
from vla_trainer.config.environment import class_metadata, find_spec
from vla_trainer.config.schema import Config
from vla_trainer.planner.recipe import describe_prediction

GIB = 2**30
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
    lines = [*_components(config), *_amounts(config), *_memory(config), *_time(config, recipe, logs)]
    lines += describe_prediction(config, episode_limit(config))
    return "\n".join([*lines, *(f"note: {notice}" for notice in config.notices())])


def max_policy_steps(config: Config) -> int | None:
    """Return the policy steps of one iteration; for GRPO at most: all episodes last until the time limit."""
    limit = episode_limit(config)
    return config.algorithm.policy_steps(
        config, None if limit is None else -(-limit // (config.env.positive("action_chunk") or 1))
    )


def episode_limit(config: Config) -> int | None:
    """Return the most environment steps of an episode: the config's limit, else the registered one."""
    if config.env.max_episode_steps is not None:
        return config.env.max_episode_steps
    try:
        spec = find_spec(config.env.id)
    except ImportError:
        return None
    return None if spec is None else spec.max_episode_steps


def _components(config: Config) -> Iterator[str]:
    cluster, policy = config.cluster, config.policy
    sources = [str(source) for source in (policy.kwargs.get("path"), policy.checkpoint) if source is not None]
    train = "all weights" if policy.lora is None else f"adapters of rank {policy.lora.rank}"
    yield (
        f"{config.algorithm.name} on {config.env.name}: {policy.factory}"
        + (f" from {', with the weights of '.join(sources)}" if sources else "")
        + f", {train}, {policy.precision}"
    )
    placed = placement.place(config)
    backend = f"backend {cluster.backend}, {cluster.num_nodes} node(s), {cluster.gpus_per_node} GPU(s) each"
    is_shown = True
    if cluster.backend == "local":
        is_shown = cluster.component_placement != Cluster().component_placement
        backend += ": everything in one process" + ("; with backend ray the placement would be" if is_shown else "")
    yield backend
    if is_shown:
        yield from (f"  {line}" for line in placement.draw(placed))
    if cluster.backend != "local" and config.algorithm.uses_rollouts:
        yield from (f"  {line}" for line in _rendering(config, placed))


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


def _memory(config: Config) -> Iterator[str]:
    plan, cluster = config.plan, config.cluster
    if plan.parameters is not None:
        placed = placement.place(config)
        nodes = [process.node for process in placed["actor"].processes] if "actor" in placed else []
        over_nodes = config.actor.shard_over == "node"
        shards = (nodes.count(nodes[0]) if over_nodes else len(nodes)) if nodes and cluster.backend != "local" else 1
        if config.policy.lora is None:
            # weight, gradient and AdamW's two moments, 4 bytes each
            actor, what = 16.0, "float32 weights, gradients and AdamW's moments"
        else:
            dtype = str(config.policy.kwargs.get("dtype", "float32"))
            actor = 2.0 if dtype in ("bfloat16", "float16") else 4.0
            what = f"frozen {dtype} weights; adapters are small"
        rollout = 2.0 if config.policy.precision == "bf16" and cluster.backend != "local" else 4.0
        yield (
            f"memory: actor {plan.parameters * actor / shards / GIB:.1f} GiB a process ({what}"
            + (f", over {shards} processes)" if shards > 1 else ")")
            + (f", rollout {plan.parameters * rollout / GIB:.1f} GiB a process" if cluster.backend != "local" else "")
            + "; activations come on top"
        )
    policy_steps = max_policy_steps(config)
    if plan.record_bytes is not None and policy_steps is not None and config.algorithm.uses_rollouts:
        yield f"  in host memory at most {plan.record_bytes * policy_steps / GIB:.1f} GiB of observations an iteration"


def _time(config: Config, recipe: str, logs: Path) -> Iterator[str]:
    measured = _measured(logs / recipe)
    if measured is not None:
        folder, seconds = measured
        yield f"time: {_clock(seconds * config.trainer.iterations)}, as {folder} took {seconds:.1f} s an iteration"
        return
    plan, policy_steps, iterations = config.plan, max_policy_steps(config), config.trainer.iterations
    if plan.iteration_seconds is not None:
        seconds = plan.iteration_seconds
        yield f"time: {_clock(seconds * iterations)} at {seconds:g} s an iteration (plan.iteration_seconds)"
        return
    speeds = [plan.parameters, plan.tokens, plan.flops_per_second]
    speeds += [plan.env_steps_per_second] if config.algorithm.uses_rollouts else []
    if None in speeds or policy_steps is None:
        yield "time: not known; an earlier run or speeds in the section plan would give an estimate"
        return
    parameters, tokens, flops_per_second = (float(speed or 0) for speed in speeds[:3])
    devices = max(config.cluster.num_nodes * config.cluster.gpus_per_node, 1)
    cores = (plan.cores_per_node or os.cpu_count() or 1) * config.cluster.num_nodes
    # a forward pass is 2 P L operations, a backward pass twice that, and one more forward with recomputation
    forward = 2 * parameters * tokens * policy_steps / (flops_per_second * devices)
    passes = 4.0 if config.policy.gradient_checkpointing else 3.0
    if not config.algorithm.uses_rollouts:
        update = forward * passes
        yield (
            f"time: about {_clock(update)} an iteration, {_clock(update * iterations)} in all, without evaluations; "
            "estimated from the section plan"
        )
        return
    update = forward * passes * config.policy_gradient.epochs
    envs = policy_steps * (config.env.positive("action_chunk") or 1) / ((plan.env_steps_per_second or 1) * cores)
    collect = max(forward, envs) if config.rollout.pipeline_stage_num > 1 else forward + envs
    yield (
        f"time: at most about {_clock(collect + update)} an iteration (environments {_clock(envs)} on {cores} cores, "
        f"policy {_clock(forward)}, update {_clock(update)}), {_clock((collect + update) * iterations)} in all; "
        "estimated from the section plan"
    )


def _measured(runs: Path) -> tuple[Path, float] | None:
    """Return the newest run with metrics and its median seconds of an iteration."""
    for folder in sorted(runs.iterdir(), reverse=True) if runs.is_dir() else ():
        file = folder / "metrics.jsonl"
        seconds = []
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
            try:
                seconds.append(float(json.loads(line)["time/iteration"]))
            except (ValueError, KeyError, TypeError):
                continue
        if seconds:
            return folder, statistics.median(seconds)
    return None


def _clock(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
