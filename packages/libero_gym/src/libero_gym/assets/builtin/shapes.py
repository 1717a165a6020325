"""What the families of the built-in set share: boxes, regions, inertia, contact.

SI units: metres, kilograms, radians; quaternions are (w, x, y, z). Positions are in the frame of the object's own body,
z up, whose origin lies where LIBERO's does: published initial states give the pose of that frame.
"""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, ...]
"""A profile point (radius, height), a position (x, y, z) or a half size (x, y, z)."""


UPRIGHT: Point = (1.0, 0.0, 0.0, 0.0)
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

    mass: float
    centre: Point
    diagonal: Point


@dataclass(frozen=True)
class Panel:
    """A box: its middle, its half size and how it is turned. A shape, or a region that LIBERO's predicates look at."""

    centre: Point
    half_size: Point
    quat: Point = UPRIGHT


@dataclass(frozen=True)
class PlacementSites:
    """The three sites that robosuite's placement samplers read: how far an object reaches down, up and sideways."""

    bottom: Point
    top: Point
    horizontal_radius: Point
    size: float


CONTACT = ContactMaterial()

OBJECT_SITES = PlacementSites((0.0, 0.0, -0.06), (0.0, 0.0, 0.04), (0.025, 0.025, 0.0), 0.005)
FIXTURE_SITES = PlacementSites((0.0, 0.0, -0.045), (0.0, 0.0, 0.045), (0.045, 0.045, 0.0), 0.05)
