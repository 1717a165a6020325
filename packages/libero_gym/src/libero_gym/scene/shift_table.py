"""What is known of a shifted scene beside its own tables; `scene.shift_scene` writes it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: Kinds of shifted scenes.
BACKGROUND, LAYOUT = "background", "layout"
#: Raise it when what is written of a shifted scene changes.
FORMAT = 1
#: What the names of added objects begin with.
DISTRACTOR = "distractor_"


@dataclass(frozen=True)
class Distractor:
    """An object that a task does not need."""

    name: str
    body: int
    qpos: int
    """Address of its free joint's seven positions."""
    dof: int
    geoms: list[int]
    radius: float
    """Half of its width, metres."""
    z: float
    """Height of its origin where it stands, metres, world frame."""
    turn: list[float]
    """Quaternion (w, x, y, z) in which it stands."""


@dataclass(frozen=True)
class Surface:
    """A geometry of the room, and what it may look like."""

    geom: int
    worked_on: bool
    """Whether it is the table or floor that the task is done on."""
    materials: list[int]
    """Of each of `shift_textures.NAMES`."""


@dataclass(frozen=True)
class ShiftTable:
    """What a shifted scene has beside its own tables; indices are those of its model."""

    surfaces: list[Surface]
    distractors: list[Distractor]

    def to_json(self) -> dict[str, Any]:
        """Return it as a tree of JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> ShiftTable:
        """Make a table from what `to_json` returned."""
        return cls([Surface(**item) for item in tree["surfaces"]], [Distractor(**item) for item in tree["distractors"]])


def is_distractor(name: str) -> bool:
    """Return whether an object is one that a shift added."""
    return name.startswith(DISTRACTOR)
