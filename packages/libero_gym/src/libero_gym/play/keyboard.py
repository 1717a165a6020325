"""From keys to actions. MuJoCo's window uses nearly all letters for itself, so the keys are others.

The window tells of presses only, so a press moves the hand for a moment, and keeping a key down goes on moving it.
"""

from __future__ import annotations

import threading

import numpy as np

from libero_gym.engine.world import ACTION_SIZE

#: Control steps of 50 ms that a press lasts, and how fast: a press moves the hand by some 2 cm.
PULSE_STEPS = 4
SPEED, TURN = 0.4, 0.25

#: GLFW's key codes.
UP, DOWN, LEFT, RIGHT, PAGE_UP, PAGE_DOWN = 265, 264, 263, 262, 266, 267
HOME, END, ENTER, KEYPAD_ENTER = 268, 269, 257, 335
SIX, SEVEN, EIGHT, NINE, LETTER_N = 54, 55, 56, 57, 78

#: Key -> (number of the action's component, value). The window looks at the robot's front, so away is -x, right is +y.
MOVES: dict[int, tuple[int, float]] = {
    UP: (0, -SPEED),
    DOWN: (0, SPEED),
    LEFT: (1, -SPEED),
    RIGHT: (1, SPEED),
    PAGE_UP: (2, SPEED),
    PAGE_DOWN: (2, -SPEED),
    SIX: (3, -TURN),
    SEVEN: (3, TURN),
    EIGHT: (4, -TURN),
    NINE: (4, TURN),
    HOME: (5, TURN),
    END: (5, -TURN),
}

KEYS = """\
arrows             move the hand: away from you, towards you, left, right
Page Up, Page Down up, down
Home, End          turn it about the vertical
6 7, 8 9           tilt it
Enter              close or open the gripper
N                  start again
Mouse              turn, shift and zoom the view; closing the window ends the game"""


class Keyboard:
    """What the pressed keys ask for; keys come from the window's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = np.zeros(ACTION_SIZE, dtype=np.int64)
        self._value = np.zeros(ACTION_SIZE)
        self._gripper = -1.0
        self._restart = False

    def press(self, key: int) -> None:
        """A key went down, by its GLFW code; unknown ones do nothing."""
        with self._lock:
            if key in MOVES:
                component, value = MOVES[key]
                self._value[component], self._left[component] = value, PULSE_STEPS
            elif key in (ENTER, KEYPAD_ENTER):
                self._gripper = -self._gripper
            elif key == LETTER_N:
                self._restart = True

    def action(self) -> np.ndarray:
        """The action of the next control step, (7,)."""
        with self._lock:
            action = np.where(self._left > 0, self._value, 0.0)
            self._left = np.maximum(self._left - 1, 0)
            action[-1] = self._gripper
        return action

    def take_restart(self) -> bool:
        """Whether a new start was asked for since the last call; then all is as at the beginning."""
        with self._lock:
            asked, self._restart = self._restart, False
            if asked:
                self._left[:] = 0
                self._gripper = -1.0
        return asked
