"""Say what would make an iteration shorter: each change by itself, predicted anew, for `--plan`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vla_trainer.config.schema import Config
from vla_trainer.errors import PlacementError
from vla_trainer.planner.memory_text import fullest
from vla_trainer.planner.recipe import Forecast, forecast

WORTHWHILE = 0.01
"""Changes that save a smaller share are left out."""


@dataclass(frozen=True)
class Change:
    """A change of a recipe or of its machines."""

    text: str
    """What to type, or what to have."""
    config: Config


def describe_advice(config: Config, found: Forecast) -> Iterator[str]:
    """Yield the changes that save most, the best first, each with the seconds that an iteration would take then."""
    total = found.prediction.total
    helped = []
    for change in changes(config):
        try:
            then = forecast(change.config)
            need = fullest(change.config)
        except PlacementError:
            continue  # the environments do not divide
        if then is not None and then.prediction.total < total * (1 - WORTHWHILE):
            helped.append((then.prediction.total, change.text, need))
    gpu = config.plan.gpu_bytes
    for seconds, text, need in sorted(helped):
        full = "; DOES NOT FIT on a GPU" if gpu is not None and need is not None and need > gpu else ""
        yield f"  {seconds:7.4g} s  {text}{full}"
    if not helped:
        yield "  none of the changes that are tried saves a hundredth"


def changes(config: Config) -> Iterator[Change]:
    """Yield single changes that keep what an iteration learns from."""
    policy, plan, rollout = config.policy, config.plan, config.rollout
    count = config.env.num_envs
    if rollout.episodes is not None and 2 * count <= rollout.episodes:
        yield Change(f"env.num_envs={2 * count}", _with(config, "env", num_envs=2 * count))
    if rollout.pipeline_stage_num == 1:
        yield Change("rollout.pipeline_stage_num=2", _with(config, "rollout", pipeline_stage_num=2))
    if policy.gradient_checkpointing is True:
        selective = _with(config, "policy", gradient_checkpointing="selective")
        yield Change("policy.gradient_checkpointing=selective", selective)
    if policy.gradient_checkpointing:
        yield Change("policy.gradient_checkpointing=false", _with(config, "policy", gradient_checkpointing=False))
    if config.cluster.backend != "local" and config.cluster.gpus_per_node:
        nodes = 2 * config.cluster.num_nodes
        yield Change(f"twice the machines (cluster.num_nodes={nodes})", _with(config, "cluster", num_nodes=nodes))
    if plan.cores_per_node is not None:
        more = _with(config, "plan", cores_per_node=2 * plan.cores_per_node)
        yield Change("twice the cores a machine", more)
    if plan.env_steps_per_second is not None:
        faster = _with(config, "plan", env_steps_per_second=2 * plan.env_steps_per_second)
        yield Change("environments that step twice as fast on a core", faster)
    if plan.flops_per_second is not None:
        faster = _with(config, "plan", flops_per_second=1.1 * plan.flops_per_second)
        yield Change("a policy that computes a tenth faster", faster)


def _with(config: Config, section: str, **values: Any) -> Config:
    """Return the config with other values of one section."""
    changed = getattr(config, section).model_copy(update=values)
    return config.model_copy(update={section: changed})
