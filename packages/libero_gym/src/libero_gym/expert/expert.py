"""A scripted expert: task and motion planning by trial in a copy of the simulation.

    goal predicates -> subgoals in order -> for each: candidate motions, best first
                                            tried in a copy of the world, depth first, until all subgoals hold
                                            executed in the real world, closed loop; replanned where one failed

The simulation is deterministic, and a candidate has the same noise in the world as in the copy: what succeeded there
succeeds here, unless an outside hand moves objects. Replanning is for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from libero_gym.engine.world import World
from libero_gym.engine.world_state import Snapshot
from libero_gym.expert.arm import Arm, Variation
from libero_gym.expert.grasps import OPENING
from libero_gym.expert.relocation import relocations
from libero_gym.expert.scene_geometry import SceneGeometry
from libero_gym.expert.skills import Candidate
from libero_gym.expert.subgoals import Subgoal, ordered_subgoals

MAX_REPLANS = 5
"""How often the expert plans in the real world."""
MAX_CANDIDATES, MAX_TRIALS = 12, 40
"""Candidates of a subgoal that are tried in the copy, and trials of all subgoals together."""
TRIALS_WITHOUT_RELOCATION = 6
MAX_DEAD_ENDS = 4
"""Candidates that achieve a subgoal and do not lead to the goal, before the subgoal before it is achieved otherwise."""
AT_REST, REST_STEPS = 0.1, 60
"""Metres a second below which objects count as at rest, and the largest number of steps to wait for it."""


class Motion(NamedTuple):
    """A part of a plan."""

    subgoal: Subgoal
    candidate: Candidate
    seed: list[int]
    """Of its noise."""


class Expert:
    """Solves the task of a world from where the world is now."""

    def __init__(self, world: World, rng: np.random.Generator, *, noise: float = 0.02) -> None:
        """
        Args:
            world: of the environment that executes the actions.
            rng: samples what makes demonstrations differ.
            noise: standard deviation of the action noise, in units of the action; above 0, disturbances come with it.
        """
        self.notes: list[str] = []
        """What was done, and what failed."""
        self.intended: np.ndarray | None = None
        """(7,), the latest of `actions` without action noise and disturbance: what to imitate."""
        self._world = world
        self._copy = World(world.shared, world.scene.table.goal)
        self._rng = rng
        self._variation = Variation(
            speed=float(rng.uniform(0.85, 1.0)), noise=noise, lift=float(rng.uniform(0.0, 0.03))
        )
        self._geometry = SceneGeometry(world)
        self._trials, self._max_trials, self._stuck = 0, MAX_TRIALS, ""

    def actions(self) -> Iterator[np.ndarray]:
        """Yield actions (7,) in [-1, 1], one a control step; each depends on the state that the world then has."""
        for _ in range(MAX_REPLANS):
            yield from self._wait_until_rest()
            seed = int(self._rng.integers(2**31))
            for motion in self._plan(seed):
                arm = Arm(self._world, np.random.default_rng(motion.seed), self._variation)
                for action in motion.candidate(arm):
                    self.intended = arm.intended
                    yield action
                    if self._world.success():
                        return
                if not motion.subgoal.achieved(self._world):
                    self.notes.append(f"{motion.subgoal}: failed")
                    break
            if self._world.success():
                return
            self.notes.append("replanned")

    def _wait_until_rest(self) -> Iterator[np.ndarray]:
        """Yield actions that wait until nothing falls or rolls: a plan for a moving object is of no use."""
        arm = Arm(self._world, self._rng, self._variation)
        arm.opening = OPENING
        for _ in range(REST_STEPS):
            if self._geometry.largest_speed(self._world) < AT_REST:
                return
            for action in arm.hold(1):
                self.intended = arm.intended
                yield action

    def _plan(self, seed: int) -> list[Motion]:
        """Return motions that together succeed in the copy; else those that get furthest."""
        snapshot = self._world.snapshot()
        assert snapshot is not None
        self._trials, self._max_trials, self._stuck = 0, MAX_TRIALS, ""
        subgoals = ordered_subgoals(self._world, self._geometry)
        relocate = relocations(self._world, subgoals, self._geometry)
        if relocate:
            # without relocations, if that soon succeeds
            self._max_trials = TRIALS_WITHOUT_RELOCATION
        plan = self._search(snapshot, subgoals, seed)
        if relocate and not self._copy.success():
            self._max_trials = self._trials + MAX_TRIALS
            plan = self._search(snapshot, [*relocate, *subgoals], seed)
        if not self._copy.success() and self._stuck:
            self.notes.append(self._stuck)
        if self._trials > len(plan):
            self.notes.append(f"{self._trials} trials")
        return plan

    def _search(self, snapshot: Snapshot, subgoals: list[Subgoal], seed: int) -> list[Motion]:
        """Return a plan for the subgoals from a state of the copy: depth first, the best candidate first."""
        self._copy.restore(snapshot)
        remaining = [subgoal for subgoal in subgoals if not subgoal.achieved(self._copy)]
        if not remaining:
            return []
        subgoal, noise_seed = remaining[0], [seed, len(subgoals)]
        best: list[Motion] = []
        dead_ends = 0
        candidates = subgoal.candidates(self._copy)[:MAX_CANDIDATES]
        for candidate in candidates:
            if self._trials >= self._max_trials:
                break
            self._trials += 1
            self._copy.restore(snapshot)
            arm = Arm(self._copy, np.random.default_rng(noise_seed), self._variation)
            motion = Motion(subgoal, candidate, noise_seed)
            for action in candidate(arm):
                self._copy.step(action)
                if self._copy.success():
                    # the episode ends here, whatever would come of the rest
                    return [motion]
            if not subgoal.achieved(self._copy):
                best = best or [motion]
                continue
            after = self._copy.snapshot()
            assert after is not None
            plan = [motion, *self._search(after, subgoals[subgoals.index(subgoal) + 1 :], seed)]
            if self._copy.success():
                return plan
            best = max(best, plan, key=len)
            dead_ends += 1
            if dead_ends >= MAX_DEAD_ENDS:
                break
        if not dead_ends:
            self._stuck = f"{subgoal}: none of {len(candidates)} candidates achieves it"
        return best
