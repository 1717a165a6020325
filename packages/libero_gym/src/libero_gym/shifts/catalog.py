"""What each axis and swap changes, for tables and help."""

from __future__ import annotations

import math
from dataclasses import dataclass

from libero_gym.shifts import background, camera, layout, light, noise, robot
from libero_gym.shifts.request import MAX_LEVEL


@dataclass(frozen=True)
class Axis:
    """An axis or a swap."""

    name: str
    changes: str
    """In a few words."""
    most: str
    """What level 5 changes at most; level L changes between (L - 1) and L fifths of it, where it is a number."""
    levels: int = MAX_LEVEL
    moves: bool = False
    """Whether the first state is another one, so that it has to be shown that the task can be solved."""
    solvable: bool = True
    """Whether the sentence still asks for what the goal is."""


def _degrees(angle: float) -> str:
    return f"{math.degrees(angle):.0f} degrees"


CATALOG = (
    Axis(
        "camera",
        "pose and angle of view of the agentview",
        f"{_degrees(camera.ANGLE)} around the scene, {camera.NEARER:.0%} nearer or farther, {_degrees(camera.ROLL)} "
        f"of roll, {camera.FIELD_OF_VIEW:.0f} degrees of view",
    ),
    Axis(
        "light",
        "where lamps hang and point, brightness, colour",
        f"{light.MOVE:.0f} m, {_degrees(light.TILT)}, {math.exp(light.BRIGHTNESS):.1f} times as bright or as dark, "
        f"{light.COLOUR:.0%} of a colour",
    ),
    Axis(
        "background",
        "textures of table, floor and walls",
        "1: the room; 2: the table; 3: both; 4: both, to patterns; 5: to patterns in other colours",
    ),
    Axis(
        "layout",
        "objects that are added, objects that begin elsewhere",
        "; ".join(
            f"{level}: {added} added" + (f", {moved} moved by up to {100 * distance:.0f} cm" if moved else "")
            for level, (added, moved, distance) in layout.LEVELS.items()
        ),
        moves=True,
    ),
    Axis(
        "robot",
        "the arm's first pose",
        f"the gripper {100 * robot.DISTANCE:.0f} cm away, turned by {_degrees(robot.TURN)}",
        moves=True,
    ),
    Axis(
        "language",
        "the sentence, in other words by rule",
        "1: verbs; 2: and a frame; 3: verbs and nouns; 4: and a frame; 5: and sentences around it",
    ),
    Axis(
        "noise",
        "noise, blur, motion or exposure of the images",
        f"noise of {noise.NOISE:.0f} in 255, blur of {noise.BLUR:.1%} of the height, motion of {noise.MOTION:.0%}, "
        f"exposure of {math.exp(noise.EXPOSURE):.1f} times or its inverse",
    ),
    Axis("object_swap", "the colour of what the goal is about", "one of eight colours, without texture", levels=1),
    Axis("position_swap", "two objects change places", "any two that find room", levels=1, moves=True),
    Axis(
        "instruction_swap",
        "the sentence is another task's; the goal stays",
        "any sentence of the suite; who still solves the task does not read it",
        levels=1,
        solvable=False,
    ),
    Axis(
        "task_swap",
        "another task of the same scene is asked for",
        "any goal that LIBERO asks for with these objects",
        levels=1,
        moves=True,
    ),
)
assert [axis.levels for axis in CATALOG] == [len(background.LEVELS)] * 7 + [1] * 4
