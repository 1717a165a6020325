"""Checks of a task of one's own against the objects of its scene: the regions and joints that they have."""

from __future__ import annotations

from collections.abc import Iterator

from libero_gym.errors import TaskSpecError, unknown
from libero_gym.own_task.spec import TaskSpec
from libero_gym.scene.build import Scene

_JOINT_PREDICATES = ("open", "close", "turnon", "turnoff")


def check_scene(spec: TaskSpec, scene: Scene) -> None:
    """Check that every region and joint that a task is about is in its scene.

    Raises:
        TaskSpecError: an object does not have it; a BddlError where the line is known.
    """
    for error in _errors(spec, scene):
        raise spec.located(error)


def _errors(spec: TaskSpec, scene: Scene) -> Iterator[TaskSpecError]:
    definition = scene.definition
    for section, atoms in (("init", definition.init), ("goal", definition.goal)):
        for index, atom in enumerate(atoms):
            for number, name in enumerate(atom.arguments):
                if name in definition.regions and name not in scene.regions:
                    owner = scene.all_objects[definition.regions[name].target]
                    where = f"the {section}: {owner.category.file} does not have it"
                    yield _error((section, index, number), "region", name, owner.regions, where)
            if atom.name in _JOINT_PREDICATES:
                yield from _joint_errors(scene, section, index, atom.name, atom.arguments[0])


def _joint_errors(scene: Scene, section: str, index: int, predicate: str, name: str) -> Iterator[TaskSpecError]:
    region = scene.regions.get(name)
    owner = scene.all_objects[region.parent if region is not None else name]
    joints = owner.joints[: len(owner.joints) - owner.movable] if region is None else region.joints
    known = owner.category.ranges if section == "init" else owner.category.conditions
    if predicate not in known or not joints:
        allowed = ", ".join(known) if joints and known else "none"
        error = TaskSpecError(f"{name} cannot be {predicate!r} in the {section}; what it can be: {allowed}")
        error.place = (section, index)
        yield error


def _error(place: tuple[str | int, ...], what: str, name: str, known: object, where: str) -> TaskSpecError:
    error = unknown(TaskSpecError, what, name, list(known), where)  # type: ignore[call-overload]
    error.place = place
    return error
