"""A goal's predicates as subgoals, in the order in which they can be achieved, and the candidate motions of each.

Axes: P points. Lengths are metres, angles radians, world frame, z up.
"""

from __future__ import annotations

from typing import Protocol

from libero_gym.engine.world import World
from libero_gym.expert.articulation import Articulate
from libero_gym.expert.pick_place import PickPlace
from libero_gym.expert.scene_geometry import SceneGeometry
from libero_gym.expert.skills import Candidate


class Subgoal(Protocol):
    """One predicate of a goal."""

    def achieved(self, world: World) -> bool:
        """Return whether the predicate holds."""

    def candidates(self, world: World) -> list[Candidate]:
        """Return motions that may make it hold from where the world is, best first."""


def ordered_subgoals(world: World, geometry: SceneGeometry) -> list[Subgoal]:
    """Return a goal's subgoals in a feasible order: what has to be open comes first, what is closed last."""
    goal, entities = world.scene.table.goal, geometry.entities
    sharing: dict[str, list[int]] = {}
    for index, atom in enumerate(goal):
        if atom.name == "on":
            sharing.setdefault(atom.arguments[1], []).append(index)
    destinations = [entities[atom.arguments[1]] for atom in goal if len(atom.arguments) > 1]
    used = {name for entity in destinations for name in (entity.name, entity.parent)}
    close_first: list[Subgoal] = []
    open_first: list[Subgoal] = []
    pick_place: list[Subgoal] = []
    close_last: list[Subgoal] = []
    for index, atom in enumerate(goal):
        first = entities[atom.arguments[0]]
        if atom.name in ("on", "in"):
            destination = entities[atom.arguments[1]]
            if atom.name == "in" and "open" in destination.conditions and destination.joint_qpos:
                open_first.append(Articulate(destination, "open", geometry, minimal=True))
            indices = sharing.get(destination.name, [index])
            share = (indices.index(index), len(indices)) if index in indices else (0, 1)
            pick_place.append(PickPlace(index, first, destination, geometry, inside=atom.name == "in", share=share))
        elif atom.name in ("open", "turnon"):
            open_first.append(Articulate(first, atom.name, geometry))
        elif atom.name in ("close", "turnoff"):
            # what receives no object is closed before something above it is opened
            (close_last if first.name in used else close_first).append(Articulate(first, atom.name, geometry))
    return [*close_first, *open_first, *pick_place, *close_last]
