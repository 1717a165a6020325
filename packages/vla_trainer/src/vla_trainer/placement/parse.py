"""The grammar of `cluster.component_placement`, as in RLinf's files.

    placement = {names: value, ...}          names joined by commas share a value
    value     = segment, segment, ...        or {node_group: labels, placement: segment, segment, ...}
    segment   = resources[:processes]        each a number, a range a-b, or (resources only) all
    labels    = label, label, ...            or a list of labels

Node groups are the labels of `cluster.node_groups` and two that are always there, both of all nodes:

    cluster   its resources are the nodes' GPUs
    node      its resources are the nodes themselves, for processes without a GPU

Resources are what the node groups count, `cluster` where none is named: GPUs over the groups' nodes from 0 on, or nodes
in the group `node` and on machines without GPUs. Without `:processes` a segment has one process a resource, numbered
on from the segment before. `0-3:0-7` puts two processes on each of four GPUs, `0-7:0-3` gives each of four processes
two GPUs. Resources and processes ascend from segment to segment; no resource is named twice, as `0-3:0-7` says that
processes share one. Blanks and empty segments, as after a comma at the end, mean nothing.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vla_trainer.errors import PlacementError, did_you_mean
from vla_trainer.placement.placement import COMPONENTS, ComponentPlacement, Placement, Process, format_range

Labels = str | int | Sequence[str | int]
"""Labels of node groups: one, several joined by commas, or a list."""

Value = str | int | Mapping[str, Labels]
"""What a component may have: segments, or node groups and segments in them."""

PROCESSES_PER_RESOURCE = 1024
"""Most processes on one GPU or node; more is an error, so that a typing slip does not fill the memory."""

MAX_RESOURCES = 131_072
"""Most GPUs or nodes of a cluster, and most processes of a component; for the same reason."""

CLUSTER = "cluster"
NODE = "node"
RESERVED = (CLUSTER, NODE)

_VALUE_KEYS = ("node_group", "placement")
_GROUP_KEYS = ("label", "node_ranks")
_RANGE = re.compile(r"([0-9]+)(?:\s*-\s*([0-9]+))?")
_MAX_NUMBER = 999_999_999  # above any count that is allowed, and small enough to count with


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
class NodeGroup:
    """Some of the nodes, and the resources that are counted on them."""

    label: str
    nodes: tuple[int, ...]
    """Ascending."""
    gpus_per_node: int
    """GPUs of each node that the group counts; 0: its resources are the nodes."""

    @property
    def resources(self) -> int:
        """Return how many resources there are: GPUs over the group's nodes from the first on, or nodes."""
        return len(self.nodes) * max(self.gpus_per_node, 1)

    def node_of(self, resource: int) -> int:
        """Return the cluster's number of the node that has the group's resource `resource`."""
        return self.nodes[resource // max(self.gpus_per_node, 1)]

    def gpus_of(self, resource: int) -> tuple[int, ...]:
        """Return the node's own number of the GPU that is the group's resource; nothing where resources are nodes."""
        return (resource % self.gpus_per_node,) if self.gpus_per_node else ()


@dataclass(frozen=True)
class _Segment:
    """One segment, and what an error calls it."""

    resources: str
    processes: str | None
    group: NodeGroup
    where: str
    text: str

    def error(self, message: str, part: str | None = None) -> PlacementError:
        """Return an error about the segment, or about a part of it."""
        if part is not None and part != self.text:
            return PlacementError(f'{self.where}: "{part}" {message}')
        return PlacementError(f"{self.where} {message}")

    def range(self, text: str) -> range:
        try:
            return read_range(text)
        except ValueError as error:
            raise self.error(str(error), text) from error


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
        if key not in _VALUE_KEYS:
            raise PlacementError(f'{where}: unknown key "{key}"{did_you_mean(str(key), _VALUE_KEYS)}')
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
    free = 0  # the first resource after those of the segments so far
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
            raise _order_error(segment, resources, named)
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
        raise segment.error(
            str(error).replace("number or a range a-b", "number, a range a-b or all"), segment.resources
        ) from error
    if resources.stop > available:
        raise segment.error(
            f"is not there; {_kind(segment.group)}s allowed: {_allowed(segment.group)}", segment.resources
        )
    return resources


def _order_error(segment: _Segment, resources: range, named: Sequence[range]) -> PlacementError:
    """Return why a segment cannot follow those whose resources are `named`."""
    kind = _kind(segment.group)
    for before in named:
        if resources.start < before.stop and before.start < resources.stop:
            twice = max(resources.start, before.start)
            return segment.error(f"names {kind} {twice} again; a:b gives several processes one {kind}")
    return segment.error(f"comes after {kind} {named[-1].stop - 1}; allowed: {kind}s in ascending order")


def _ranks(segment: _Segment, following: int, resources: int) -> range:
    if segment.processes is None:
        ranks = range(following, following + resources)
    else:
        ranks = segment.range(segment.processes)
    if ranks.start < following:
        raise PlacementError(f"{segment.where}: process {ranks.start} is placed twice")
    if ranks.start > following:
        missing = format_range(following, ranks.start - 1)
        raise PlacementError(
            f"{segment.where}: processes are numbered from 0 on, segment by segment; missing: {missing}"
        )
    if ranks.stop > MAX_RESOURCES:
        raise PlacementError(f"{segment.where}: {ranks.stop} processes; allowed: {MAX_RESOURCES}")
    return ranks


def _kind(group: NodeGroup) -> str:
    return "GPU" if group.gpus_per_node else "node"


def _allowed(group: NodeGroup) -> str:
    return f"{format_range(0, group.resources - 1)}, all"


def _share(resources: range, processes: int, segment: _Segment) -> list[range]:
    """Return the resources of each process: several, one, or one that several processes share."""
    count = len(resources)
    if processes > count * PROCESSES_PER_RESOURCE:
        raise segment.error(
            f"has {processes} processes; allowed: {PROCESSES_PER_RESOURCE} on each of {count} resources"
        )
    if count % processes == 0:
        share = count // processes
        return [resources[index * share : (index + 1) * share] for index in range(processes)]
    if processes % count == 0:
        sharing = processes // count
        return [resources[index // sharing : index // sharing + 1] for index in range(processes)]
    raise segment.error(f"has {count} resources and {processes} processes: one number must divide the other")


def _process(rank: int, resources: range, segment: _Segment) -> Process:
    group = segment.group
    nodes = sorted({group.node_of(resource) for resource in resources})
    if len(nodes) > 1:
        raise PlacementError(f"{segment.where}: process {rank} would span nodes {nodes}")
    return Process(rank, nodes[0], tuple(gpu for resource in resources for gpu in group.gpus_of(resource)))


def read_groups(
    node_groups: Sequence[Mapping[str, object]], num_nodes: int, gpus_per_node: int
) -> dict[str, NodeGroup]:
    """Return labels to groups, the two reserved ones first.

    Args:
        node_groups: of each its `label` and its `node_ranks`: a number, `0-3`, `0,2` or a list of numbers.
        num_nodes: machines.
        gpus_per_node: GPUs of each.

    Raises:
        PlacementError: an unknown or a missing key, a label that is reserved or given twice, a node that is not there
            or is named twice.
    """
    nodes = tuple(range(num_nodes))
    groups = {CLUSTER: NodeGroup(CLUSTER, nodes, gpus_per_node), NODE: NodeGroup(NODE, nodes, 0)}
    for index, written in enumerate(node_groups):
        where = f"node_groups[{index}]"
        for key in written:
            if key not in _GROUP_KEYS:
                raise PlacementError(f'{where}: unknown key "{key}"{did_you_mean(str(key), _GROUP_KEYS)}')
        for key in _GROUP_KEYS:
            if key not in written:
                raise PlacementError(f'{where}: missing key "{key}"')
        label = str(written["label"])
        if label in groups:
            why = "is reserved" if label in RESERVED else "is there twice"
            raise PlacementError(f'{where}.label="{label}" {why}')
        nodes = _nodes(written["node_ranks"], num_nodes, f'node group "{label}": node_ranks={written["node_ranks"]}')
        groups[label] = NodeGroup(label, nodes, gpus_per_node)
    return groups


def join_groups(labels: Sequence[str], groups: Mapping[str, NodeGroup], where: str) -> NodeGroup:
    """Join groups into one: its resources are those of the first, then those of the second, ...

    Raises:
        PlacementError: an unknown label, `node` beside a group that counts GPUs, or a node that two groups have.
    """
    for label in labels:
        if label not in groups:
            raise PlacementError(f'{where}="{label}"{did_you_mean(label, groups)}')
    joined = [groups[label] for label in labels]
    counts = {group.gpus_per_node for group in joined}
    if len(counts) > 1:
        raise PlacementError(
            f'{where}="{",".join(labels)}": "{NODE}" counts nodes and is not joined with groups of GPUs'
        )
    nodes = tuple(node for group in joined for node in group.nodes)
    twice = _twice(nodes)
    if twice is not None:
        raise PlacementError(f'{where}="{",".join(labels)}": node {twice} is in two of them')
    return NodeGroup(",".join(labels), nodes, counts.pop())


def _nodes(written: object, num_nodes: int, where: str) -> tuple[int, ...]:
    parts = (
        written if isinstance(written, (list, tuple)) else [part for part in str(written).split(",") if part.strip()]
    )
    nodes: list[int] = []
    for part in parts:
        try:
            ranks = read_range(str(part).strip())
        except ValueError as error:
            raise PlacementError(f'{where}: "{part}" {error}') from error
        if ranks.stop > num_nodes:
            raise PlacementError(f'{where}: node "{part}" is not there; allowed: {format_range(0, num_nodes - 1)}')
        nodes.extend(ranks)
    if not nodes:
        raise PlacementError(f"{where} has no node; allowed: {format_range(0, num_nodes - 1)}")
    twice = _twice(nodes)
    if twice is not None:
        raise PlacementError(f"{where}: node {twice} is there twice")
    return tuple(sorted(nodes))


def _twice(nodes: Sequence[int]) -> int | None:
    return min((node for node, count in Counter(nodes).items() if count > 1), default=None)


def read_range(text: str) -> range:
    """Read `3` as 3 and `0-3` as 0, 1, 2, 3; there may be blanks around the dash.

    Raises:
        ValueError: anything else; its message continues a sentence that begins with the text.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ValueError("is not a number or a range a-b")
    if any(len(number.lstrip("0")) > len(str(_MAX_NUMBER)) for number in found.groups() if number is not None):
        raise ValueError(f"is above {_MAX_NUMBER}")
    first = int(found[1])
    last = first if found[2] is None else int(found[2])
    if last < first:
        raise ValueError("ends before it begins")
    return range(first, last + 1)
