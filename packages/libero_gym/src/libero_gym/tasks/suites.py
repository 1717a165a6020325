"""LIBERO's five task suites and their union."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from libero_gym.errors import SuiteError, TaskError, unknown
from libero_gym.tasks.definition import TaskDefinition, published_definition, task_table

#: Suite name -> (id of the environment, episode limit in control steps without settling).
#: The limits are those of the published evaluations (OpenVLA-OFT, `run_libero_eval.py`).
SUITES: dict[str, tuple[str, int]] = {
    "libero_spatial": ("libero/Spatial-v0", 220),
    "libero_object": ("libero/Object-v0", 280),
    "libero_goal": ("libero/Goal-v0", 300),
    "libero_10": ("libero/10-v0", 520),
    "libero_90": ("libero/90-v0", 400),
}

#: The union of the five, as RLinf names it: its tasks are theirs in the order above, and keep their scenes, initial
#: states and fixture poses. It has one limit for all, the longest of theirs: Gymnasium registers one for an id and
#: hands it on as it does a user's own, which a limit for each task would have to overrule.
UNION = "libero_130"
RUNNABLE = {**SUITES, UNION: ("libero/130-v0", max(limit for _, limit in SUITES.values()))}

#: How many tasks each suite has, whole, in the order of the union; a bundle may have fewer.
TASK_COUNTS = {"libero_spatial": 10, "libero_object": 10, "libero_goal": 10, "libero_10": 10, "libero_90": 90}


@dataclass(frozen=True)
class Task:
    """One task of a suite."""

    suite: str
    index: int
    """Position in the suite, in LIBERO's published order."""
    name: str
    """LIBERO's name, which is also the stem of its files."""
    instruction: str
    """The sentence that published policies are prompted with: it comes from the file name, not from the BDDL's
    `:language` line, which differs for 29 of the 130 tasks."""
    before: int = field(default=0, compare=False)
    """Tasks of other suites that stand before this suite's in the suite that is run: 0 but for the union of all.
    A task is equal to itself in the union, so that what is remembered of it is remembered once."""

    @property
    def id(self) -> int:
        """Position in the suite that is run; environments call the task by it."""
        return self.before + self.index

    @property
    def definition(self) -> TaskDefinition:
        """Its objects, regions, initial conditions and goal."""
        return published_definition(self.suite, self.name)


@dataclass(frozen=True)
class Suite:
    """A suite of tasks."""

    name: str
    env_id: str
    max_episode_steps: int
    """Control steps of an episode, without the settling steps."""
    tasks: tuple[Task, ...]
    """All of LIBERO's, or those that a bundle has."""

    def select(self, task: int | str | Sequence[int | str] | None) -> tuple[Task, ...]:
        """Return the tasks that `task` names: an index, a name, a sequence of them, or None for all of the suite.

        Raises:
            TaskError: an index or a name that the suite does not have, or an empty sequence.
        """
        if task is None:
            return self.tasks
        if isinstance(task, str) or not isinstance(task, Sequence):
            return (self._select_one(task),)
        if len(task) == 0:
            raise TaskError(f"task is an empty sequence; allowed: {self._allowed()}, a sequence of them, or None")
        return tuple(self._select_one(item) for item in task)

    def _select_one(self, task: object) -> Task:
        if isinstance(task, str) and not task.isdigit():
            for candidate in self.tasks:
                if candidate.name == task:
                    return candidate
            raise unknown(TaskError, "task", task, [t.name for t in self.tasks], self.env_id)
        try:
            index = int(task)  # type: ignore[call-overload]
        except (TypeError, ValueError, OverflowError):
            index = -1
        found = [candidate for candidate in self.tasks if candidate.id == index]
        if isinstance(task, bool) or not found or index != float(task):  # type: ignore[arg-type]
            raise TaskError(f"unknown task {task!r} in {self.env_id}; allowed: {self._allowed()}")
        return found[0]

    def _allowed(self) -> str:
        indices = [task.id for task in self.tasks]
        whole = indices == list(range(len(indices)))
        listed = f"0..{indices[-1]}" if whole else ", ".join(map(str, indices))
        return f"{listed} or a name such as {self.tasks[0].name!r}"


def resolve_suite(name: str) -> str:
    """Return the full name of a suite: "spatial", "libero_spatial" and "libero/Spatial-v0" are the same.

    Raises:
        SuiteError: no such suite.
    """
    lowered = str(name).lower()
    for suite, (env_id, _) in RUNNABLE.items():
        if lowered in (suite, suite.removeprefix("libero_"), env_id.lower()):
            return suite
    raise unknown(SuiteError, "suite", name, RUNNABLE, aliases=[suite.removeprefix("libero_") for suite in RUNNABLE])


@functools.cache
def load_suite(name: str) -> Suite:
    """Return a suite with its tasks in LIBERO's published order, or the union of all.

    Raises:
        SuiteError: no such suite.
    """
    suite = resolve_suite(name)
    if suite == UNION:
        return union([task for part in SUITES for task in load_suite(part).tasks])
    env_id, limit = SUITES[suite]
    names = [name for listed, name in task_table() if listed == suite]
    tasks = tuple(Task(suite, index, task, _instruction(task)) for index, task in enumerate(names))
    return Suite(suite, env_id, limit, tasks)


def union(tasks: Sequence[Task]) -> Suite:
    """Return the union, with these tasks of the five suites; a task's place in it does not depend on the others."""
    befores = dict(zip(TASK_COUNTS, itertools.accumulate(TASK_COUNTS.values(), initial=0), strict=False))
    env_id, limit = RUNNABLE[UNION]
    placed = [replace(task, before=befores[task.suite]) for task in tasks]
    return Suite(UNION, env_id, limit, tuple(sorted(placed, key=lambda task: task.id)))


def _instruction(name: str) -> str:
    """Return the prompt of a task's name: libero_10 and libero_90 put the scene in front, e.g. KITCHEN_SCENE3_."""
    return re.sub(r"^[A-Z_]+SCENE\d+_", "", name).replace("_", " ")
