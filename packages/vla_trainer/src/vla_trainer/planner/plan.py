"""What `--plan` prints: components, devices, amounts, memory and time of a run, of which nothing is made.

Weights and speeds come from the config's section `plan`; what it leaves out is not estimated. Time that an earlier run
of the same recipe measured on this machine comes before any estimate.

P weights, L positions of the transformer in one policy step.
"""

import json
import os
import statistics
from collections.abc import Iterator
from pathlib import Path

from vla_trainer import placement
from vla_trainer.algorithms import GRPO, SFT
from vla_trainer.config.cluster import Cluster
from vla_trainer.config.environment import find_spec
from vla_trainer.config.schema import Config
from vla_trainer.planner.recipe import describe_recipe

GIB = 2**30


def describe_plan(config: Config, recipe: str, logs: Path = Path("logs")) -> str:
    """The plan as lines of text.

    Args:
        config: what would run.
        recipe: its name, under which `logs` may hold an earlier run.
        logs: where runs are written.

    Raises:
        PlacementError: `cluster.component_placement` is wrong, or does not fit the amounts.
        MeasurementError: the file `plan.times` cannot be read as measured times.
    """
    lines = [*_components(config), *_amounts(config), *_memory(config), *_time(config, recipe, logs)]
    lines += describe_recipe(config, episode_limit(config))
    return "\n".join([*lines, *(f"note: {notice}" for notice in config.notices())])


