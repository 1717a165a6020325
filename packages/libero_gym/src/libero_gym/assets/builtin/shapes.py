"""What the families of the built-in set share: boxes, regions, inertia, contact.

SI units: metres, kilograms, radians; quaternions are (w, x, y, z). Positions are in the frame of the object's own body,
z up, whose origin lies where LIBERO's does: published initial states give the pose of that frame. `schema` checks
the ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from libero_gym.assets.builtin.schema import Length, Range, UnitQuaternion

Point = tuple[float, ...]
"""A profile point (radius, height), a position (x, y, z) or a half size (x, y, z)."""

Size = Annotated[float, Range(0, 10, "m", above=True)]
"""A radius, a thickness, a half width."""
Height = Annotated[float, Range(-10, 10, "m")]
"""A coordinate along one axis."""
Position = Annotated[tuple[float, float, float], Range(-10, 10, "m")]
HalfSize = Annotated[tuple[float, float, float], Range(0, 10, "m", above=True)]
Quaternion = Annotated[tuple[float, float, float, float], UnitQuaternion(), Range(-1, 1)]
ProfilePoint = Annotated[Point, Length(2, 3), Range(-1, 1, "m")]
"""(radius, height), or (radius, height, part of the radius that y keeps)."""
JointRange = Annotated[tuple[float, float], Range(-6.3, 6.3, "m or rad")]
Damping = Annotated[float, Range(0, 1000, "N s/m or N m s/rad")]
Mass = Annotated[float, Range(0, 100, "kg", above=True)]

Folder = Literal["stable_hope_objects", "stable_scanned_objects", "turbosquid_objects"]
"""LIBERO's folder of an object's family."""

UPRIGHT: Quaternion = (1.0, 0.0, 0.0, 0.0)
"""The quaternion of a box whose sides look along the axes."""


@dataclass(frozen=True)
class ContactMaterial:
    """How a collision shape meets others, in MuJoCo's terms."""

    friction: Point = (0.95, 0.3, 0.1)
    """Sliding, torsional, rolling."""
    solref: Point = (0.001, 1.0)
    solimp: Point = (0.998, 0.998, 0.001)
    density: float = 100.0
    """kg/m3; counts only where a body names no inertia of its own."""


@dataclass(frozen=True)
class Inertia:
    """Mass, centre of mass and the diagonal of the inertia about it, axes as the body's."""

    mass: Mass
    centre: Position
    diagonal: Annotated[tuple[float, float, float], Range(0, 100, "kg m2", above=True)]


@dataclass(frozen=True)
class Box:
    """A box: its centre, its half size and its rotation. A shape, or a region that LIBERO's predicates look at."""

    centre: Position
    half_size: HalfSize
    quat: Quaternion = UPRIGHT


@dataclass(frozen=True)
class PlacementSites:
    """The three sites that robosuite's placement samplers read: how far an object reaches down, up and sideways."""

    bottom: Position
    top: Position
    horizontal_radius: Position
    size: Size


CONTACT = ContactMaterial()

OBJECT_SITES = PlacementSites((0.0, 0.0, -0.06), (0.0, 0.0, 0.04), (0.025, 0.025, 0.0), 0.005)
FIXTURE_SITES = PlacementSites((0.0, 0.0, -0.045), (0.0, 0.0, 0.045), (0.045, 0.045, 0.0), 0.05)
