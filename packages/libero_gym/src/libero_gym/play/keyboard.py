"""Map keys to actions. MuJoCo's window uses nearly all letters itself, so the keys are others.

The window reports presses only, not releases, so a press moves the hand for a moment; holding a key repeats it.
"""

from __future__ import annotations

import threading

import numpy as np

from libero_gym.engine.world import ACTION_SIZE

#: A press lasts so many control steps of 50 ms and moves the hand by about 2 cm.
PULSE_STEPS = 4
SPEED, TURN = 0.4, 0.25

#: GLFW's key codes.
UP, DOWN, LEFT, RIGHT, PAGE_UP, PAGE_DOWN = 265, 264, 263, 262, 266, 267
HOME, END, ENTER, KEYPAD_ENTER = 268, 269, 257, 335
SIX, SEVEN, EIGHT, NINE, LETTER_N = 54, 55, 56, 57, 78

#: Key -> (component of the action, value). The window looks at the robot's front, so away from you is -x, right is +y.
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
N                  restart the episode
Mouse              turn, shift and zoom the view; close the window to end"""


class Keyboard:
    """Converts key presses, which come from the window's thread, to actions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps_left = np.zeros(ACTION_SIZE, dtype=np.int64)
        self._value = np.zeros(ACTION_SIZE)
        self._gripper = -1.0
        self._restart = False

    def press(self, key: int) -> None:
        """Handle a key press, by its GLFW code; ignore unknown keys."""
        with self._lock:
            if key in MOVES:
                component, value = MOVES[key]
                self._value[component], self._steps_left[component] = value, PULSE_STEPS
            elif key in (ENTER, KEYPAD_ENTER):
                self._gripper = -self._gripper
            elif key == LETTER_N:
                self._restart = True

    def action(self) -> np.ndarray:
        """Return the action (7,) of the next control step."""
        with self._lock:
            action = np.where(self._steps_left > 0, self._value, 0.0)
            self._steps_left = np.maximum(self._steps_left - 1, 0)
            action[-1] = self._gripper
        return action

    def take_restart(self) -> bool:
        """Return whether a restart was requested since the last call, and if so reset the keys and the gripper."""
        with self._lock:
            requested, self._restart = self._restart, False
            if requested:
                self._steps_left[:] = 0
                self._gripper = -1.0
        return requested
