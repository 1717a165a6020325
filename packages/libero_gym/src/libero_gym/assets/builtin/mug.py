"""Hollow mugs with a handle: a composite by formula from the profile of the outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from libero_gym.assets.builtin.composite import Bar, CompositeSizes, TurnedBody
from libero_gym.assets.builtin.labels import Bands, Label
from libero_gym.assets.builtin.schema import Colour, Length, Range
from libero_gym.assets.builtin.shapes import Box, Folder, Height, Inertia, Position, Size
from libero_gym.assets.builtin.vessel import WallSizes


@dataclass(frozen=True)
class MugSizes:
    """A mug, in the frame of its own body."""

    folder: Folder
    outside: Annotated[tuple[Annotated[tuple[float, float], Range(0, 1, "m")], ...], Length(4, 20)]
    """(radius, height) from the foot to the rim."""
    thickness: Size
    """Of the wall."""
    centre: Position
    """Where its axis meets the ground."""
    foot: Size
    """Half width of the square foot."""
    handle: Annotated[tuple[Position, ...], Length(2, 20)]
    """Its corners, in the plane of the mug's axis and x."""
    colour: Colour
    rim_colour: Colour
    inertia: Inertia
    low: Height = 0.0
    """Lower side of the foot."""

    def composite(self) -> CompositeSizes:
        """Return the mug as a turned body that is hollow, two rings of walls, a foot and a handle."""
        outside, thickness, low = self.outside, self.thickness, self.low
        rim_radius, rim_height = outside[-1]
        inside = [(max(0.0, radius - thickness), height) for radius, height in reversed(outside[1:])]
        rim = (rim_radius - thickness, rim_height - 0.0005)
        first, middle = outside[1], outside[len(outside) // 2]
        return CompositeSizes(
            folder=self.folder,
            inertia=self.inertia,
            label=Label(self.colour, (Bands(((0.0, 0.0, 1.0, 0.02),), self.rim_colour),), (32, 32)),
            trim=(self.colour,),
            body=TurnedBody(
                ((0.0, 0.0), *outside, rim, *inside[1:], (0.0, inside[-1][1])), slices=20, centre=self.centre
            ),
            boxes=(Box((*self.centre[:2], (0.007 + low) / 2), (self.foot, self.foot, (0.007 - low) / 2)),),
            walls=tuple(
                WallSizes(
                    lower=(lower[0] - thickness / 2, max(lower[1], 0.006)),
                    upper=(upper[0] - thickness / 2, min(upper[1], rim_height - 0.003)),
                    thickness=thickness,
                    segments=12,
                )
                for lower, upper in ((first, middle), (middle, outside[-1]))
            ),
            bars=(Bar(self.handle, (0.0035, 0.0062)),),
            shine=0.5,
        )
