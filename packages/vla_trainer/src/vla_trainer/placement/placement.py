"""Where components run: the processes of each, with their nodes and GPUs, and which processes work together."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from vla_trainer.errors import PlacementError, did_you_mean

COMPONENTS = ("env", "rollout", "actor")
"""The components of reinforcement learning: environments, the policy that acts in them, the policy that learns."""

COLLECTING = frozenset({"env", "rollout"})
"""The components that alternate at every policy step; the actor works after them."""

Shape = Literal["collocated", "separated", "hybrid"]


class Device(NamedTuple):
    """A GPU of a node, or the node's processors."""

    node: int
    gpu: int | None
    """The node's own number of it, from 0; None: the node's processors."""


@dataclass(frozen=True)
class Process:
    """One process of a component."""

    rank: int
    """Its number within the component, from 0."""
    node: int
    """The machine that it runs on."""
    gpus: tuple[int, ...]
    """The machine's own numbers of its GPUs, from 0; empty: it runs on the processors alone."""

    @property
    def devices(self) -> frozenset[Device]:
        """Return its GPUs, or its node's processors where it has none."""
        return frozenset(Device(self.node, gpu) for gpu in self.gpus or (None,))


@dataclass(frozen=True)
class ComponentPlacement:
    """Where one component runs."""

    name: str
    processes: tuple[Process, ...]
    """By rank."""

    @property
    def devices(self) -> frozenset[Device]:
        """Return the devices of all its processes."""
        return frozenset(device for process in self.processes for device in process.devices)

    def gpus(self, gpus_per_node: int) -> frozenset[int]:
        """Return its GPUs as recipes number them: over all nodes, node 0 first."""
        return frozenset(process.node * gpus_per_node + gpu for process in self.processes for gpu in process.gpus)


@dataclass(frozen=True)
class Placement:
    """Where every component runs; `placement["actor"]` is the actor's `ComponentPlacement`."""

    components: Mapping[str, ComponentPlacement]
    num_nodes: int
    gpus_per_node: int
    node_groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Labels to nodes, ascending; without the two groups that are always there."""

    def __getitem__(self, name: str) -> ComponentPlacement:
        """Return the placement of component `name`.

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
        """Return how env, rollout and actor share devices.

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
        """Return the GPUs, as recipes number them, that both components use.

        Raises:
            PlacementError: one of them is not placed.
        """
        return self[first].gpus(self.gpus_per_node) & self[second].gpus(self.gpus_per_node)

    def sharing(self) -> dict[tuple[str, ...], frozenset[Device]]:
        """Return the sets of components that share devices, each with the devices that just these share."""
        shared: dict[tuple[str, ...], set[Device]] = {}
        used = {device for component in self.components.values() for device in component.devices}
        for device in sorted(used, key=_by_place):
            names = tuple(name for name, component in self.components.items() if device in component.devices)
            if len(names) > 1:
                shared.setdefault(names, set()).add(device)
        return {names: frozenset(devices) for names, devices in shared.items()}

    def offloads(self, name: str) -> frozenset[int]:
        """Return the ranks of the component's processes that are moved to host memory while others use their GPUs.

        That is each process with a GPU that is also used in the other half of an iteration. The halves are collecting
        (env and rollout) and learning (actor); env and rollout alternate on a shared GPU at every policy step, and
        neither moves for the other. A process without a GPU is in host memory anyway.

        Raises:
            PlacementError: it is not placed.
        """
        others = frozenset(
            device
            for other, component in self.components.items()
            if other != name and not {name, other} <= COLLECTING
            for device in component.devices
        )
        return frozenset(
            process.rank for process in self[name].processes if process.gpus and not others.isdisjoint(process.devices)
        )

    def rendering_gpus(self) -> tuple[int | None, ...]:
        """Return for each env process, by rank, the GPU of its node that it renders on: the node's own number.

        That is the first of its GPUs. Processes of a node that have none take the node's GPUs in turn, whoever else
        uses them. None: the nodes have no GPUs.

        Raises:
            PlacementError: `env` is not placed.
        """
        turns: dict[int, Iterator[int]] = {}
        gpus: list[int | None] = []
        for process in self["env"].processes:
            if process.gpus or not self.gpus_per_node:
                gpus.append(process.gpus[0] if process.gpus else None)
            else:
                gpus.append(next(turns.setdefault(process.node, itertools.cycle(range(self.gpus_per_node)))))
        return tuple(gpus)

    def rollout_ranks(self, env_rank: int) -> range:
        """Return which rollout processes act for an env process; of several, each acts in an equal part of its envs.

        Of E env and R rollout processes, where one number divides the other: consecutive env processes share a rollout
        process, or consecutive rollout processes share an env process.

        Raises:
            PlacementError: `env` or `rollout` is not placed.
        """
        num_env, num_rollout = len(self["env"].processes), len(self["rollout"].processes)
        first = env_rank * num_rollout // num_env
        return range(first, first + max(num_rollout // num_env, 1))

    def merged_ranks(self) -> dict[int, int]:
        """Return ranks of actor processes to the rollout processes that they are, by rank.

        A rollout and an actor process with the same node and GPUs are one process, so that acting reads the weights
        that learning moves.

        Raises:
            PlacementError: `rollout` or `actor` is not placed.
        """
        waiting: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        for process in self["rollout"].processes:
            waiting.setdefault((process.node, process.gpus), []).append(process.rank)
        merged = {}
        for process in self["actor"].processes:
            if ranks := waiting.get((process.node, process.gpus)):
                merged[process.rank] = ranks.pop(0)
        return merged


def _by_place(device: Device) -> tuple[int, int]:
    return device.node, -1 if device.gpu is None else device.gpu


def format_range(first: int, last: int) -> str:
    """Return `0-7`, or `0` where both ends are the same."""
    return str(first) if first == last else f"{first}-{last}"
