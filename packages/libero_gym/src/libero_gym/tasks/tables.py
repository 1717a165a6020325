"""What a compiled scene knows beside its MuJoCo model: names looked up once, as indices into MuJoCo's arrays.

All of it is plain data that is stored as JSON beside the model. Lengths are metres, angles radians, quaternions (w, x,
y, z); `qpos` and `dof` fields are addresses into `qpos` and `qvel`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class RobotTable:
    """The Panda arm and its gripper."""

    arm_qpos: list[int]
    arm_dof: list[int]
    arm_actuators: list[int]
    gripper_qpos: list[int]
    gripper_actuators: list[int]
    eef_site: int
    """Site between the finger tips: the position that is controlled and observed."""
    eef_body: int
    """The hand, whose orientation is observed."""
    fingers: list[list[int]]
    """Geometries of the left and of the right finger's pad."""
    home_qpos: list[float]
    """Arm joints at reset, which is also the rest pose of the controller's null space."""


@dataclass(frozen=True)
class Threshold:
    """A joint condition: `qpos < value`, `<=`, `>` or `>=`."""

    op: str
    value: float

    def holds(self, position: float) -> bool:
        """Return whether a joint position meets the condition."""
        match self.op:
            case "<":
                return position < self.value
            case "<=":
                return position <= self.value
            case ">":
                return position > self.value
            case _:
                return position >= self.value


@dataclass(frozen=True)
class Entity:
    """What a goal can name: a movable object, a fixture, or a region of one of them (a site)."""

    name: str
    kind: str
    """"object", "fixture" or "region"."""
    body: int
    """Root body; -1 for a region."""
    site: int
    """Site of a region; -1 otherwise."""
    parent: str
    """Object or fixture that a region belongs to; empty for a region of the table or the floor."""
    size: list[float]
    """Half-sizes (3) of a region; empty otherwise."""
    contact_geoms: list[int]
    joint_qpos: list[int]
    conditions: dict[str, Threshold]
    """Of "open", "close", "turnon" and "turnoff", those that the entity has, on its joints."""


@dataclass(frozen=True)
class Predicate:
    """One atom of a goal; a goal is the conjunction of its atoms."""

    name: str
    arguments: list[str]

    def __hash__(self) -> int:
        """Return a hash, as arguments do not change."""
        return hash((self.name, tuple(self.arguments)))


@dataclass(frozen=True)
class FixtureRange:
    """Where a fixture may stand: LIBERO samples it at every reset, and no initial state holds it."""

    name: str
    body: int
    x_ranges: list[list[float]]
    """World coordinates, one pair a region."""
    y_ranges: list[list[float]]
    z: float
    angle: list[float]
    """Bounds of the rotation about the vertical axis."""


@dataclass(frozen=True)
class Indicator:
    """A site that shows while a joint condition holds, e.g. the stove's red burner."""

    site: int
    joint_qpos: list[int]
    condition: Threshold


@dataclass(frozen=True)
class SceneTable:
    """Everything about a scene that is not in its MuJoCo model."""

    suite: str
    task_index: int
    task_name: str
    instruction: str
    assets: str
    """The asset set that the scene was made from, e.g. "builtin-1"."""
    robot: RobotTable
    entities: list[Entity]
    goal: list[Predicate]
    fixtures: list[FixtureRange]
    indicators: list[Indicator]
    objects_of_interest: list[str]
    control_substeps: int
    """Physics steps of one control step."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a tree of JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> SceneTable:
        """Make a table from what `to_json` returned."""
        entities = [
            Entity(**{**item, "conditions": {key: Threshold(**value) for key, value in item["conditions"].items()}})
            for item in tree["entities"]
        ]
        indicators = [Indicator(**{**item, "condition": Threshold(**item["condition"])}) for item in tree["indicators"]]
        return cls(
            **{
                **tree,
                "robot": RobotTable(**tree["robot"]),
                "entities": entities,
                "goal": [Predicate(**item) for item in tree["goal"]],
                "fixtures": [FixtureRange(**item) for item in tree["fixtures"]],
                "indicators": indicators,
            }
        )
