"""Change the light: where the lamps hang and point, how bright they and the headlight are, and their colour."""

from __future__ import annotations

import math

import numpy as np

from libero_gym.shifts.changes import Changes
from libero_gym.shifts.severity import severity

#: Largest changes, at level 5: metres, radians, logarithm of the brightness, and share of colour that is taken away.
MOVE, TILT, BRIGHTNESS, COLOUR = 2.0, math.radians(25), math.log(2.5), 0.7


def change(changes: Changes, level: int, rng: np.random.Generator) -> None:
    """Change all lamps by as much; the headlight's brightness and colour with them.

    Args:
        changes: receives the lamps.
        level: 1..5.
        rng: of the variant.
    """
    look, amount = changes.change_look(), severity(level, rng)
    angle = rng.uniform(0, 2 * math.pi)
    sideways = np.array([math.cos(angle), math.sin(angle), 0.0])
    look.light_pos += amount * MOVE * sideways
    look.light_dir -= math.tan(amount * TILT) * sideways  # towards the middle, as far as they are moved away from it
    look.light_dir /= np.linalg.norm(look.light_dir, axis=1, keepdims=True)
    brightness = math.exp(amount * BRIGHTNESS * rng.choice((-1.0, 1.0)))
    tint = 1 - amount * COLOUR * rng.random(3)
    colour = brightness * tint / tint.max()
    for lamp in (look.light_diffuse, look.light_specular, look.ambient, look.diffuse, look.specular):
        lamp *= colour
