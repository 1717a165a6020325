"""Files of LIBERO-PRO's layout, made of LIBERO's own tasks: nothing of LIBERO-PRO's is copied."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from libero_gym.tasks import load_suite
from libero_gym.tasks.bddl import write_definition
from libero_gym.tasks.definition import TaskDefinition
from libero_gym.tasks.init_states import published_states

#: States of each task.
STATES = 4


def moved(states: np.ndarray) -> np.ndarray:
    """Initial states that LIBERO does not have: its last ones, with the first object 1 cm farther from the robot.

    [time, 7 joints of the arm, 2 of the gripper, then x, y, z and a quaternion of each object]
    """
    changed = states[-STATES:].copy()
    changed[:, 10] += 0.01
    return changed


def write_pro_files(
    folder: Path,
    kind: str,
    change: Callable[[TaskDefinition], TaskDefinition] = lambda definition: definition,
    suite: str = "libero_spatial",
) -> Path:
    """Write the files of one suite of LIBERO-PRO and return the folder.

    Args:
        folder: gets `bddl_files` and `init_files`.
        kind: of the suite.
        change: makes a task's definition of LIBERO's.
        suite: LIBERO's.
    """
    for task in load_suite(suite).tasks:
        bddl = folder / "bddl_files" / f"{suite}_{kind}" / f"{task.name}.bddl"
        states = folder / "init_files" / f"{suite}_{kind}" / f"{task.name}.pruned_init.npz"
        for path in (bddl, states):
            path.parent.mkdir(parents=True, exist_ok=True)
        bddl.write_text(write_definition(change(task.definition)), encoding="utf-8")
        np.savez_compressed(states, states=moved(published_states(task)[0]))
    return folder


def said_otherwise(definition: TaskDefinition) -> TaskDefinition:
    """The definition with another sentence, which has a capital and a sign that LIBERO's sentences do not have."""
    return dataclasses.replace(definition, language="Lift the black bowl onto the stove\u2019s plate")
