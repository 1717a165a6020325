"""Sources of actions for the tests; the tests' processes import this module by its name."""

import os
import time

import numpy as np

from libero_gym.errors import LiberoGymError

METRES = 0.05
"""Displacement of an action of 1."""


class Pusher:
    """Closes the open top drawer of libero_90 task 0 with the closed hand, which really succeeds."""

    def __init__(self, world, rng):
        self.world, self.rng, self.notes = world, rng, []
        self.intended = None
        # Where the drawer is pushed differs a little, so that each demonstration has its own actions.
        self.offset = rng.uniform(-0.02, 0.02)

    def actions(self):
        world = self.world
        site = next(e.site for e in world.scene.table.entities if e.name == "wooden_cabinet_1_top_region")
        x, y, z = world.data.site_xpos[site].copy()
        for target, steps in (((x + self.offset, y + 0.2, z + 0.05), 25), ((x + self.offset, y - 0.2, z + 0.02), 60)):
            for _ in range(steps):
                move = np.clip((np.array(target) - world.eef_position()) / METRES, -0.6, 0.6)
                self.intended = np.array([*move, 0, 0, 0, 1.0])
                yield self.intended + np.eye(7)[0] * self.rng.normal(0.0, 0.05)
        self.notes.append("it did not close")


class OldPusher(Pusher):
    """Has its intended actions under the name that they had before."""

    def actions(self):
        for action in super().actions():
            self.meant, self.intended = self.intended, None
            yield action


class Fickle(Pusher):
    """Gives up at once in some of its attempts, as its generator says."""

    def __init__(self, world, rng):
        super().__init__(world, rng)
        self.gives_up = rng.random() > 0.5

    def actions(self):
        if self.gives_up:
            self.notes.append("not in the mood")
            return
        yield from super().actions()


class Slow(Pusher):
    """Takes its time, so that it can be killed."""

    def actions(self):
        for action in super().actions():
            time.sleep(0.03)
            yield action


class Still:
    """Three actions that do nothing."""

    def __init__(self, world, rng):
        self.rng = rng

    def actions(self):
        for _ in range(3):
            yield np.array([*self.rng.uniform(-0.1, 0.1, 6), -1.0])


class Broken(Still):
    """Has a mistake in it."""

    def actions(self):
        yield np.zeros(7)
        raise ZeroDivisionError("a mistake")


class Unborn(Still):
    """Cannot even begin."""

    def __init__(self, world, rng):
        raise KeyError("a name")


class Crashing(Still):
    """Takes its process with it."""

    def actions(self):
        os._exit(7)


def refuses(world, rng):
    """An expert that cannot do anything."""
    raise LiberoGymError(f"no way to do {world.scene.table.task_name}")
