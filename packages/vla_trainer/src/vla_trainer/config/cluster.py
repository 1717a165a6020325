"""The section `cluster`: machines, and what runs where on them. `vla_trainer.placement` reads the values."""

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from vla_trainer.config.algorithm import Section


class NodeGroup(Section):
    """A label for some of the nodes."""

    label: str | int
    """What placements call it; `cluster` and `node` are taken."""
    node_ranks: str | int | list[int]
    """Its nodes, counted from 0: a number, 0-3, 0,2 or a list."""

    @field_validator("node_ranks", mode="before")
    @classmethod
    def _is_text_or_numbers(cls, written: object) -> object:
        """One message instead of one for each type that the value may have."""
        parts = written if isinstance(written, list) else [written]
        if any(isinstance(part, bool) or not isinstance(part, (str, int)) for part in parts):
            raise ValueError('allowed: a number, "0-3", "0,2", a list of numbers')
        return written


class Cluster(Section):
    """Where the components run."""

    backend: str = "local"
    """local: everything in this process."""
    num_nodes: PositiveInt = 1
    """Machines."""
    gpus_per_node: NonNegativeInt = 0
    """GPUs of each; 0: processors only."""
    component_placement: dict[str, str | int | dict[str, str | int]] = Field(
        default_factory=lambda: dict[str, str | int | dict[str, str | int]]({"env,rollout,actor": "all"})
    )
    """Which GPUs each component has: resources[:processes], ..., or {node_group: label, placement: the same}, which
    counts the GPUs of that group's nodes. The group `cluster`, the default, is all nodes; `node` counts nodes, for
    processes without a GPU. docs/placement.md has examples."""
    node_groups: list[NodeGroup] = Field(default_factory=list)
    """Labels for some of the nodes: a list of {label: sim, node_ranks: 2-3}."""

    @field_validator("component_placement", mode="before")
    @classmethod
    def _is_text_or_keys(cls, written: object) -> object:
        """One message instead of one for each type that a value may have."""
        for name, value in written.items() if isinstance(written, dict) else ():
            parts = value.values() if isinstance(value, dict) else [value]
            if any(isinstance(part, bool) or not isinstance(part, (str, int)) for part in parts):
                raise ValueError(
                    f'{name} is {value!r}; allowed: "0-3", "0-3:0-7", all, {{node_group: ..., placement: ...}}'
                )
        return written
