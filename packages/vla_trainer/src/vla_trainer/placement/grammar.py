"""The grammar of `cluster.component_placement`, as in RLinf's files.

    placement = {names: value, ...}          names joined by commas share a value
    value     = segment, segment, ...
    segment   = resources[:processes]        each a number, a range a-b, or (resources only) all

Resources are GPUs, counted over all nodes; on machines without GPUs they are the nodes. Without `:processes` a segment
has one process a resource, numbered on from the segment before. `0-3:0-7` puts two processes on each of four GPUs,
`0-7:0-3` gives each of four processes two GPUs.
"""

import re
from collections.abc import Mapping

from vla_trainer.errors import PlacementError
from vla_trainer.placement.plan import ComponentPlacement, Placement, Process

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def parse(component_placement: Mapping[str, str | int], num_nodes: int, gpus_per_node: int) -> Placement:
    """Read a `component_placement`.

    Args:
        component_placement: component names, which may be joined by commas, to the grammar above.
        num_nodes: machines.
        gpus_per_node: GPUs of each; 0: resources are the nodes themselves.

    Raises:
        PlacementError: a value that does not follow the grammar, a GPU that is not there, processes and GPUs that do
            not divide, a process over two nodes, ranks with gaps or twice, a component that is named twice.
    """
    if num_nodes < 1 or gpus_per_node < 0:
        raise PlacementError(
            f"num_nodes={num_nodes}, gpus_per_node={gpus_per_node}: at least one node, and no negative count"
        )
    components: dict[str, ComponentPlacement] = {}
    for names, value in component_placement.items():
        for name in (part.strip() for part in str(names).split(",")):
            if not name:
                raise PlacementError(f'component_placement: "{names}" has an empty name')
            if name in components:
                raise PlacementError(f'component_placement: "{name}" is placed twice')
            components[name] = ComponentPlacement(name, _processes(name, str(value), num_nodes, gpus_per_node))
    return Placement(components, num_nodes, gpus_per_node)


def _processes(name: str, value: str, num_nodes: int, gpus_per_node: int) -> tuple[Process, ...]:
    where = f"component_placement.{name}={value}"
    by_rank: dict[int, Process] = {}
    following = 0
    for segment in value.split(","):
        resources_text, colon, ranks_text = (part.strip() for part in segment.partition(":"))
        resources = _resources(resources_text, num_nodes * max(gpus_per_node, 1), where)
        ranks = _range(ranks_text, where) if colon else range(following, following + len(resources))
        for rank, mine in zip(ranks, _share(resources, len(ranks), where), strict=True):
            if rank in by_rank:
                raise PlacementError(f"{where}: process {rank} is placed twice")
            by_rank[rank] = _process(rank, mine, gpus_per_node, where)
        following = ranks.stop
    missing = sorted(set(range(max(by_rank) + 1)) - set(by_rank))
    if missing:
        raise PlacementError(f"{where}: processes are numbered from 0 without gaps; missing: {missing}")
    return tuple(by_rank[rank] for rank in sorted(by_rank))


def _resources(text: str, available: int, where: str) -> range:
    resources = range(available) if text == "all" else _range(text, where)
    if resources.stop > available:
        raise PlacementError(f"{where}: {text} is not there; allowed: 0-{available - 1}, all")
    return resources


def _range(text: str, where: str) -> range:
    found = _RANGE.fullmatch(text)
    if found is None:
        raise PlacementError(f'{where}: "{text}" is not a number, a range a-b, or (for resources) all')
    first = int(found[1])
    last = int(found[2]) if found[2] is not None else first
    if last < first:
        raise PlacementError(f'{where}: "{text}" ends before it begins')
    return range(first, last + 1)


def _share(resources: range, processes: int, where: str) -> list[range]:
    """The resources of each process: several, one, or one that several processes share."""
    count = len(resources)
    if count % processes == 0:
        each = count // processes
        return [resources[index * each : (index + 1) * each] for index in range(processes)]
    if processes % count == 0:
        each = processes // count
        return [resources[index // each : index // each + 1] for index in range(processes)]
    raise PlacementError(f"{where}: {count} resources and {processes} processes: one number must divide the other")


def _process(rank: int, resources: range, gpus_per_node: int, where: str) -> Process:
    nodes = {resource // max(gpus_per_node, 1) for resource in resources}
    if len(nodes) > 1:
        raise PlacementError(f"{where}: process {rank} would span nodes {sorted(nodes)}")
    gpus = tuple(resource % gpus_per_node for resource in resources) if gpus_per_node else ()
    return Process(rank, nodes.pop(), gpus)
