"""`cluster.node_groups`: labels for some of the nodes, and the two groups that are always there.

cluster   all nodes; its resources are their GPUs (the group of a placement that names none)
node      all nodes; its resources are the nodes themselves, for processes without a GPU
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vla_trainer.errors import PlacementError, did_you_mean
from vla_trainer.placement.ranges import read_range, say_range

CLUSTER = "cluster"
NODE = "node"
RESERVED = (CLUSTER, NODE)
_KEYS = ("label", "node_ranks")


@dataclass(frozen=True)
class NodeGroup:
    """Nodes, and what is counted on them."""

    label: str
    nodes: tuple[int, ...]
    """Ascending."""
    gpus_per_node: int
    """GPUs of each node that the group counts; 0: its resources are the nodes."""

    @property
    def resources(self) -> int:
        """How many there are: GPUs over the group's nodes from the first on, or nodes."""
        return len(self.nodes) * max(self.gpus_per_node, 1)

    def node_of(self, resource: int) -> int:
        """The node, as the cluster numbers it, of a resource that the group numbers."""
        return self.nodes[resource // max(self.gpus_per_node, 1)]

    def gpus_of(self, resource: int) -> tuple[int, ...]:
        """The resource as its node numbers its GPUs; nothing where resources are nodes."""
        return (resource % self.gpus_per_node,) if self.gpus_per_node else ()


def read_groups(
    node_groups: Sequence[Mapping[str, object]], num_nodes: int, gpus_per_node: int
) -> dict[str, NodeGroup]:
    """Labels to groups, the two reserved ones first.

    Args:
        node_groups: of each its `label` and its `node_ranks`: a number, `0-3`, `0,2` or a list of numbers.
        num_nodes: machines.
        gpus_per_node: GPUs of each.

    Raises:
        PlacementError: an unknown or a missing key, a label that is reserved or given twice, a node that is not there
            or is named twice.
    """
    every = tuple(range(num_nodes))
    groups = {CLUSTER: NodeGroup(CLUSTER, every, gpus_per_node), NODE: NodeGroup(NODE, every, 0)}
    for index, written in enumerate(node_groups):
        where = f"node_groups[{index}]"
        for key in written:
            if key not in _KEYS:
                raise PlacementError(f'{where}: unknown key "{key}"{did_you_mean(str(key), _KEYS)}')
        for key in _KEYS:
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
    """One group of several: its resources are those of the first, then those of the second, ...

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
            raise PlacementError(f'{where}: node "{part}" is not there; allowed: {say_range(0, num_nodes - 1)}')
        nodes.extend(ranks)
    if not nodes:
        raise PlacementError(f"{where} has no node; allowed: {say_range(0, num_nodes - 1)}")
    twice = _twice(nodes)
    if twice is not None:
        raise PlacementError(f"{where}: node {twice} is there twice")
    return tuple(sorted(nodes))


def _twice(nodes: Sequence[int]) -> int | None:
    return min((node for node, count in Counter(nodes).items() if count > 1), default=None)
