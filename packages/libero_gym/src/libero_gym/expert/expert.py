"""A scripted expert: a task's goal as jobs, each tried in a copy of the world before it is done in the real one.

    goal predicates -> jobs in order -> for each: ways to do it, best first
                                        tried in a copy of the simulation, depth first, until all jobs succeed
                                        done in the real world, looking at its state; planned anew where one failed

The simulation is deterministic, and a way draws the same noise in the world as in the copy: what succeeded there
succeeds here, unless somebody else moves things. That is what planning anew is for.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from libero_gym.engine.world import Snapshot, World
from libero_gym.expert.arm import Arm, Variation
from libero_gym.expert.clearing import clearing
from libero_gym.expert.grasps import OPENING
from libero_gym.expert.jobs import Job, jobs_of
from libero_gym.expert.sight import Sight
from libero_gym.expert.skills import Way

TRIES = 5
"""How often a job is planned anew in the real world."""
WAYS, TRIALS = 12, 40
"""Ways of doing a job that are tried in the copy, and of all jobs together."""
QUICK = 6
"""Trials of doing without clearing the way first."""
DEAD_ENDS = 4
"""Ways that do a job, of which none leads to the goal, before the job before it is done in another way."""

Step = tuple[Job, Way, list[int]]
"""Of a plan: a job, the way to do it, and the seed of its noise."""

AT_REST, REST_STEPS = 0.1, 60
"""Metres a second below which things count as at rest, and how many steps that is waited for."""


class Expert:
    """Solves the task of a world from where the world is now."""

    def __init__(self, world: World, rng: np.random.Generator, *, noise: float = 0.02) -> None:
        """
        Args:
            world: of the environment that carries out the actions.
            rng: draws what makes demonstrations differ.
            noise: deviation of what is added to actions on the way, in units of the action; shoves come with it.
        """
        self.notes: list[str] = []
        """What was done, and what went wrong."""
        self.meant: np.ndarray | None = None
        """(7,), the latest of `actions` without noise and shoves: what is to be imitated."""
        self._world = world
        self._copy = World(world.shared)
        self._rng = rng
        self._variation = Variation(
            speed=float(rng.uniform(0.85, 1.0)), noise=noise, lift=float(rng.uniform(0.0, 0.03))
        )
        self._sight = Sight(world)
        self._trials, self._most, self._stuck = 0, TRIALS, ""

    def actions(self) -> Iterator[np.ndarray]:
        """Actions (7,) in [-1, 1], one a control step; each looks at where the world is when it is asked for."""
        for _ in range(TRIES):
            yield from self._rest()
            seed = int(self._rng.integers(2**31))
            for job, way, own in self._plan(seed):
                arm = Arm(self._world, np.random.default_rng(own), self._variation)
                for action in way(arm):
                    self.meant = arm.meant
                    yield action
                    if self._world.success():
                        return
                if not job.done(self._world):
                    self.notes.append(f"{job}: failed")
                    break
            if self._world.success():
                return
            self.notes.append("planned anew")

    def _rest(self) -> Iterator[np.ndarray]:
        """Wait until nothing falls or rolls: a plan for a thing that does is of no use."""
        arm = Arm(self._world, self._rng, self._variation)
        arm.opening = OPENING
        for _ in range(REST_STEPS):
            if self._sight.fastest(self._world) < AT_REST:
                return
            for action in arm.hold(1):
                self.meant = arm.meant
                yield action

    def _plan(self, seed: int) -> list[Step]:
        """Ways that together succeed in the copy; else those that get furthest."""
        snapshot = self._world.snapshot()
        assert snapshot is not None
        self._trials, self._most, self._stuck = 0, TRIALS, ""
        jobs = jobs_of(self._world, self._sight)
        first = clearing(self._world, jobs, self._sight)
        if first:
            # without it, if that is soon found
            self._most = QUICK
        plan = self._continue(snapshot, jobs, seed)
        if first and not self._copy.success():
            self._most = self._trials + TRIALS
            plan = self._continue(snapshot, [*first, *jobs], seed)
        if not self._copy.success() and self._stuck:
            self.notes.append(self._stuck)
        if self._trials > len(plan):
            self.notes.append(f"{self._trials} trials")
        return plan

    def _continue(self, snapshot: Snapshot, jobs: list[Job], seed: int) -> list[Step]:
        """A plan for the jobs from a state of the copy: depth first, the best way of a job first."""
        self._copy.restore(snapshot)
        left = [job for job in jobs if not job.done(self._copy)]
        if not left:
            return []
        job, own = left[0], [seed, len(jobs)]
        best: list[Step] = []
        dead_ends = 0
        ways = job.ways(self._copy)[:WAYS]
        for way in ways:
            if self._trials >= self._most:
                break
            self._trials += 1
            self._copy.restore(snapshot)
            arm = Arm(self._copy, np.random.default_rng(own), self._variation)
            for action in way(arm):
                self._copy.step(action)
                if self._copy.success():
                    # the episode ends here, whatever comes of it
                    return [(job, way, own)]
            if not job.done(self._copy):
                best = best or [(job, way, own)]
                continue
            after = self._copy.snapshot()
            assert after is not None
            plan = [(job, way, own), *self._continue(after, jobs[jobs.index(job) + 1 :], seed)]
            if self._copy.success():
                return plan
            best = max(best, plan, key=len)
            dead_ends += 1
            if dead_ends >= DEAD_ENDS:
                break
        if not dead_ends:
            self._stuck = f"{job}: none of {len(ways)} ways does it" if ways else f"{job}: there is no way to do it"
        return best
