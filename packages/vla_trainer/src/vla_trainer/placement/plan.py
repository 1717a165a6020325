"""What `component_placement` means: for each component its processes, each with its node and GPUs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vla_trainer.errors import PlacementError, did_you_mean


@dataclass(frozen=True)
class Process:
    """One process of a component."""

    rank: int
    """Its number within the component, from 0."""
    node: int
    """The machine that it runs on."""
    gpus: tuple[int, ...]
    """Its GPUs as the machine numbers them, from 0; empty where machines have none."""


@dataclass(frozen=True)
class ComponentPlacement:
    """Where one component runs."""

    name: str
    processes: tuple[Process, ...]
    """By rank."""

    def gpus(self, gpus_per_node: int) -> frozenset[int]:
        """Its GPUs as recipes number them: over all nodes, node 0 first."""
        return frozenset(process.node * gpus_per_node + gpu for process in self.processes for gpu in process.gpus)


@dataclass(frozen=True)
class Placement:
    """Where every component runs; `placement["actor"]` is one of them."""

    components: Mapping[str, ComponentPlacement]
    num_nodes: int
    gpus_per_node: int

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

    def shared_gpus(self, first: str, second: str) -> frozenset[int]:
        """The GPUs, as recipes number them, that both components use: there they take turns."""
        return self[first].gpus(self.gpus_per_node) & self[second].gpus(self.gpus_per_node)
