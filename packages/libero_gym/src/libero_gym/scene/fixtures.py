"""Where cabinets, stoves and the like stand: LIBERO samples it at every reset, and no initial state holds it."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from libero_gym.tasks.tables import SceneTable


@dataclass(frozen=True)
class FixturePoses:
    """Poses of a scene's fixtures for one episode."""

    bodies: np.ndarray
    """(F,) body indices."""
    positions: np.ndarray
    """(F, 3), metres, world frame."""
    quaternions: np.ndarray
    """(F, 4), (w, x, y, z)."""

    def write(self, model: mujoco.MjModel) -> None:
        """Put the fixtures there, in a model that later physics steps use."""
        model.body_pos[self.bodies] = self.positions
        model.body_quat[self.bodies] = self.quaternions


def sample_fixture_poses(table: SceneTable, rng: np.random.Generator) -> FixturePoses:
    """Sample poses as LIBERO does: a region of a fixture, then uniform in its rectangle and its range of angles."""
    bodies, positions, quaternions = [], [], []
    for fixture in table.fixtures:
        region = int(rng.integers(len(fixture.x_ranges)))
        angle = _within(rng, fixture.angle)
        bodies.append(fixture.body)
        x, y = _within(rng, fixture.x_ranges[region]), _within(rng, fixture.y_ranges[region])
        positions.append([x, y, fixture.z])
        quaternions.append([np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2)])
    return FixturePoses(
        np.array(bodies, dtype=np.int64), np.array(positions).reshape(-1, 3), np.array(quaternions).reshape(-1, 4)
    )


def _within(rng: np.random.Generator, bounds: list[float]) -> float:
    return float(rng.uniform(bounds[0], bounds[1]))
