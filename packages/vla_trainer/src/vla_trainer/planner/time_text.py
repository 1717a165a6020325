"""Describe the time of a run in plain words, for `--plan`: what an iteration takes, what sets its pace and why."""

import json
import statistics
from collections.abc import Iterator
from pathlib import Path

from vla_trainer.config.schema import Config
from vla_trainer.planner.flops import forward_flops, recomputed_flops, update_flops
from vla_trainer.planner.iteration import Prediction
from vla_trainer.planner.recipe import Forecast, episode_limit

BUSY = 0.9
"""Share of a rollout from which on what is busy sets its pace."""


def describe_time(config: Config, found: Forecast | None, recipe: str, logs: Path) -> Iterator[str]:
    """Yield lines on the time of an iteration and of the run; an earlier run's comes before any estimate."""
    iterations = config.trainer.iterations
    if (measured := _measured(logs / recipe)) is not None:
        folder, seconds = measured
        yield f"measured: {seconds:.1f} s an iteration in {folder}; {clock(seconds * iterations)} in all"
    elif config.plan.iteration_seconds is not None:
        seconds = config.plan.iteration_seconds
        yield f"{seconds:g} s an iteration (plan.iteration_seconds); {clock(seconds * iterations)} in all"
    elif found is None:
        yield from _supervised(config)
    if found is not None:
        yield from _predicted(config, found)


def _predicted(config: Config, found: Forecast) -> Iterator[str]:
    prediction = found.prediction
    yield f"{'':2}{prediction.total:7.4g} s  {_parts(prediction)}"
    yield f"{'':2}{clock(prediction.total * config.trainer.iterations):>9}  in all, without evaluations and checkpoints"
    yield f"bottleneck: {bottleneck(config, found)}"
    if (limit := episode_limit(config)) is not None and config.rollout.horizon is None:
        yield f"at most: every episode is taken to last until its limit of {limit} steps; those that succeed end before"
    if config.plan.times is None:
        yield from _roofline(config, found)
    where = found.source + (f" ({found.times.measured_on})" if found.times.measured_on else "")
    yield f"a prediction, not a measurement, with the stage times of {where}"


def _parts(of: Prediction) -> str:
    parts = [("rollout", of.rollout), ("update", of.update), ("sync", of.sync), ("offload", of.offload)]
    text = " + ".join(f"{name} {value:.4g}" for name, value in parts if value or name in ("rollout", "update"))
    return f"an iteration = {text}" + (f" - {of.beside:.4g} of the update during a rollout" if of.beside else "")


def bottleneck(config: Config, found: Forecast) -> str:
    """Return what sets the pace of an iteration, and why, as a sentence."""
    prediction = found.prediction
    total = prediction.total or 1.0
    parts = {"update": prediction.update, "rollout": prediction.rollout, "sync": prediction.sync}
    name = max(parts, key=lambda part: parts[part])
    share = f"{parts[name] / total:.0%} of the iteration"
    if name == "update":
        again = recomputed_flops(config.plan, config.policy.gradient_checkpointing) or 0.0
        whole = update_flops(config.policy, config.plan)
        reason = f"; {again / whole:.0%} of that repeats the forward pass" if again and whole else ""
        return f"the update, {share}: the policy's forward and backward passes{reason}"
    if name == "sync":
        return f"sending weights, {share}"
    acting = prediction.rollout_busy * total / prediction.rollout
    stepping = prediction.env_busy * total / prediction.rollout
    if acting >= BUSY:
        return f"the rollout, {share}: the policy acts {acting:.0%} of that time"
    if stepping >= BUSY:
        return f"the rollout, {share}: environments step {stepping:.0%} of that time"
    return (
        f"the rollout, {share}: policy and environments wait for each other; the policy acts {acting:.0%} of that "
        f"time, environments step {stepping:.0%}"
    )


def _roofline(config: Config, found: Forecast) -> Iterator[str]:
    plan, prediction = config.plan, found.prediction
    forward, update = forward_flops(plan), update_flops(config.policy, plan)
    if forward is None or update is None or plan.flops_per_second is None:
        return
    how = "counted" if plan.forward_flops is not None else "two a weight and position"
    yield (
        f"policy: {forward / 1e12:.3f} TFLOP to act ({how}) and {update / 1e12:.3f} TFLOP to learn from a policy step"
    )
    peak = plan.peak_flops_per_second
    share = f", {plan.flops_per_second / peak:.0%} of its peak of {peak / 1e12:.0f}" if peak else ""
    rate = plan.flops_per_second
    yield f"  at {rate / 1e12:.0f} TFLOP/s a device{share} (plan.flops_per_second: assumed)"
    actors = max(len(found.placed["actor"].processes), 1)
    if peak and actors:
        floor = prediction.policy_steps * (forward + update * found.amounts.epochs) / actors / peak
        yield f"  at the peak itself, with nothing else in the way, an iteration would take {floor:.0f} s"
    if plan.env_steps_per_second and found.cores:
        nodes = config.cluster.num_nodes if config.cluster.backend != "local" else 1
        cores = found.cores * nodes
        seconds = prediction.env_steps / (plan.env_steps_per_second * cores)
        yield (
            f"environments: {prediction.env_steps:,} steps at {plan.env_steps_per_second:g} a second and core, on "
            f"{cores:g} cores: {seconds:.0f} s at least"
        )


def _supervised(config: Config) -> Iterator[str]:
    plan = config.plan
    update = update_flops(config.policy, plan)
    if config.algorithm.uses_rollouts or update is None or plan.flops_per_second is None:
        yield "not known; an earlier run, or speeds in the section plan, would give an estimate"
        return
    devices = max(config.cluster.num_nodes * config.cluster.gpus_per_node, 1)
    policy_steps = config.algorithm.policy_steps(config, None) or 0
    seconds = update * policy_steps / (plan.flops_per_second * devices)
    yield (
        f"about {clock(seconds)} an iteration, {clock(seconds * config.trainer.iterations)} in all, without "
        "evaluations; estimated from the section plan"
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


def clock(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
