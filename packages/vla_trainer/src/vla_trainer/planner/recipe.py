"""Predict an iteration of a recipe for `--plan`, on its own placement.

plan.times (measured, a file) | speeds in the section plan (assumed) --> StageTimes --> Forecast
"""

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from vla_trainer import placement
from vla_trainer.config.environment import find_spec
from vla_trainer.config.schema import Config
from vla_trainer.errors import PlacementError
from vla_trainer.placement import Placement
from vla_trainer.planner.amounts import Amounts, amounts_of
from vla_trainer.planner.costs import Line, Transfer
from vla_trainer.planner.flops import forward_flops, update_flops
from vla_trainer.planner.iteration import Prediction, predict
from vla_trainer.planner.suggest import Layout
from vla_trainer.planner.times import StageTimes

ASSUMED = "the recipe's section plan, which assumes speeds; without exchange of gradients and offloading"


@dataclass(frozen=True)
class Forecast:
    """An iteration of a recipe as it is predicted, and what it was predicted from."""

    times: StageTimes
    source: str
    """Where the times are from, in words."""
    amounts: Amounts
    placed: Placement
    cores: float | None
    """Of each machine."""
    prediction: Prediction


def forecast(config: Config) -> Forecast | None:
    """Predict an iteration; None where the times of the stages or the amounts are not known, and for sft.

    All episodes are taken to last until the time limit.

    Raises:
        MeasurementError: the file `plan.times` cannot be read as measured times.
        PlacementError: `cluster.component_placement` is wrong, or does not fit the amounts.
    """
    if not config.algorithm.uses_rollouts:
        return None
    times, source = times_of(config)
    limit = episode_limit(config)
    if times is None or (limit is None and config.rollout.horizon is None):
        return None
    lengths = [] if limit is None else [-(-limit // (config.env.positive("action_chunk") or 1))]
    amounts, cores = amounts_of(config, lengths), config.plan.cores_per_node or os.cpu_count()
    try:
        placed = placement.place(config)
        prediction = predict(times, amounts, placed, stages=config.rollout.pipeline_stage_num, cores_per_node=cores)
    except PlacementError:
        if config.cluster.backend != "local":
            raise
        return None  # the local backend does not read the placement, which need not fit the amounts
    return Forecast(times, source, amounts, placed, cores, prediction)


def episode_limit(config: Config) -> int | None:
    """Return the most environment steps of an episode: the config's limit, else the registered one."""
    if config.env.max_episode_steps is not None:
        return config.env.max_episode_steps
    try:
        spec = find_spec(config.env.id)
    except ImportError:
        return None
    return None if spec is None else spec.max_episode_steps


def times_of(config: Config) -> tuple[StageTimes | None, str]:
    """Return the times of a recipe's stages, None if too few are known, and where they are from.

    Raises:
        MeasurementError: the file `plan.times` cannot be read as measured times.
    """
    if config.plan.times is not None:
        path = Path(config.plan.times).expanduser()
        return StageTimes.read(path), str(path)
    return assumed_times(config), ASSUMED


def assumed_times(config: Config) -> StageTimes | None:
    """Return stage times from the speeds in the section plan; None where one is missing.

    Operations are those of `vla_trainer.planner.flops`. Weights are sent where all are trained, in the type that they
    are computed in; the number of adapters is not known.
    """
    plan = config.plan
    forward, update = forward_flops(plan), update_flops(config.policy, plan)
    if forward is None or update is None or plan.flops_per_second is None or plan.env_steps_per_second is None:
        return None
    sync = Transfer()
    if config.policy.lora is None and plan.sync_bytes_per_second is not None and plan.parameters is not None:
        half = config.policy.precision == "bf16"
        half = half or str(config.policy.kwargs.get("dtype", "float32")) in ("bfloat16", "float16")
        sync = Transfer(plan.parameters * (2 if half else 4), plan.sync_bytes_per_second)
    return StageTimes(
        env_step=Line(each=(config.env.positive("action_chunk") or 1) / plan.env_steps_per_second),
        act=Line(each=forward / plan.flops_per_second),
        update=Line(each=update / plan.flops_per_second),
        sync=sync,
    )


def overrides(layout: Layout) -> str:
    """Return what to append to a command line to have this layout."""
    placed = shlex.quote(f"cluster.component_placement={json.dumps(layout.component_placement)}")  # JSON is YAML
    return f"rollout.pipeline_stage_num={layout.stages} {placed}"
