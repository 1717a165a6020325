"""A task of one's own as a `Task`, and the suite that has it alone.

It is of no suite of LIBERO's, has no published states, and is known by a hash of all that it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from libero_gym.tasks.definition import TaskDefinition
from libero_gym.tasks.suites import Suite, Task

OWN_SUITE = "libero_task"
OWN_ENV_ID = "libero/Task-v0"
#: Control steps of an episode: LIBERO's longest limit, that of libero_10, because nothing is known of the task.
OWN_LIMIT = 520
#: Initial states that are sampled when the scene is compiled: those of "eval", from seeds 0 to 49, then those of
#: "train", from seeds 50 to 99.
OWN_EVAL_STATES = OWN_TRAIN_STATES = 50


@dataclass(frozen=True)
class OwnModel:
    """The model of an object of one's own, read from its file; `scene.own_object` makes it."""

    path: Path
    xml: str
    """MuJoCo's XML with one body; classes are written out, angles are radians, files are whole paths."""
    bottom: float
    """Height of its lowest point above its origin, metres."""
    top: float
    radius: float
    """Largest horizontal distance of its surface from its origin, metres."""
    sha256: str
    """Of its contents: XML, meshes and textures, wherever they lie."""


@dataclass(frozen=True, kw_only=True)
class OwnTask(Task):
    """A task that a file or a `TaskSpec` defines. Equal tasks have equal scenes and states."""

    own_definition: TaskDefinition = field(compare=False)
    sha256: str
    """Of the definition and of the objects of one's own."""
    own_models: Mapping[str, OwnModel] = field(compare=False)
    """Category -> its model, of those that LIBERO does not have."""

    @property
    def definition(self) -> TaskDefinition:
        """Its objects, regions, initial conditions and goal."""
        return self.own_definition


def own_suite(task: OwnTask) -> Suite:
    """Return the suite of a task of one's own."""
    return Suite(OWN_SUITE, OWN_ENV_ID, OWN_LIMIT, (task,))
