"""A task of LIBERO-PRO's files as a `Task`: LIBERO's name and place in its suite, with another definition."""

from __future__ import annotations

from dataclasses import dataclass, field

from libero_gym.tasks.definition import TaskDefinition
from libero_gym.tasks.suites import Task


@dataclass(frozen=True, kw_only=True)
class ProTask(Task):
    """A task whose definition and initial states are LIBERO-PRO's. Equal tasks have equal scenes and states."""

    pro_definition: TaskDefinition = field(compare=False)
    sha256: str
    """Of the definition and the initial states."""

    @property
    def definition(self) -> TaskDefinition:
        """Its objects, regions, initial conditions and goal."""
        return self.pro_definition
