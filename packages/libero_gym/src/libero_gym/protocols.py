"""The published evaluation loops of LIBERO: settling, time limits, and where fixtures stand in which episode.

LIBERO samples cabinets, stoves and racks from NumPy's global generator at every reset, and no initial state holds them.
So a loop's order of seeds and resets decides the scenes:

    openvla-oft   make a task's environment, seed(0); for state i = 0, 1, ...: reset, set the state, settle
    rlinf         make 500 at once, number n = trial x tasks + task: seed(n), reset, set the state, settle
    lerobot       make a task's environment, reset; for i = 0, 1, ...: seed(1000 + i), reset, set the state, settle

A reset builds the model again, and LIBERO then keeps the samplers of joints (a drawer that begins open) of the models
before: its k-th model draws them k times. Which number a reset has since the environment was made decides, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from libero_gym.tasks.suites import Task

ProtocolName = Literal["openvla-oft", "rlinf", "lerobot"]


@dataclass(frozen=True)
class Draw:
    """Which reset of a LIBERO environment a scene's fixtures are of."""

    seed: int
    """What NumPy's global generator is seeded with, before the first of these resets."""
    first: int
    """Number of the first reset after the seed, from 1 for the first after the environment was made."""
    last: int
    """Number of the reset in question."""


@dataclass(frozen=True)
class Protocol:
    """One published loop."""

    name: ProtocolName
    source: str
    """Repository, commit and file."""
    settle_steps: int
    settle_gripper: float
    """The gripper's number in settling actions, whose others are 0: -1 opens, 0 stays."""
    limits: Mapping[str, int]
    """Suite to control steps of an episode, without the settling ones."""

    def draw(self, task: Task, tasks: int, init_state: int) -> Draw:
        """Return the reset that gives the scene of an episode.

        Args:
            task: the task.
            tasks: number of tasks of its suite.
            init_state: index among the published states.
        """
        if self.name == "openvla-oft":
            return Draw(0, 1, init_state + 1)
        if self.name == "lerobot":
            return Draw(1000 + init_state, init_state + 2, init_state + 2)
        return Draw(init_state * tasks + task.index, 1, 1)


_PUBLISHED = {"libero_spatial": 220, "libero_object": 280, "libero_goal": 300, "libero_10": 520, "libero_90": 400}

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "openvla-oft",
            "moojink/openvla-oft 213c5ff, experiments/robot/libero/run_libero_eval.py",
            settle_steps=10,
            settle_gripper=-1.0,
            limits=_PUBLISHED,
        ),
        Protocol(
            "rlinf",
            "RLinf/RLinf a3816b5, rlinf/envs/libero/libero_env.py, evaluations/libero/*_openvlaoft_eval.yaml on one "
            "process; limits of spatial and 90 from examples/embodiment/config/env",
            settle_steps=15,
            settle_gripper=0.0,
            limits={
                "libero_spatial": 240,
                "libero_object": 512,
                "libero_goal": 512,
                "libero_10": 520,
                "libero_90": 512,
            },
        ),
        Protocol(
            "lerobot",
            "huggingface/lerobot 7427f31, src/lerobot/envs/libero.py, with the documented eval.batch_size=1",
            settle_steps=10,
            settle_gripper=-1.0,
            limits={**_PUBLISHED, "libero_spatial": 280},
        ),
    )
}


def arguments_of(name: str) -> dict[str, Any]:
    """Return the keyword arguments under which an environment reproduces a loop; None: the environment's default."""
    return {
        "protocol": name,
        "image_size": 256,
        "image_orientation": None,
        "render_quality": None,
        "physics_quality": None,
        "settle_steps": None,
        "max_episode_steps": None,
        "max_steps_by_task": None,
        "shift": None,
    }
