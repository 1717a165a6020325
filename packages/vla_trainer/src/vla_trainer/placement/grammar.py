"""The grammar of `cluster.component_placement`, as in RLinf's files.

    placement = {names: value, ...}          names joined by commas share a value
    value     = segment, segment, ...        or {node_group: label, placement: segment, segment, ...}
    segment   = resources[:processes]        each a number, a range a-b, or (resources only) all

Resources are what the node group counts, `cluster` where none is named: GPUs over the group's nodes from 0 on, or nodes
in the group `node` and on machines without GPUs. Without `:processes` a segment has one process a resource, numbered
on from the segment before. `0-3:0-7` puts two processes on each of four GPUs, `0-7:0-3` gives each of four processes
two GPUs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vla_trainer.errors import PlacementError, did_you_mean
from vla_trainer.placement.groups import CLUSTER, RESERVED, NodeGroup, read_groups
from vla_trainer.placement.plan import COMPONENTS, ComponentPlacement, Placement, Process
from vla_trainer.placement.ranges import read_range, say_ranges

Value = str | int | Mapping[str, str | int]
"""What a component may be given: segments, or a node group and segments in it."""

PROCESSES_PER_RESOURCE = 1024
"""More on one GPU or node is taken for a slip of the pen, before memory is filled with them."""

_KEYS = ("node_group", "placement")


def parse(
    component_placement: Mapping[str, Value],
    num_nodes: int,
    gpus_per_node: int,
    node_groups: Sequence[Mapping[str, object]] = (),
) -> Placement:
    """Read a `component_placement`.

    Args:
        component_placement: component names, which may be joined by commas, to the grammar above.
        num_nodes: machines.
        gpus_per_node: GPUs of each; 0: resources are the nodes themselves.
        node_groups: labels for some of the nodes: `{"label": "sim", "node_ranks": "2-3"}`, ...

    Raises:
        PlacementError: a value that does not follow the grammar, a GPU or a node group that is not there, processes and
            GPUs that do not divide, a process over two nodes, ranks with gaps or twice, a component that is named
            twice.

    Env, rollout and actor come first in the result, others follow as they are written.
    """
    if num_nodes < 1 or gpus_per_node < 0:
        raise PlacementError(
            f"num_nodes={num_nodes}, gpus_per_node={gpus_per_node}: at least one node, and no negative count"
        )
    groups = read_groups(node_groups, num_nodes, gpus_per_node)
    components: dict[str, ComponentPlacement] = {}
    for names, value in component_placement.items():
        for name in (part.strip() for part in str(names).split(",")):
            if not name:
                raise PlacementError(f'component_placement: "{names}" has an empty name')
            if name in components:
                raise PlacementError(f'component_placement: "{name}" is placed twice')
            components[name] = ComponentPlacement(name, _read_value(name, value, groups))
    order = [*(name for name in COMPONENTS if name in components), *(n for n in components if n not in COMPONENTS)]
    components = {name: components[name] for name in order}
    labelled = {label: group.nodes for label, group in groups.items() if label not in RESERVED}
    return Placement(components, num_nodes, gpus_per_node, labelled)


@dataclass(frozen=True)
class _Segment:
    """One segment, and what an error calls it."""

    resources: str
    processes: str | None
    group: NodeGroup
    where: str
    text: str

    def wrong(self, said: str, part: str | None = None) -> PlacementError:
        """An error about the segment, or about a part of it."""
        if part is not None and part != self.text:
            return PlacementError(f'{self.where}: "{part}" {said}')
        return PlacementError(f"{self.where} {said}")

    def range(self, text: str) -> range:
        try:
            return read_range(text)
        except ValueError as error:
            raise self.wrong(str(error), text) from error


def _read_value(name: str, value: Value, groups: Mapping[str, NodeGroup]) -> tuple[Process, ...]:
    where, label = f"component_placement.{name}", CLUSTER
    if isinstance(value, Mapping):
        label, value = _read_mapping(value, groups, where)
        where = f'{where}.placement={value} in node group "{label}"'
    else:
        where = f"{where}={value}"
    return _read_segments(str(value), isinstance(value, int), groups[label], where)


def _read_mapping(value: Mapping[str, str | int], groups: Mapping[str, NodeGroup], where: str) -> tuple[str, str | int]:
    for key in value:
        if key not in _KEYS:
            raise PlacementError(f'{where}: unknown key "{key}"{did_you_mean(str(key), _KEYS)}')
    if "placement" not in value:
        raise PlacementError(f'{where}: missing key "placement"')
    label = str(value.get("node_group", CLUSTER))
    if label not in groups:
        raise PlacementError(f'{where}.node_group="{label}"{did_you_mean(label, groups)}')
    return label, value["placement"]


def _read_segments(value: str, is_number: bool, group: NodeGroup, where: str) -> tuple[Process, ...]:
    by_rank: dict[int, Process] = {}
    following = 0
    for number, text in enumerate(value.split(","), start=1):
        resources_text, colon, ranks_text = (part.strip() for part in text.partition(":"))
        segment = _Segment(
            resources_text,
            ranks_text if colon else None,
            group,
            f'{where}: segment {number} "{text.strip()}"',
            text.strip(),
        )
        resources = _resources(segment, is_number)
        ranks = (
            range(following, following + len(resources))
            if segment.processes is None
            else segment.range(segment.processes)
        )
        for rank, mine in zip(ranks, _share(resources, len(ranks), segment), strict=True):
            if rank in by_rank:
                raise PlacementError(f"{segment.where}: process {rank} is placed twice")
            by_rank[rank] = _process(rank, mine, segment)
        following = ranks.stop
    missing = sorted(set(range(max(by_rank) + 1)) - set(by_rank))
    if missing:
        raise PlacementError(f"{where}: processes are numbered from 0 without gaps; missing: {missing}")
    return tuple(by_rank[rank] for rank in sorted(by_rank))


def _resources(segment: _Segment, is_number: bool) -> range:
    available = segment.group.resources
    if segment.resources == "all":
        return range(available)
    try:
        resources = read_range(segment.resources)
    except ValueError as error:
        raise segment.wrong(
            str(error).replace("number or a range a-b", "number, a range a-b or all"), segment.resources
        ) from error
    if resources.stop > available:
        # YAML 1.1 reads 1:0 as 60, in the old way of writing times
        hint = "; if it was written a:b, put it in quotes" if is_number and resources.start >= 60 else ""
        kind = "GPUs" if segment.group.gpus_per_node else "nodes"
        raise segment.wrong(
            f"is not there; {kind} allowed: {say_ranges(range(available))}, all{hint}", segment.resources
        )
    return resources


def _share(resources: range, processes: int, segment: _Segment) -> list[range]:
    """The resources of each process: several, one, or one that several processes share."""
    count = len(resources)
    if processes > count * PROCESSES_PER_RESOURCE:
        raise segment.wrong(
            f"has {processes} processes; allowed: {PROCESSES_PER_RESOURCE} on each of {count} resources"
        )
    if count % processes == 0:
        each = count // processes
        return [resources[index * each : (index + 1) * each] for index in range(processes)]
    if processes % count == 0:
        each = processes // count
        return [resources[index // each : index // each + 1] for index in range(processes)]
    raise segment.wrong(f"has {count} resources and {processes} processes: one number must divide the other")


def _process(rank: int, resources: range, segment: _Segment) -> Process:
    group = segment.group
    nodes = sorted({group.node_of(resource) for resource in resources})
    if len(nodes) > 1:
        raise PlacementError(f"{segment.where}: process {rank} would span nodes {nodes}")
    return Process(rank, nodes[0], tuple(gpu for resource in resources for gpu in group.gpus_of(resource)))
