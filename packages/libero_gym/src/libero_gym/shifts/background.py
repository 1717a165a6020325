"""Give the room other textures: what stands in it stays as it is."""

from __future__ import annotations

import numpy as np

from libero_gym.scene.shift_table import ShiftTable
from libero_gym.scene.shift_textures import NAMES, PATTERNS, PLAUSIBLE
from libero_gym.shifts.changes import Changes

#: Level -> whether the table or floor of the task changes, whether the rest of the room does, and to what.
LEVELS = {
    1: (False, True, PLAUSIBLE),
    2: (True, False, PLAUSIBLE),
    3: (True, True, PLAUSIBLE),
    4: (True, True, PATTERNS),
    5: (True, True, PATTERNS),
}
#: Level at which colours are changed too, and the darkest channel of such a colour.
_TINTED, _DARKEST = 5, 0.2


def change(changes: Changes, table: ShiftTable, level: int, rng: np.random.Generator) -> None:
    """Choose a texture for the task's table or floor, and another for the rest of the room.

    Args:
        changes: receives the materials.
        table: of the shifted scene.
        level: 1..5, see `LEVELS`.
        rng: of the variant.
    """
    look = changes.change_look()
    *which, names = LEVELS[level]
    chosen = rng.choice(len(names), size=2, replace=False)
    tints = 1 - (1 - _DARKEST) * rng.random((2, 3)) if level >= _TINTED else np.ones((2, 3))
    for surface in table.surfaces:
        number = 0 if surface.worked_on else 1
        if which[number]:
            look.geom_matid[surface.geom] = surface.materials[NAMES.index(names[chosen[number]])]
            if level >= _TINTED:
                look.geom_rgba[surface.geom, :3] = tints[number]