def policy_steps_of_an_iteration(config: Config) -> int | None:
    """Policy steps of one iteration; for GRPO at most, all episodes being as long as the time limit; None if
    unknown."""
    if isinstance(config.algorithm, SFT):
        return config.algorithm.optimizer_steps * (config.actor.global_batch_size or 0)
    if config.rollout.horizon is not None:
        return config.rollout.horizon * config.env.num_envs
    limit = episode_limit(config)
    if config.rollout.episodes is None or limit is None:
        return None
    episodes = config.rollout.episodes
    if isinstance(config.algorithm, GRPO):
        episodes += config.rollout.resample_groups * config.algorithm.group_size
    return episodes * -(-limit // (config.env.positive("action_chunk") or 1))


def episode_limit(config: Config) -> int | None:
    """Environment steps of an episode: the config's limit, else the registered one."""
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
    said = f"backend {cluster.backend}, {cluster.num_nodes} node(s), {cluster.gpus_per_node} GPU(s) each"
    drawn = True
    if cluster.backend == "local":
        drawn = cluster.component_placement != Cluster().component_placement
        said += ": everything in this process" + ("; on another backend it would be" if drawn else "")
    yield said
    if drawn:
        yield from (f"  {line}" for line in placement.draw(placed))


def _amounts(config: Config) -> Iterator[str]:
    if isinstance(config.algorithm, SFT):
        yield from _supervised_amounts(config, config.algorithm)
        return
    chunk, policy_steps, limit = (
        config.env.positive("action_chunk") or 1,
        policy_steps_of_an_iteration(config),
        episode_limit(config),
    )
    stages = config.rollout.pipeline_stage_num
    envs = f"{config.env.num_envs} x {config.env.name}" + (f" in {stages} stages" if stages > 1 else "")
    at_most = "" if config.rollout.horizon is not None else "at most "
    amount = []
    if isinstance(config.algorithm, GRPO):
        groups = (config.rollout.episodes or 0) // config.algorithm.group_size
        amount.append(f"{config.rollout.episodes} episodes ({groups} groups of {config.algorithm.group_size})")
        if config.rollout.resample_groups:
            amount.append(
                f"at most {config.rollout.resample_groups} further groups in the place of ones without signal"
            )
    if policy_steps is not None:
        amount.append(f"{at_most}{policy_steps:,} policy steps of {chunk} step(s)")
        if config.rollout.horizon is not None and limit is not None:
            amount.append(f"at least {policy_steps * chunk // limit} episodes")
    yield f"an iteration: {', '.join(amount)} from {envs}"
    if policy_steps is not None:
        whole = config.actor.global_batch_size or policy_steps
        steps = config.algorithm.epochs * -(-policy_steps // whole)
        yield f"  then {at_most}{steps} optimizer step(s) of at most {min(whole, policy_steps):,} policy steps"
        if config.actor.batch_order == "groups":
            yield "  in the first epoch of whole groups, so many policy steps or more, begun as groups end"
        if config.rollout.max_staleness:
            yield "  while the next iteration is collected with the weights of before"
    yield _run_amounts(config)


def _supervised_amounts(config: Config, algorithm: SFT) -> Iterator[str]:
    per_task = "all" if algorithm.episodes_per_task is None else f"{algorithm.episodes_per_task} a task"
    yield f"demonstrations: {algorithm.dataset}, {per_task}"
    steps, size = algorithm.optimizer_steps, config.actor.global_batch_size
    chunk = config.env.positive("action_chunk") or 1
    yield f"an iteration: {steps} optimizer steps of {size} policy steps of {chunk} step(s)"
    yield _run_amounts(config)


def _run_amounts(config: Config) -> str:
    trainer = config.trainer
    said = [f"{trainer.iterations} iterations"]
    if trainer.save_every is not None:
        said.append(f"a checkpoint every {trainer.save_every}")
    if config.eval.episodes is not None:
        when = "at the end" if trainer.eval_every is None else f"every {trainer.eval_every}"
        said.append(f"an evaluation of {config.eval.episodes} episodes {when}")
    return f"in all: {', '.join(said)}"


def _memory(config: Config) -> Iterator[str]:
    plan, cluster = config.plan, config.cluster
    if plan.parameters is not None:
        placed = placement.place(config)
        shards = len(placed["actor"].processes) if "actor" in placed and cluster.backend != "local" else 1
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
    policy_steps = policy_steps_of_an_iteration(config)
    if plan.record_bytes is not None and policy_steps is not None and not isinstance(config.algorithm, SFT):
        yield f"  in host memory at most {plan.record_bytes * policy_steps / GIB:.1f} GiB of observations an iteration"


def _time(config: Config, recipe: str, logs: Path) -> Iterator[str]:
    measured = _measured(logs / recipe)
    if measured is not None:
        folder, seconds = measured
        yield f"time: {_clock(seconds * config.trainer.iterations)}, as {folder} took {seconds:.1f} s an iteration"
        return
    plan, policy_steps, iterations = config.plan, policy_steps_of_an_iteration(config), config.trainer.iterations
    if plan.iteration_seconds is not None:
        each = plan.iteration_seconds
        yield f"time: {_clock(each * iterations)} at {each:g} s an iteration, which the recipe says was measured"
        return
    speeds = [plan.parameters, plan.tokens, plan.flops_per_second]
    speeds += [] if isinstance(config.algorithm, SFT) else [plan.env_steps_per_second]
    if None in speeds or policy_steps is None:
        yield "time: not known before the first iteration of a first run"
        return
    parameters, tokens, flops_per_second = (float(speed or 0) for speed in speeds[:3])
    devices = max(config.cluster.num_nodes * config.cluster.gpus_per_node, 1)
    cores = (plan.cores_per_node or os.cpu_count() or 1) * config.cluster.num_nodes
    # a forward pass is 2 P L operations, a backward pass twice that, and once more forward where activations are redone
    forward = 2 * parameters * tokens * policy_steps / (flops_per_second * devices)
    passes = 4.0 if config.policy.gradient_checkpointing else 3.0
    if isinstance(config.algorithm, SFT):
        update = forward * passes
        yield (
            f"time: some {_clock(update)} an iteration, {_clock(update * iterations)} in all, without evaluations; "
            "estimated from the section plan"
        )
        return
    update = forward * passes * config.algorithm.epochs
    envs = policy_steps * (config.env.positive("action_chunk") or 1) / ((plan.env_steps_per_second or 1) * cores)
    collect = max(forward, envs) if config.rollout.pipeline_stage_num > 1 else forward + envs
    yield (
        f"time: at most some {_clock(collect + update)} an iteration (environments {_clock(envs)} on {cores} cores, "
        f"policy {_clock(forward)}, update {_clock(update)}), {_clock((collect + update) * iterations)} in all; "
        "estimated from the section plan"
    )


def _measured(runs: Path) -> tuple[Path, float] | None:
    """The newest run with metrics and its median iteration in seconds."""
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
