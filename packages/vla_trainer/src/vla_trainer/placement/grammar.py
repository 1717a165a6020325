"""The grammar of `cluster.component_placement`, as in RLinf's files.

    placement = {names: value, ...}          names joined by commas share a value
    value     = segment, segment, ...        or {node_group: labels, placement: segment, segment, ...}
    segment   = resources[:processes]        each a number, a range a-b, or (resources only) all
    labels    = label, label, ...            or a list of labels

Resources are what the node groups count, `cluster` where none is named: GPUs over the groups' nodes from 0 on, or nodes
in the group `node` and on machines without GPUs. Without `:processes` a segment has one process a resource, numbered
on from the segment before. `0-3:0-7` puts two processes on each of four GPUs, `0-7:0-3` gives each of four processes
two GPUs. Resources and processes ascend from segment to segment; no resource is named twice, as `0-3:0-7` says that
processes share one. Blanks and empty segments, as after a comma at the end, mean nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vla_trainer.errors import PlacementError, did_you_mean
from vla_trainer.placement.groups import CLUSTER, RESERVED, NodeGroup, join_groups, read_groups
from vla_trainer.placement.plan import COMPONENTS, ComponentPlacement, Placement, Process
from vla_trainer.placement.ranges import read_range, say_range

Labels = str | int | Sequence[str | int]
"""Of node groups: one, several joined by commas, or a list."""

Value = str | int | Mapping[str, Labels]
"""What a component may be given: segments, or node groups and segments in them."""

PROCESSES_PER_RESOURCE = 1024
"""More on one GPU or node is taken for a slip of the pen, before memory is filled with them."""

MAX_RESOURCES = 131_072
"""GPUs or nodes of a cluster, and processes of a component; for the same reason."""

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
        PlacementError: a value that does not follow the grammar, a GPU or a node group that is not there, a GPU that is
            named twice or after a later one, processes and GPUs that do not divide, a process over two nodes, processes
            that are not numbered from 0 on, a component that is named twice, more machines, GPUs or processes than
            `MAX_RESOURCES`.

    Env, rollout and actor come first in the result, others follow as they are written.
    """
    if num_nodes < 1 or gpus_per_node < 0:
        raise PlacementError(
            f"num_nodes={num_nodes}, gpus_per_node={gpus_per_node}: at least one node, and no negative count"
        )
    if num_nodes * max(gpus_per_node, 1) > MAX_RESOURCES:
        raise PlacementError(
            f"num_nodes={num_nodes}, gpus_per_node={gpus_per_node}: allowed are {MAX_RESOURCES} GPUs or nodes in all"
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
    where, group = f"component_placement.{name}", groups[CLUSTER]
    if isinstance(value, Mapping):
        group, value = _read_mapping(value, groups, where)
        where = f'{where}.placement={value} in node group "{group.label}"'
    else:
        where = f"{where}={value}"
    return _read_segments(str(value), group, where)


def _read_mapping(
    value: Mapping[str, Labels], groups: Mapping[str, NodeGroup], where: str
) -> tuple[NodeGroup, str | int]:
    for key in value:
        if key not in _KEYS:
            raise PlacementError(f'{where}: unknown key "{key}"{did_you_mean(str(key), _KEYS)}')
    if "placement" not in value:
        raise PlacementError(f'{where}: missing key "placement"')
    segments, labels = value["placement"], value.get("node_group", CLUSTER)
    if not isinstance(segments, (str, int)):
        raise PlacementError(f'{where}.placement={segments}; allowed: "0-3", "0-3:0-7", all')
    if isinstance(labels, (str, int)):
        labels = [part for part in map(str.strip, str(labels).split(",")) if part]
    if not labels:
        raise PlacementError(f"{where}.node_group names no group; allowed: {', '.join(sorted(groups))}")
    return join_groups([str(label) for label in labels], groups, f"{where}.node_group"), segments


def _read_segments(value: str, group: NodeGroup, where: str) -> tuple[Process, ...]:
    placed: list[Process] = []
    free = 0  # the first resource that no segment has named; those before it are taken or left out
    named: list[range] = []
    for number, text in enumerate(value.split(","), start=1):
        if not text.strip():
            continue
        resources_text, colon, ranks_text = (part.strip() for part in text.partition(":"))
        segment = _Segment(
            resources_text,
            ranks_text if colon else None,
            group,
            f'{where}: segment {number} "{text.strip()}"',
            text.strip(),
        )
        resources = _resources(segment)
        if resources.start < free:
            raise _named_again(segment, resources, named)
        ranks = _ranks(segment, len(placed), len(resources))
        shares = zip(ranks, _share(resources, len(ranks), segment), strict=True)
        placed += [_process(rank, mine, segment) for rank, mine in shares]
        named.append(resources)
        free = resources.stop
    if not placed:
        raise PlacementError(f"{where} names nothing; allowed: {_allowed(group)}")
    for before, process in pairwise(placed):
        if process.node < before.node:
            raise PlacementError(
                f"{where}: process {process.rank} is on node {process.node}, before node {before.node} of process "
                f"{before.rank}; allowed: node groups in the order of their nodes"
            )
    return tuple(placed)


def _resources(segment: _Segment) -> range:
    available = segment.group.resources
    if segment.resources.lower() == "all":
        return range(available)
    try:
        resources = read_range(segment.resources)
    except ValueError as error:
        raise segment.wrong(
            str(error).replace("number or a range a-b", "number, a range a-b or all"), segment.resources
        ) from error
    if resources.stop > available:
        raise segment.wrong(
            f"is not there; {_kind(segment.group)}s allowed: {_allowed(segment.group)}", segment.resources
        )
    return resources


def _named_again(segment: _Segment, resources: range, named: Sequence[range]) -> PlacementError:
    kind = _kind(segment.group)
    for before in named:
        if resources.start < before.stop and before.start < resources.stop:
            twice = max(resources.start, before.start)
            return segment.wrong(f"names {kind} {twice} again; a:b gives several processes one {kind}")
    return segment.wrong(f"comes after {kind} {named[-1].stop - 1}; allowed: {kind}s in ascending order")


def _ranks(segment: _Segment, following: int, resources: int) -> range:
    if segment.processes is None:
        ranks = range(following, following + resources)
    else:
        ranks = segment.range(segment.processes)
    if ranks.start < following:
        raise PlacementError(f"{segment.where}: process {ranks.start} is placed twice")
    if ranks.start > following:
        missing = say_range(following, ranks.start - 1)
        raise PlacementError(
            f"{segment.where}: processes are numbered from 0 on, segment by segment; missing: {missing}"
        )
    if ranks.stop > MAX_RESOURCES:
        raise PlacementError(f"{segment.where}: {ranks.stop} processes; allowed: {MAX_RESOURCES}")
    return ranks


def _kind(group: NodeGroup) -> str:
    return "GPU" if group.gpus_per_node else "node"


def _allowed(group: NodeGroup) -> str:
    return f"{say_range(0, group.resources - 1)}, all"


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
