"""The scenes of a task of one's own: a source of scenes with one task."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.errors import AssetError, OptionError, TaskError, TaskSpecError, shown, unknown
from libero_gym.own_task.scene_checks import check_scene
from libero_gym.own_task.spec import TaskSpec
from libero_gym.scene.build import build_scene
from libero_gym.scene.own_object import read_own_model
from libero_gym.scene.scene_object import categories
from libero_gym.scene.source import DerivedScenes, InstalledScenes, scene_source
from libero_gym.scene.workspace import workspace_of
from libero_gym.tasks.init_states import own_states
from libero_gym.tasks.own import OWN_ENV_ID, OWN_SUITE, OwnModel, OwnTask, own_suite
from libero_gym.tasks.suites import Suite, Task


@dataclass(frozen=True)
class OwnScenes(DerivedScenes):
    """A `SceneSource` with the scene of one task, compiled here."""

    spec: TaskSpec
    task: OwnTask
    object_folder: Path | None
    """Where models of one's own objects were read."""

    def to_json(self) -> dict[str, Any]:
        """Return what `task_spec` makes the same task from, as a tree of JSON values."""
        folder = None if self.object_folder is None else str(self.object_folder.absolute())
        return {**self.spec.to_json(), "object_folder": folder}

    def suite(self, name: str) -> Suite:
        """Return the suite of this task alone."""
        return own_suite(self.task)

    def select(self, suite: Suite, task: int | str | Sequence[int | str] | None) -> tuple[Task, ...]:
        """Return the task, which has the index 0.

        Raises:
            TaskError: another one is named.
            AssetError: there is no such asset set.
            TaskSpecError: the task names a region or a joint that an object does not have in it.
        """
        check_scene(self.spec, build_scene(self.task.definition, self.assets.folder, None, self.task.own_models))
        return suite.select(task)

    def published_states(self, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Return what stands for published states: those of "eval" and those of "train", sampled here."""
        return own_states(self.scene(task).sampled_states)


def own_scenes(
    assets: str | Path,
    task: object,
    task_file: object,
    task_spec: object,
    object_folder: object,
) -> OwnScenes:
    """Return the scenes that the arguments of `libero/Task-v0` name.

    Args:
        assets: the `assets=` argument; no bundle.
        task: must be None.
        task_file: a BDDL file, or None.
        task_spec: a `TaskSpec`, or a mapping of its fields, or None.
        object_folder: where models of one's own are, or None.

    Raises:
        OptionError: not one of `task_file` and `task_spec`; TaskSpecError, BddlError: the task is malformed.
        ObjectError: a model of one's own is missing or none.
        AssetError: a bundle.
    """
    if task is not None:
        raise TaskError(f"task {shown(task)} in {OWN_ENV_ID}, which has one task; allowed: None. task_file names it")
    if (task_file is None) == (task_spec is None):
        raise OptionError(f"{OWN_ENV_ID} takes either task_file, a BDDL file, or task_spec, a TaskSpec")
    if task_file is not None:
        if not isinstance(task_file, (str, os.PathLike)) or isinstance(task_file, bytes):
            raise OptionError(f"task_file {shown(task_file)} in {OWN_ENV_ID}; allowed: a path")
        spec = TaskSpec.from_bddl(Path(task_file))
    else:
        spec = task_spec if isinstance(task_spec, TaskSpec) else TaskSpec.from_json(task_spec)  # type: ignore[arg-type]
    if object_folder is not None and not isinstance(object_folder, (str, os.PathLike)):
        raise OptionError(f"object_folder {shown(object_folder)} in {OWN_ENV_ID}; allowed: a folder, or None")
    installed = scene_source(assets)
    if not isinstance(installed, InstalledScenes):
        raise AssetError(
            f"assets {str(assets)!r} in {OWN_ENV_ID} is a bundle, which has scenes of LIBERO's tasks only; allowed: "
            "'auto', 'official', 'builtin' or a folder of assets"
        )
    named = spec.object_folder if object_folder is None else object_folder
    folder = None if named is None else Path(named).expanduser()
    return OwnScenes(installed, spec, own_task(spec, folder), folder)


def own_task(spec: TaskSpec, object_folder: Path | None) -> OwnTask:
    """Return the task of a spec, with the models of its own objects read.

    Raises:
        TaskSpecError: a category is none of LIBERO's, and there is no file for it.
        ObjectError: a model's file is damaged.
    """
    models = {
        category: _own_model(spec, section, name, category, object_folder)
        for section in ("objects", "fixtures")
        for name, category in getattr(spec, section).items()
        if category not in categories() and category != workspace_of(spec.problem).category
    }
    parts = [spec.sha256, *(f"{category} {model.sha256}" for category, model in sorted(models.items()))]
    return OwnTask(
        suite=OWN_SUITE,
        index=0,
        name=spec.name,
        instruction=spec.language,
        own_definition=spec.definition,
        sha256=hashlib.sha256("\n".join(parts).encode()).hexdigest(),
        own_models=models,
    )


def _own_model(spec: TaskSpec, section: str, name: str, category: str, folder: Path | None) -> OwnModel:
    path = None if folder is None else folder / f"{category}.xml"
    try:
        if path is not None and path.is_file():
            return read_own_model(path)
        where = f"there is no {path}" if path is not None else "no object_folder is given for models of your own"
        known = str(unknown(TaskSpecError, "category", category, categories(), f"the {section} ({name}); {where}"))
        raise TaskSpecError(known)
    except TaskSpecError as error:
        error.place = (section, name, "category")
        raise spec.located(error) from None
