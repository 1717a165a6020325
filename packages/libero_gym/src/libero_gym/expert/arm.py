"""The gripper as something to be sent to places: closed loop from the simulator's state to the env's actions.

An action (7,) is what robosuite's OSC_POSE takes: a displacement in units of 5 cm and a rotation in units of 0.5 rad,
both in the world frame, and the gripper: -1 opens, 1 closes, 0 keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from libero_gym.engine.world import World
from libero_gym.expert.grasps import OPENING

MOVE_UNIT, TURN_UNIT = 0.05, 0.5
"""What an action's 1 means, metres and radians."""
OPEN, CLOSED = -1.0, 1.0
GAIN = 1.5
"""How far the controller is sent for each metre that is left: it is critically damped at 1, and slow at the end."""

SHOVE, SHOVE_RATE, SHOVE_STEPS = 0.3, 0.06, 3
"""A shove: deviation of what is added to the displacements of so many actions, and how often one begins. The steps
after it show how to come back, which even noise, too small to be seen, does not."""


@dataclass
class Variation:
    """What makes demonstrations differ; drawn once an episode."""

    speed: float = 1.0
    """Largest displacement of a step, in units of the controller's."""
    noise: float = 0.0
    """Deviation of what is added to each action's displacement while nothing is delicate; shoves come with it."""
    lift: float = 0.0
    """Added to heights of way-points, metres."""


class Arm:
    """The gripper of a world."""

    def __init__(self, world: World, rng: np.random.Generator, variation: Variation) -> None:
        self.world = world
        self.variation = variation
        self.opening: float | None = None
        """What the fingers are brought to, metres between the pads; None: closed as far as they go."""
        self.meant: np.ndarray | None = None
        """(7,), the latest action without what was added to it."""
        self._rng = rng
        self._shove, self._shoved = np.zeros(3), 0
        robot = world.scene.table.robot
        self._site = robot.eef_site
        self._pads = [pads[0] for pads in robot.fingers]
        home = world.home_rotation()
        self.home = pointing_down(float(np.arctan2(home[1, 0], home[0, 0])))
        """(3, 3): where the wrist is at rest, straightened."""

    @classmethod
    def still(cls, world: World) -> Arm:
        """The gripper as it is, to be looked at."""
        return cls(world, np.random.default_rng(0), Variation())

    @property
    def position(self) -> np.ndarray:
        """(3,), between the finger tips."""
        return self.world.data.site_xpos[self._site].copy()

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3); columns: the direction in which the fingers close, the one across, the one in which they point."""
        return self.world.data.site_xmat[self._site].reshape(3, 3).copy()

    @property
    def width(self) -> float:
        """Between the pads."""
        first, second = (self.world.data.geom_xpos[pad] for pad in self._pads)
        return float(np.linalg.norm(first - second)) - 0.008

    def go(
        self,
        target: np.ndarray,
        rotation: np.ndarray | None = None,
        *,
        tolerance: float = 0.006,
        steps: int = 60,
        speed: float = 1.0,
        exact: bool = False,
        through: bool = False,
        as_is: bool = False,
    ) -> Iterator[np.ndarray]:
        """Actions that bring the gripper to a place; ends when it is there, stands still or is out of steps.

        Args:
            target: (3,).
            rotation: (3, 3) that it shall have, or its like with the fingers exchanged; None: as it is.
            tolerance: how near counts as there, metres.
            steps: at most.
            speed: of the largest displacement.
            exact: without noise.
            through: do not slow down for it.
            as_is: the rotation itself, because of what is held, even if the wrist has to turn further.
        """
        goal = self.rotation if rotation is None else rotation if as_is else self.nearest(rotation)
        nearest = np.inf
        still = 0
        for _ in range(steps):
            error = target - self.position
            turn = _rotation_vector(goal @ self.rotation.T)
            distance = float(np.linalg.norm(error))
            if distance < tolerance * (3 if through else 1) and np.abs(turn).max() < (0.3 if through else 0.06):
                return
            # a tenth of a radian is as far as a centimetre
            left = distance + 0.1 * float(np.abs(turn).max())
            still = still + 1 if nearest - left < 1e-3 else 0
            if still > 4:
                return
            nearest = min(nearest, left)
            yield self._action(error, turn, speed, exact)

    def hold(self, steps: int) -> Iterator[np.ndarray]:
        """Actions that stay where it is, while the fingers move."""
        target = self.position
        for _ in range(steps):
            yield self._action(target - self.position, np.zeros(3), 1.0, True)

    def to(self, target: np.ndarray, rotation: np.ndarray, *, speed: float = 1.0) -> np.ndarray:
        """One action towards a place (3,) with a rotation (3, 3), without noise."""
        return self._action(target - self.position, _rotation_vector(rotation @ self.rotation.T), speed, True)

    def nearest(self, rotation: np.ndarray) -> np.ndarray:
        """The one of the two equal rotations of a parallel gripper that the wrist is nearer to at rest."""
        exchanged = rotation * np.array([-1.0, -1.0, 1.0])
        return rotation if np.trace(rotation @ self.home.T) >= np.trace(exchanged @ self.home.T) else exchanged

    def _action(self, error: np.ndarray, turn: np.ndarray, speed: float, exact: bool) -> np.ndarray:
        limit = speed * self.variation.speed
        move = error * (GAIN / MOVE_UNIT)
        longest = np.abs(move).max()
        if longest > limit:
            move = move * (limit / longest)
        action = np.concatenate([move, turn / TURN_UNIT, [self._fingers()]])
        self.meant = _as_taken(action)
        if not exact and self.variation.noise:
            action[:3] += self._rng.normal(0.0, self.variation.noise, 3) + self._shoving()
        return _as_taken(action)

    def _shoving(self) -> np.ndarray:
        """(3,), what a shove adds to this action."""
        if not self._shoved and self._rng.random() < SHOVE_RATE:
            self._shove, self._shoved = self._rng.normal(0.0, SHOVE, 3), SHOVE_STEPS
        if not self._shoved:
            return np.zeros(3)
        self._shoved -= 1
        return self._shove

    def _fingers(self) -> float:
        """The gripper's action: 0 keeps the fingers where they are."""
        if self.opening is None:
            return CLOSED
        if self.opening >= OPENING:
            return OPEN
        off = self.width - self.opening
        return float(np.sign(off)) if abs(off) > 0.006 else 0.0


def pointing_down(yaw: float) -> np.ndarray:
    """A rotation (3, 3) whose fingers close along the direction `yaw`, radians from the x axis, and point down."""
    return np.stack([[np.cos(yaw), np.sin(yaw), 0.0], [np.sin(yaw), -np.cos(yaw), 0.0], [0.0, 0.0, -1.0]], 1)


def _as_taken(action: np.ndarray) -> np.ndarray:
    """As the environment takes it."""
    return np.clip(action, -1.0, 1.0).astype(np.float32).astype(np.float64)


def _rotation_vector(rotation: np.ndarray) -> np.ndarray:
    quaternion, vector = np.zeros(4), np.zeros(3)
    mujoco.mju_mat2Quat(quaternion, rotation.flatten())
    mujoco.mju_quat2Vel(vector, quaternion, 1.0)
    return vector
