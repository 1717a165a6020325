"""The section `cluster`: machines, and what runs where on them. `vla_trainer.placement` reads the values."""

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

from vla_trainer.config.secrets import is_secret
from vla_trainer.section import Section


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


PlacementValue = str | int | dict[str, str | int | list[str | int]]
"""Segments, or node groups and segments in them."""


class Cluster(Section):
    """Where the components run."""

    backend: str = "local"
    """local: everything in this process; ray: processes where `component_placement` puts them."""
    num_nodes: PositiveInt = 1
    """Machines."""
    gpus_per_node: NonNegativeInt = 0
    """GPUs of each; 0: processors only."""
    component_placement: dict[str, PlacementValue] = Field(
        default_factory=lambda: dict[str, PlacementValue]({"env,rollout,actor": "all"})
    )
    """Which GPUs each component has: resources[:processes], ..., or {node_group: labels, placement: the same}, which
    counts the GPUs of these groups' nodes. The group `cluster`, the default, is all nodes; `node` counts nodes, for
    processes without a GPU. docs/placement.md has examples."""
    node_groups: list[NodeGroup] = Field(default_factory=list)
    """Labels for some of the nodes: a list of {label: sim, node_ranks: 2-3}."""
    address: str | None = None
    """ray: of a cluster that runs, HOST:PORT or "auto"; null: as RAY_ADDRESS says, else Ray is started here, for one
    node."""
    wait_seconds: PositiveFloat = 300.0
    """ray: how long nodes that are not there yet are waited for."""
    hang_seconds: PositiveFloat = 600.0
    """ray: an env process without progress for so long is started again; the log says in which call it was."""
    collective_seconds: PositiveFloat = 1800.0
    """ray: how long policy processes wait for one another in an exchange of weights or gradients, before the run ends
    or goes on from its last checkpoint. The slowest share of an update, and writing a checkpoint, must fit in."""
    restarts: NonNegativeInt = 3
    """ray: how often lost env processes are started again within an iteration, and how often a run goes on by itself
    from its last checkpoint after the loss of a rollout or actor process."""
    forward_env: list[str] = Field(
        default_factory=lambda: [
            *("MUJOCO_GL", "PYOPENGL_PLATFORM", "HF_*", "MINARI_*"),
            *("NCCL_*", "GLOO_*", "TORCH_*", "PYTORCH_*", "CUDA_*"),
        ]
    )
    """ray: patterns of environment variables that processes on all nodes get from here, besides those that the
    environment names (`protocols.EnvMetadata`); never those that look like a secret (*_TOKEN, *_API_KEY, AWS_*, ...),
    which Ray would write into its logs. What a process sees of GPUs (CUDA_VISIBLE_DEVICES) is the placement's."""

    @field_validator("forward_env")
    @classmethod
    def _has_no_secrets(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            if "*" not in pattern and is_secret(pattern):
                raise ValueError(f"{pattern} looks like a secret, which Ray would log; set it on each node")
        return patterns

    @field_validator("component_placement", mode="before")
    @classmethod
    def _is_text_or_keys(cls, written: object) -> object:
        """One message instead of one for each type that a value may have."""
        for name, value in written.items() if isinstance(written, dict) else ():
            parts = list(value.values()) if isinstance(value, dict) else [value]
            if isinstance(value, dict) and isinstance(labels := value.get("node_group"), list):
                parts = [*labels, value.get("placement", "")]
            if any(isinstance(part, bool) or not isinstance(part, (str, int)) for part in parts):
                raise ValueError(
                    f'{name} is {value!r}; allowed: "0-3", "0-3:0-7", all, {{node_group: ..., placement: ...}}'
                )
        return written
