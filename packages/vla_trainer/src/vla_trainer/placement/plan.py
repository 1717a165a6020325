"""What `component_placement` means: for each component its processes, each with its node and GPUs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from vla_trainer.errors import PlacementError, did_you_mean

COMPONENTS = ("env", "rollout", "actor")
"""What reinforcement learning consists of: environments, the policy that acts in them, the policy that learns."""

COLLECTING = frozenset({"env", "rollout"})
"""They work together, policy step by policy step; the actor's turn comes after theirs."""

Shape = Literal["collocated", "separated", "hybrid"]


class Device(NamedTuple):
    """What processes compute on: a GPU of a node, or the node's processors."""

    node: int
    gpu: int | None
    """As the node numbers them, from 0; None: the node's processors."""


@dataclass(frozen=True)
class Process:
    """One process of a component."""

    rank: int
    """Its number within the component, from 0."""
    node: int
    """The machine that it runs on."""
    gpus: tuple[int, ...]
    """Its GPUs as the machine numbers them, from 0; empty: it runs on the processors alone."""

    @property
    def devices(self) -> frozenset[Device]:
        """Its GPUs, or its node's processors where it has none."""
        return frozenset(Device(self.node, gpu) for gpu in self.gpus or (None,))


@dataclass(frozen=True)
class ComponentPlacement:
    """Where one component runs."""

    name: str
    processes: tuple[Process, ...]
    """By rank."""

    @property
    def devices(self) -> frozenset[Device]:
        """The devices of all its processes."""
        return frozenset(device for process in self.processes for device in process.devices)

    def gpus(self, gpus_per_node: int) -> frozenset[int]:
        """Its GPUs as recipes number them: over all nodes, node 0 first."""
        return frozenset(process.node * gpus_per_node + gpu for process in self.processes for gpu in process.gpus)


@dataclass(frozen=True)
class Placement:
    """Where every component runs; `placement["actor"]` is one of them."""

    components: Mapping[str, ComponentPlacement]
    num_nodes: int
    gpus_per_node: int
    node_groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Labels to nodes, ascending; without the two groups that are always there."""

    def __getitem__(self, name: str) -> ComponentPlacement:
        """The placement of component `name`.

        Raises:
            PlacementError: it is not placed.
        """
        if name not in self.components:
            raise PlacementError(f'component "{name}" is not placed{did_you_mean(name, self.components)}')
        return self.components[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.components)

    def __contains__(self, name: object) -> bool:
        return name in self.components

    @property
    def shape(self) -> Shape:
        """How env, rollout and actor lie to each other.

        Collocated: the three have the same devices. Separated: no device belongs to two of them. Hybrid: anything
        between. A process without a GPU counts with its node's processors, which are a device of their own: two
        components on the processors of one node share it, processors and GPUs of one node are apart.

        Raises:
            PlacementError: one of the three is not placed.
        """
        env, rollout, actor = (self[name].devices for name in COMPONENTS)
        if env == rollout == actor:
            return "collocated"
        apart = env.isdisjoint(rollout) and env.isdisjoint(actor) and rollout.isdisjoint(actor)
        return "separated" if apart else "hybrid"

    def shared_gpus(self, first: str, second: str) -> frozenset[int]:
        """The GPUs, as recipes number them, that both components use.

        Raises:
            PlacementError: one of them is not placed.
        """
        return self[first].gpus(self.gpus_per_node) & self[second].gpus(self.gpus_per_node)

    def sharing(self) -> dict[tuple[str, ...], frozenset[Device]]:
        """Components that share devices, to all the devices on which just these meet."""
        met: dict[tuple[str, ...], set[Device]] = {}
        for device in sorted({device for one in self.components.values() for device in one.devices}, key=_by_place):
            names = tuple(name for name, one in self.components.items() if device in one.devices)
            if len(names) > 1:
                met.setdefault(names, set()).add(device)
        return {names: frozenset(devices) for names, devices in met.items()}

    def offloads(self, name: str) -> frozenset[int]:
        """Ranks of the component's processes that are moved to host memory between their turns.

        A process is if a component of the other half of an iteration uses one of its GPUs. The halves are collecting
        (env and rollout) and learning (actor); env and rollout alternate on a shared GPU at every policy step, and
        neither moves for the other. A process without a GPU is in host memory anyway.

        Raises:
            PlacementError: it is not placed.
        """
        others = frozenset(
            device
            for other, one in self.components.items()
            if other != name and not {name, other} <= COLLECTING
            for device in one.devices
        )
        return frozenset(
            process.rank for process in self[name].processes if process.gpus and not others.isdisjoint(process.devices)
        )


def _by_place(device: Device) -> tuple[int, int]:
    return device.node, -1 if device.gpu is None else device.gpu
