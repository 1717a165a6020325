"""A bundle: compiled scenes in a folder of their own, for machines that have neither LIBERO, robosuite nor assets.

    bundle.json        what it was made with and of, its tasks, size and SHA-256 of every other file and of the models
    parts.bin          the parts of all models, each once; `scene.model_parts`
    scenes/libero_spatial-0/
        model.npy      where this model's parts lie       scene.json       its tables, `tasks.tables`
        fast.npz       decimated visual meshes            states.npy       initial states sampled by LIBERO
        published.npz  LIBERO's own initial states: "eval" and "train"

It can be moved, and is only read. `scene.bundle_writer` makes it.
"""

from __future__ import annotations

import functools
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import mujoco
import numpy as np

from libero_gym.assets.manifest import FileRecord, file_sha256
from libero_gym.assets.source import BUNDLE_INDEX
from libero_gym.errors import AssetError, OptionError, SceneError, TaskError
from libero_gym.scene.cache import FORMAT
from libero_gym.scene.compiled import CompiledScene
from libero_gym.scene.model_parts import read_model
from libero_gym.tasks.suites import SUITES, UNION, Suite, Task, resolve_suite, union

#: Raise it when the layout above changes.
BUNDLE_FORMAT = 2
PARTS = "parts.bin"
MODEL = "model.npy"
PUBLISHED = "published.npz"


@dataclass(frozen=True)
class BundledScene(CompiledScene):
    """A compiled scene whose model lies in the bundle's file of parts."""

    FILES = (MODEL, "fast.npz", "states.npy", PUBLISHED)

    model_sha256: str = ""
    """Of the `.mjb` file that the model's parts make."""

    @functools.cached_property
    def published_states(self) -> tuple[np.ndarray, np.ndarray]:
        """LIBERO's own states: those for evaluation and the others."""
        with np.load(self.folder / PUBLISHED) as stored:
            evaluation, train = stored["eval"], stored["train"]
        evaluation.setflags(write=False)
        train.setflags(write=False)
        return evaluation, train

    def _read_model(self) -> mujoco.MjModel:
        bundle = self.folder.parent.parent
        try:
            return read_model(np.load(self.folder / MODEL), bundle / PARTS, self.model_sha256)
        except (OSError, ValueError, IndexError, EOFError, zlib.error) as error:
            raise SceneError(f"the bundle {bundle} is damaged ({error}); copy or write it again") from error


