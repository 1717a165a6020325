"""Swaps of LIBERO-PRO's kind: another look of what the goal is about, places exchanged, another sentence or task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import mujoco
import numpy as np

from libero_gym.errors import SceneError
from libero_gym.shifts.changes import Changes
from libero_gym.shifts.footprints import Footprints, middle_fixtures
from libero_gym.tasks.definition import Atom, TaskDefinition
from libero_gym.tasks.goals import Goal
from libero_gym.tasks.suites import SUITES, Task, load_suite
from libero_gym.tasks.tables import Predicate, SceneTable

#: What an object may be painted with.
_COLOURS = (
    *((0.85, 0.1, 0.1), (0.1, 0.55, 0.15), (0.1, 0.25, 0.8), (0.95, 0.8, 0.1), (0.55, 0.15, 0.65), (0.95, 0.5, 0.1)),
    *((0.1, 0.7, 0.75), (0.95, 0.55, 0.75)),
)
#: In how many initial states an exchange is tried, and what counts as overlap there: depth of a contact, metres.
_TRIED_STATES, OVERLAP = 10, 0.002


def swap_object(changes: Changes, model: mujoco.MjModel, table: SceneTable, rng: np.random.Generator) -> None:
    """Paint what the goal is about first in one colour, in place of its texture."""
    entities = {entity.name: entity for entity in table.entities}
    entity = entities[table.goal[0].arguments[0]]
    owner = entities[entity.parent] if entity.parent else entity
    look = changes.change_look()
    bodies = {owner.body}
    for body in range(owner.body + 1, model.nbody):
        if int(model.body_parentid[body]) in bodies:
            bodies.add(body)
    seen = np.isin(model.geom_bodyid, list(bodies)) & (model.geom_group == 1)
    look.geom_matid[seen] = -1
    look.geom_rgba[seen, :3] = _COLOURS[int(rng.integers(len(_COLOURS)))]


def swap_positions(
    changes: Changes,
    model: mujoco.MjModel,
    table: SceneTable,
    task: Task,
    prints: Footprints,
    states: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Exchange the places of two objects of different kinds; one is what the goal is about, if it stands by itself.

    Args:
        changes: receives the two.
        model: of the task's own scene; the poses of its fixtures are written.
        table: of the scene.
        task: the task.
        prints: of its objects.
        states: (M, 1 + nq + nv) published initial states; in some of them it is tried.
        rng: of the variant.

    Raises:
        SceneError: no two of the task's objects can be exchanged.
    """
    kinds = task.definition.objects
    alone = [name for name in prints.standing if not prints.loads[name]]
    wanted = [predicate.arguments[0] for predicate in table.goal if predicate.arguments[0] in alone]
    pairs = [(first, second) for first in alone for second in alone if kinds[first] < kinds[second]]
    pairs.sort(key=lambda pair: not set(pair) & set(wanted))
    middle_fixtures(model, table)
    trial = _Trial(model, table, states[:: max(1, len(states) // _TRIED_STATES)])
    fitting = [pair for pair in pairs if trial.fits(*pair)]
    best = [pair for pair in fitting if set(pair) & set(wanted)] or fitting
    if not best:
        raise SceneError(
            f"position_swap in {task.suite} task {task.index}: no two of its objects can be exchanged "
            f"({', '.join(alone) or 'none'} stand by themselves)"
        )
    changes.exchanged = best[int(rng.integers(len(best)))]


class _Trial:
    """Exchanges objects in initial states, and looks whether anything then overlaps."""

    def __init__(self, model: mujoco.MjModel, table: SceneTable, states: np.ndarray) -> None:
        self._model, self._data, self._states = model, mujoco.MjData(model), states
        self._bodies = {entity.name: entity.body for entity in table.entities}
        self._before = [self._overlaps(state[1 : 1 + model.nq]) for state in states]

    def fits(self, first: str, second: str) -> bool:
        """Return whether two objects find room where the other one was."""
        places = [place_of(self._model, self._bodies[name]) for name in (first, second)]
        for state, before in zip(self._states, self._before, strict=True):
            qpos = state[1 : 1 + self._model.nq].copy()
            qpos[[*places[0], *places[1]]] = qpos[[*places[1], *places[0]]]
            if self._overlaps(qpos) - before:
                return False
        return True

    def _overlaps(self, qpos: np.ndarray) -> set[tuple[int, int]]:
        self._data.qpos[:] = qpos
        mujoco.mj_fwdPosition(self._model, self._data)
        contact = self._data.contact
        bodies = self._model.body_rootid[self._model.geom_bodyid[contact.geom[contact.dist < -OVERLAP]]]
        return {(min(pair), max(pair)) for pair in bodies.tolist()}


def place_of(model: mujoco.MjModel, body: int) -> tuple[int, int]:
    """Return the addresses in `qpos` of where a movable body is, x and y."""
    address = int(model.jnt_qposadr[model.body_jntadr[body]])
    return address, address + 1


def swap_instruction(changes: Changes, task: Task, rng: np.random.Generator) -> None:
    """Give the sentence of another task of the suite; the goal stays.

    Raises:
        SceneError: a task of one's own, whose suite has no other.
    """
    others = sorted({found.instruction for found in _suite(task)} - {task.instruction})
    if not others:
        raise SceneError(f"instruction_swap in {task.suite} task {task.index}, whose suite has no other sentence")
    changes.instruction = others[int(rng.integers(len(others)))]


def swap_task(
    changes: Changes,
    model: mujoco.MjModel,
    table: SceneTable,
    task: Task,
    state: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Ask for something else in the same scene: another task's goal, which does not hold at first, and its sentence.

    Args:
        changes: receives both.
        model: of the task's own scene; the poses of its fixtures are written.
        table: of the scene.
        task: the task.
        state: (1 + nq + nv,) one of its initial states.
        rng: of the variant.

    Raises:
        SceneError: LIBERO has no other task that this scene allows.
    """
    middle_fixtures(model, table)
    data = mujoco.MjData(model)
    data.qpos[:] = state[1 : 1 + model.nq]
    mujoco.mj_forward(model, data)
    others = {
        sentence: goal
        for sentence, goal in other_tasks(task, table).items()
        if not Goal(replace(table, goal=list(goal)), model).holds(data)
    }
    if not others:
        raise SceneError(f"task_swap in {task.suite} task {task.index}: LIBERO has no other task for its scene")
    names = sorted(others)
    changes.instruction = names[int(rng.integers(len(names)))]
    changes.goal = others[changes.instruction]


def other_tasks(task: Task, table: SceneTable) -> dict[str, tuple[Predicate, ...]]:
    """Return what else can be asked in a task's scene: sentence -> goal.

    A task of the same suite counts (of libero_10 also one of libero_90) where each object of its goal has a counterpart
    here that cannot be mistaken: of its category, and the only one, or in the same place at first.
    """
    here, entities = task.definition, {entity.name for entity in table.entities}
    own = {_key(predicate.name, predicate.arguments) for predicate in table.goal}
    found: dict[str, tuple[Predicate, ...]] = {}
    for other in _suite(task):
        there = other.definition
        if there.problem != here.problem or other.instruction == task.instruction:
            continue
        named = {name: _counterpart(name, there, here) for atom in there.goal for name in atom.arguments}
        if any(name is None or name not in entities for name in named.values()):
            continue
        goal = tuple(_renamed(atom, named) for atom in there.goal)
        if {_key(predicate.name, predicate.arguments) for predicate in goal} != own:
            found[other.instruction] = goal
    return found


def _suite(task: Task) -> tuple[Task, ...]:
    """Return the tasks of a task's suite; libero_10 has its scenes from libero_90."""
    if task.suite not in SUITES:
        return ()
    return load_suite(task.suite).tasks + (load_suite("libero_90").tasks if task.suite == "libero_10" else ())


def _counterpart(name: str, there: TaskDefinition, here: TaskDefinition) -> str | None:
    """Return what a name of another task's goal is here."""
    if name not in there.objects:
        return name
    category = there.objects[name]
    same = [own for own, kind in here.objects.items() if kind == category]
    if len(same) == 1 and list(there.objects.values()).count(category) == 1:
        return same[0]
    place = _place(name, there)
    return next((own for own in same if place is not None and _place(own, here) == place), None)


def _place(name: str, definition: TaskDefinition) -> tuple[object, ...] | None:
    for atom in definition.init:
        if atom.arguments[0] == name and atom.name in ("on", "in"):
            return atom.name, atom.arguments[1], definition.regions.get(atom.arguments[1])
    return None


def _renamed(atom: Atom, named: Mapping[str, str | None]) -> Predicate:
    return Predicate(atom.name, [named[name] or name for name in atom.arguments])


def _key(name: str, arguments: list[str]) -> tuple[str, ...]:
    return (name, *arguments)
