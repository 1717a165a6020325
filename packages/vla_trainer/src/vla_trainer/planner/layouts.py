"""Compare a recipe's placement with others, for `--plan`."""

from vla_trainer.config.schema import Config
from vla_trainer.errors import PlacementError
from vla_trainer.planner.recipe import Forecast, overrides
from vla_trainer.planner.suggest import suggest
from vla_trainer.planner.table import describe_predictions

SIZES = (8, 16, 32, 64)
"""Numbers of GPUs for which layouts are compared, besides the recipe's own."""
ROWS = 2
"""Layouts for each number."""


def describe_layouts(config: Config, found: Forecast) -> list[str]:
    """Return a table of layouts as lines, and what to type for a better one; nothing where there are no GPUs."""
    cluster, total = config.cluster, found.prediction.total
    per_node = cluster.gpus_per_node
    if not per_node:
        return []
    gpus = per_node * cluster.num_nodes
    sizes = [gpus, *(size for size in SIZES if size != gpus and size % min(per_node, size) == 0)]
    cores = None if found.cores is None else int(found.cores)
    described = describe_predictions(
        found.times,
        found.amounts,
        found.source,
        gpus_per_node=per_node,
        sizes=sorted(sizes),
        cores_per_node=cores,
        rows=ROWS,
    )
    lines = described.splitlines()[1:]  # where the times are from stands above
    try:
        best = suggest(found.times, found.amounts, per_node, cluster.num_nodes, cores_per_node=cores)[0]
    except PlacementError:
        return lines  # one of the lines has the reason
    if total <= best.prediction.total * (1 + 1e-6):
        return [*lines, f"none of these is quicker on {gpus} GPUs than the recipe's own"]
    ratio = total / best.prediction.total
    return [
        *lines,
        f"the recipe's own takes {ratio:.2f} times as long as the suggested one for {gpus} GPUs; to use that, append:",
        f"  {overrides(best.layout)}",
    ]