@dataclass(frozen=True, eq=False)
class BundledScenes:
    """The scenes of a bundle."""

    folder: Path
    name: str
    """Of the asset set that the scenes were made from."""
    version: str | None
    """Of that asset set."""
    tasks: tuple[Task, ...]
    files: dict[str, FileRecord]
    """Each file, by its path in the bundle."""
    models: dict[str, str]
    """SHA-256 of each model, by its scene's folder in the bundle."""
    _scenes: dict[Task, BundledScene] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, folder: Path) -> BundledScenes:
        """Read a bundle's index.

        Raises:
            AssetError: it is of another format or for another MuJoCo, or cannot be read.
        """
        try:
            index: dict[str, Any] = json.loads((folder / BUNDLE_INDEX).read_text())
            formats, compiled_with = (index["format"], index["scene_format"]), index["mujoco"]
            if formats == (BUNDLE_FORMAT, FORMAT) and compiled_with == mujoco.__version__:
                tasks = [
                    Task(suite, item["index"], item["name"], item["instruction"])
                    for suite, items in index["suites"].items()
                    for item in items
                ]
                assets = index["assets"]
                files = {str(name): FileRecord(**record) for name, record in index["files"].items()}
                models = {scene_place(task): str(index["models"][scene_place(task)]) for task in tasks}
                return cls(folder.resolve(), assets["name"], assets.get("version"), tuple(tasks), files, models)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise AssetError(
                f"{folder / BUNDLE_INDEX} cannot be read ({type(error).__name__}: {error}); copy the bundle again, or "
                "write it again: libero-gym bundle --help"
            ) from error
        if formats != (BUNDLE_FORMAT, FORMAT):
            raise AssetError(
                f"the bundle {folder} has format {formats[0]}.{formats[1]}, this libero-gym reads "
                f"{BUNDLE_FORMAT}.{FORMAT}; install libero-gym {index.get('libero_gym')}, or write it again with "
                "this one: libero-gym bundle --help"
            )
        raise AssetError(
            f"the bundle {folder} was compiled with MuJoCo {compiled_with}, this is {mujoco.__version__}; install "
            f"mujoco=={compiled_with}, or write it again with this one: libero-gym bundle --help"
        )

    def __reduce__(self) -> tuple[Callable[[Path], BundledScenes], tuple[Path]]:
        """Pickle it by its folder.

        Scenes that were loaded are a megabyte, more than a pipe holds: a new process would have to be waited for before
        the next could be started.
        """
        return type(self).open, (self.folder,)

    @property
    def assets(self) -> NoReturn:
        """None that are here.

        Raises:
            OptionError: always.
        """
        raise OptionError(f"engine 'robosuite' with the bundle {self.folder}, which holds no assets; allowed: 'native'")

    def suite(self, name: str) -> Suite:
        """Return a suite, with the tasks that the bundle has.

        Raises:
            SuiteError: LIBERO has no such suite; AssetError: the bundle has none of its tasks.
        """
        suite = resolve_suite(name)
        tasks = tuple(task for task in self.tasks if suite in (task.suite, UNION))
        if not tasks:
            raise AssetError(self._lacks(suite))
        if suite == UNION:
            return union(tasks)
        env_id, limit = SUITES[suite]
        return Suite(suite, env_id, limit, tasks)

    def select(self, suite: Suite, task: int | str | Sequence[int | str] | None) -> tuple[Task, ...]:
        """Return the tasks that `task` names; None for those of the suite that the bundle has.

        Raises:
            AssetError: the bundle does not have it; SceneError: files of it are missing or cut short.
        """
        try:
            tasks = suite.select(task)
        except TaskError as error:
            raise AssetError(self._lacks(f"{suite.name} task {task!r}")) from error
        for chosen in tasks:
            self._check_files(chosen)
        return tasks

    def published_states(self, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Return LIBERO's states of a task: for evaluation and others, (M, 1 + nq + nv) float64 each.

        Raises:
            SceneError: the bundle is not whole.
        """
        return self.scene(task).published_states

    def scene(self, task: Task, shifted: str = "") -> BundledScene:
        """Return the compiled scene of a task.

        Raises:
            SceneError: the bundle is not whole.
            AssetError: a shifted scene is asked for, which no bundle has.
        """
        if shifted:
            raise AssetError(
                f"a {shifted} shift needs a scene that the bundle {self.folder} does not have; allowed with it: shifts "
                "of camera, light, robot, language and noise, and swaps. assets='official' and 'builtin' have all"
            )
        if task not in self._scenes:
            self._check_files(task, contents=True)
            place = scene_place(task)
            try:
                loaded = BundledScene.load(self.folder / place)
                scene = replace(loaded, model_sha256=self.models[place])
                _ = scene.published_states, scene.sampled_states  # read now, so that what is wrong shows now
            except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
                raise SceneError(
                    f"the bundle {self.folder} is damaged in {scene_place(task)} ({error}); copy or write it again"
                ) from error
            self._scenes[task] = scene
        return self._scenes[task]

    def _check_files(self, task: Task, *, contents: bool = False) -> None:
        place = scene_place(task)
        for name in (PARTS, *(name for name in self.files if name.startswith(f"{place}/"))):
            path, record = self.folder / name, self.files.get(name)
            size = path.stat().st_size if path.is_file() else None
            if record is None or size != record.size:
                found = "is missing" if size is None else f"has {size} bytes of {record.size if record else 'none'}"
            elif (
                contents and name != PARTS and file_sha256(path) != record.sha256
            ):  # of the parts, a model checks its own
                found = "has other bytes than were written"
            else:
                continue
            raise SceneError(f"the bundle {self.folder} is not whole: {name} {found}; copy or write it again")

    def _lacks(self, what: str) -> str:
        held: dict[str, list[str]] = {}
        for task in self.tasks:
            held.setdefault(task.suite, []).append(str(task.index))
        listed = "; ".join(f"{suite} {', '.join(indices)}" for suite, indices in held.items())
        return (
            f"the bundle {self.folder} does not have {what}; it has {listed}. Write one that does with libero-gym "
            "bundle --suite SUITE --task TASK --out DIR"
        )


def scene_place(task: Task) -> str:
    """Return a task's folder in a bundle."""
    return f"scenes/{task.suite}-{task.index}"
