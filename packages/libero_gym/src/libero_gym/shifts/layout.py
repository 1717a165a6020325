"""Add objects that the task does not need, and begin with its own objects a little elsewhere."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from libero_gym.scene.shift_table import Distractor, ShiftTable
from libero_gym.shifts.camera import CAMERA
from libero_gym.shifts.changes import Changes
from libero_gym.shifts.footprints import Box, Footprints
from libero_gym.shifts.look import Look
from libero_gym.tasks.tables import SceneTable

#: Level -> how many objects are added, how many of the task's are moved, and how far at most, metres.
LEVELS = {1: (1, 0, 0.0), 2: (2, 1, 0.02), 3: (2, 1, 0.04), 4: (3, 2, 0.06), 5: (4, 2, 0.08)}
#: What is left free around an added object, and around one that is moved, metres.
_FREE, _GAP = 0.015, 0.01
_TRIES = 500
#: Where no room is left in the area, it is looked for so many metres around it, if the table is as wide.
_WIDER = (0.0, 0.1, 0.2)
#: How far from its middle an image's edge begins, as a share.
_EDGE = 0.85
#: Where objects that take no part are kept, metres: below everything that is seen.
OUT_OF_SCENE = -10.0


def change(
    changes: Changes,
    model: mujoco.MjModel,
    own: Look,
    prints: Footprints,
    shifted: ShiftTable,
    table: SceneTable,
    level: int,
    rng: np.random.Generator,
) -> None:
    """Move objects, then put others where room is left; what finds no room stays away.

    Args:
        changes: receives offsets and places.
        model: of the shifted scene.
        own: its look without a shift.
        prints: of the task's own objects.
        shifted: of the scene, with the objects that can be added.
        table: of the scene.
        level: 1..5, see `LEVELS`.
        rng: of the variant.
    """
    number, moves, distance = LEVELS[level]
    boxes, left = dict(prints.boxes), moves
    for name in _to_move(prints, table, rng):
        moved = (name, *prints.loads[name])
        offset = _offset(boxes, prints, moved, distance, rng) if left else None
        if offset is not None:
            left -= 1
            for carried in moved:
                changes.offsets[carried] = offset
                boxes[carried] = boxes[carried].moved(offset)
    taken = [*boxes.values(), *prints.opened, *prints.goal]
    discs: list[tuple[np.ndarray, float]] = []
    look = changes.change_look()
    order = rng.permutation(len(shifted.distractors))
    view = _View(model, own)
    for index, distractor in enumerate(shifted.distractors[found] for found in order):
        place = (
            _free_place(distractor, prints.area, prints.surface, view, taken, discs, rng) if index < number else None
        )
        if place is None:
            look.geom_contype[distractor.geoms] = look.geom_conaffinity[distractor.geoms] = 0
            look.geom_group[distractor.geoms] = 0  # which is not seen
            look.body_gravcomp[distractor.body] = 1.0
        else:
            changes.placed[distractor.name] = place
            discs.append((place[:2], distractor.radius))


def _to_move(prints: Footprints, table: SceneTable, rng: np.random.Generator) -> list[str]:
    """Return the objects that may be moved: first what the goal is about, then the others in any order."""
    wanted = [predicate.arguments[0] for predicate in table.goal]
    others = [name for name in prints.standing if name not in wanted]
    return [name for name in prints.standing if name in wanted] + [others[i] for i in rng.permutation(len(others))]


def _offset(
    boxes: dict[str, Box], prints: Footprints, moved: tuple[str, ...], distance: float, rng: np.random.Generator
) -> np.ndarray | None:
    """Return how far objects can be moved, (2,) metres, without coming too near to others; None: nowhere."""
    others = [box for name, box in boxes.items() if name not in moved]
    for _ in range(_TRIES):
        angle, length = rng.uniform(0, 2 * math.pi), distance * rng.uniform(0.5, 1.0)
        offset = length * np.array([math.cos(angle), math.sin(angle)])
        if all(_may_move(boxes[name], boxes[name].moved(offset), others, prints.area) for name in moved):
            return offset
    return None


def _may_move(before: Box, after: Box, others: list[Box], area: Box) -> bool:
    inside = (after.low >= np.minimum(area.low, before.low)) & (after.high <= np.maximum(area.high, before.high))
    return bool(inside.all()) and all(
        (after.gaps(other) >= np.minimum(before.gaps(other), _GAP)).all() for other in others
    )


def _free_place(
    distractor: Distractor,
    area: Box,
    surface: Box,
    view: _View,
    taken: list[Box],
    discs: list[tuple[np.ndarray, float]],
    rng: np.random.Generator,
) -> np.ndarray | None:
    """Return a free place that is seen, (3,): x, y and the turn about the vertical; None where there is none."""
    away = distractor.radius + _FREE
    for margin in _WIDER:
        free = surface.within(area.wider(margin)).wider(-distractor.radius)
        for _ in range(_TRIES):
            point = free.low[0] + (free.high[0] - free.low[0]) * rng.random(2)
            if (
                view.shows(np.array([*point, distractor.z]))
                and all(box.distance(point) >= away for box in taken)
                and all(np.linalg.norm(point - other) >= away + radius for other, radius in discs)
            ):
                return np.array([*point, rng.uniform(0, 2 * math.pi)])
    return None


class _View:
    """What LIBERO's agentview shows."""

    def __init__(self, model: mujoco.MjModel, own: Look) -> None:
        camera, rotation = model.camera(CAMERA).id, np.zeros(9)
        mujoco.mju_quat2Mat(rotation, own.cam_quat[camera])
        self._position, self._rotation = own.cam_pos[camera], rotation.reshape(3, 3)
        self._half = math.tan(math.radians(float(own.cam_fovy[camera])) / 2)

    def shows(self, point: np.ndarray) -> bool:
        """Return whether a point (3,) is in the image, not at its edge."""
        x, y, z = self._rotation.T @ (point - self._position)
        return bool(z < 0 and max(abs(x), abs(y)) < _EDGE * self._half * -z)
