"""Predict an iteration of a recipe for `--plan`, on its own placement and on others.

plan.times (measured, a file) | speeds in the section plan (assumed) --> StageTimes --> text
"""

import json
import os
import shlex
from pathlib import Path

from vla_trainer import placement
from vla_trainer.config.schema import Config
from vla_trainer.errors import PlacementError
from vla_trainer.planner.amounts import amounts_of
from vla_trainer.planner.costs import Line, Transfer
from vla_trainer.planner.iteration import Prediction, predict
from vla_trainer.planner.suggest import Layout, suggest
from vla_trainer.planner.table import describe_predictions, heading
from vla_trainer.planner.times import StageTimes

ASSUMED = "the recipe's section plan: assumed speeds, not measurements; without exchange of gradients and offloading"
SIZES = (8, 16, 32, 64)
"""Numbers of GPUs for which layouts are compared, besides the recipe's own."""


def describe_prediction(config: Config, episode_limit: int | None) -> list[str]:
    """Return the prediction as lines of text; none where the times of the stages or the amounts are not known.

    Args:
        config: of the run; there is no prediction for sft.
        episode_limit: environment steps that all episodes are assumed to have; None: not known.

    Raises:
        MeasurementError: the file `plan.times` cannot be read as measured times.
        PlacementError: `cluster.component_placement` is wrong, or does not fit the amounts.
    """
    if not config.algorithm.uses_rollouts:
        return []
    times, source = times_of(config)
    if times is None or (episode_limit is None and config.rollout.horizon is None):
        return []
    lengths = [] if episode_limit is None else [-(-episode_limit // (config.env.positive("action_chunk") or 1))]
    amounts, cluster = amounts_of(config, lengths), config.cluster
    cores = config.plan.cores_per_node or os.cpu_count()
    stages = config.rollout.pipeline_stage_num
    try:
        placed = placement.place(config)
        prediction = predict(times, amounts, placed, stages=stages, cores_per_node=cores)
    except PlacementError:
        if cluster.backend != "local":
            raise
        return []  # the local backend does not read the placement, which need not fit the amounts
    own = f"the recipe's own placement, {placed.shape} in {stages} stage(s): {_summary(prediction)}"
    per_node = cluster.gpus_per_node
    if not per_node:
        return [heading(source, times.measured_on), own]
    gpus = per_node * cluster.num_nodes
    sizes = [gpus, *(size for size in SIZES if size != gpus and size % min(per_node, size) == 0)]
    lines = describe_predictions(
        times, amounts, source, gpus_per_node=per_node, sizes=sorted(sizes), cores_per_node=cores
    )
    try:
        best = suggest(times, amounts, per_node, cluster.num_nodes, cores_per_node=cores)[0]
    except PlacementError:
        return [*lines.splitlines(), own]  # one of the lines has the reason
    if prediction.total <= best.prediction.total * (1 + 1e-6):
        return [*lines.splitlines(), f"{own}; none of these is quicker on {gpus} GPUs"]
    ratio = prediction.total / best.prediction.total
    return [
        *lines.splitlines(),
        f"{own}; {ratio:.2f} times the suggested one for {gpus} GPUs; to use that, append:",
        f"  {overrides(best.layout)}",
    ]


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

    A forward pass is 2 P L operations, a backward pass twice that, and once more forward where activations are
    recomputed. Weights are sent where all are trained, in the type that they are computed in; the number of adapters is
    not known.
    """
    plan = config.plan
    if plan.parameters is None or plan.tokens is None:
        return None
    if plan.flops_per_second is None or plan.env_steps_per_second is None:
        return None
    forward = 2 * plan.parameters * plan.tokens / plan.flops_per_second
    sync = Transfer()
    if config.policy.lora is None and plan.sync_bytes_per_second is not None:
        half = config.policy.precision == "bf16"
        half = half or str(config.policy.kwargs.get("dtype", "float32")) in ("bfloat16", "float16")
        sync = Transfer(plan.parameters * (2 if half else 4), plan.sync_bytes_per_second)
    return StageTimes(
        env_step=Line(each=(config.env.positive("action_chunk") or 1) / plan.env_steps_per_second),
        act=Line(each=forward),
        update=Line(each=forward * (4 if config.policy.gradient_checkpointing else 3)),
        sync=sync,
    )


def overrides(layout: Layout) -> str:
    """Return what to append to a command line to have this layout."""
    placed = shlex.quote(f"cluster.component_placement={json.dumps(layout.component_placement)}")  # JSON is YAML
    return f"rollout.pipeline_stage_num={layout.stages} {placed}"


def _summary(of: Prediction) -> str:
    parts = [("rollout", of.rollout), ("update", of.update), ("sync", of.sync), ("offload", of.offload)]
    seconds = " + ".join(f"{name} {value:.4g}" for name, value in parts if value or name in ("rollout", "update"))
    seconds += f" - {of.beside:.4g} during a rollout" if of.beside else ""
    return (
        f"{of.total:.4g} s an iteration ({seconds}); env busy {of.env_busy:.0%}, policy {of.rollout_busy:.0%}, "
        f"actor {of.actor_busy:.0%}"
    )
