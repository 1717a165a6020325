"""Closed-loop control of the gripper: from the simulator's state to the environment's actions.

An action (7,) is what robosuite's OSC_POSE takes: a displacement in units of 5 cm and a rotation vector in units of
0.5 rad, both in the world frame, and the gripper: -1 opens, 1 closes, 0 keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from libero_gym.engine.world import World
from libero_gym.expert.grasps import OPENING
from libero_gym.expert.rotations import pointing_down, rotation_vector, yaw_of

MOVE_UNIT, TURN_UNIT = 0.05, 0.5
"""Displacement and rotation of an action of 1, metres and radians."""
OPEN, CLOSED = -1.0, 1.0
GAIN = 1.5
"""Of the displacement that is left: the controller is critically damped at 1, and slow at the end."""

DISTURBANCE_STD, DISTURBANCE_RATE, DISTURBANCE_STEPS = 0.3, 0.06, 3
"""Standard deviation of a disturbance, which is added to the displacements of so many actions, and the probability that
one begins at a step. The steps after it show a recovery, which white action noise is too small to need."""


@dataclass
class Variation:
    """What makes demonstrations differ; sampled once an episode."""

    speed: float = 1.0
    """Largest displacement of a step, in units of the controller's."""
    noise: float = 0.0
    """Standard deviation of the action noise on the displacement, except in precise motions; above 0, disturbances come
    with it."""
    lift: float = 0.0
    """Added to heights of waypoints, metres."""


class Arm:
    """Drives the gripper of a world."""

    def __init__(self, world: World, rng: np.random.Generator, variation: Variation) -> None:
        self.world = world
        self.variation = variation
        self.opening: float | None = None
        """Commanded distance between the pads, metres; None: closed as far as they go."""
        self.intended: np.ndarray | None = None
        """(7,), the latest action without action noise and disturbance."""
        self._rng = rng
        self._disturbance, self._disturbed_steps_left = np.zeros(3), 0
        robot = world.scene.table.robot
        self._site = robot.eef_site
        self._pads = [pads[0] for pads in robot.fingers]
        self.home = home_rotation(world)

    @property
    def position(self) -> np.ndarray:
        """(3,), between the finger tips."""
        return self.world.data.site_xpos[self._site].copy()

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3), see `rotations`."""
        return self.world.data.site_xmat[self._site].reshape(3, 3).copy()

    @property
    def width(self) -> float:
        """Distance between the pads, metres."""
        first, second = (self.world.data.geom_xpos[pad] for pad in self._pads)
        return float(np.linalg.norm(first - second)) - 0.008

    def move_to(
        self,
        target: np.ndarray,
        rotation: np.ndarray | None = None,
        *,
        tolerance: float = 0.006,
        max_steps: int = 60,
        speed: float = 1.0,
        precise: bool = False,
        pass_through: bool = False,
        keep_fingers: bool = False,
    ) -> Iterator[np.ndarray]:
        """Yield actions that bring the gripper to a pose; stop when it is there, makes no progress or is out of steps.

        Args:
            target: position (3,).
            rotation: (3, 3), up to exchanging the fingers; None keeps the present one.
            tolerance: of the position, metres.
            max_steps: limit of actions.
            speed: factor of the largest displacement.
            precise: leave out action noise and disturbances.
            pass_through: accept three times the tolerance, for a waypoint.
            keep_fingers: do not exchange the fingers, because of a held object, even if the wrist has to turn further.
        """
        if rotation is None:
            rotation = self.rotation
        elif not keep_fingers:
            rotation = self.nearest_equivalent(rotation)
        smallest_error = np.inf
        stalled = 0
        for _ in range(max_steps):
            error = target - self.position
            turn = rotation_vector(rotation @ self.rotation.T)
            distance = float(np.linalg.norm(error))
            near = distance < tolerance * (3 if pass_through else 1)
            if near and np.abs(turn).max() < (0.3 if pass_through else 0.06):
                return
            # a tenth of a radian counts as a centimetre
            total_error = distance + 0.1 * float(np.abs(turn).max())
            stalled = stalled + 1 if smallest_error - total_error < 1e-3 else 0
            if stalled > 4:
                return
            smallest_error = min(smallest_error, total_error)
            yield self._action(error, turn, speed, precise)

    def hold(self, steps: int) -> Iterator[np.ndarray]:
        """Yield actions that keep the position while the fingers move."""
        target = self.position
        for _ in range(steps):
            yield self._action(target - self.position, np.zeros(3), 1.0, True)

    def action_towards(self, target: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """Return one action (7,) towards a position (3,) and a rotation (3, 3), without noise."""
        return self._action(target - self.position, rotation_vector(rotation @ self.rotation.T), 1.0, True)

    def nearest_equivalent(self, rotation: np.ndarray) -> np.ndarray:
        """Return, of the two equivalent rotations of a parallel gripper, the one that is nearer to the wrist's rest."""
        exchanged = rotation * np.array([-1.0, -1.0, 1.0])
        return rotation if np.trace(rotation @ self.home.T) >= np.trace(exchanged @ self.home.T) else exchanged

    def _action(self, error: np.ndarray, turn: np.ndarray, speed: float, precise: bool) -> np.ndarray:
        limit = speed * self.variation.speed
        move = error * (GAIN / MOVE_UNIT)
        longest = np.abs(move).max()
        if longest > limit:
            move = move * (limit / longest)
        action = np.concatenate([move, turn / TURN_UNIT, [self._gripper_action()]])
        self.intended = _executable(action)
        if not precise and self.variation.noise:
            action[:3] += self._rng.normal(0.0, self.variation.noise, 3) + self._sample_disturbance()
        return _executable(action)

    def _sample_disturbance(self) -> np.ndarray:
        """Return what is added to the displacement (3,) of this action; zero between disturbances."""
        if not self._disturbed_steps_left and self._rng.random() < DISTURBANCE_RATE:
            self._disturbance = self._rng.normal(0.0, DISTURBANCE_STD, 3)
            self._disturbed_steps_left = DISTURBANCE_STEPS
        if not self._disturbed_steps_left:
            return np.zeros(3)
        self._disturbed_steps_left -= 1
        return self._disturbance

    def _gripper_action(self) -> float:
        if self.opening is None:
            return CLOSED
        if self.opening >= OPENING:
            return OPEN
        error = self.width - self.opening
        return float(np.sign(error)) if abs(error) > 0.006 else 0.0


def home_rotation(world: World) -> np.ndarray:
    """Return the wrist's rotation (3, 3) at rest, made to point straight down."""
    return pointing_down(yaw_of(world.home_rotation()))


def _executable(action: np.ndarray) -> np.ndarray:
    """Round and clip an action to what the environment executes: float32 in [-1, 1]."""
    return np.clip(action, -1.0, 1.0).astype(np.float32).astype(np.float64)
