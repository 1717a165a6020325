"""LIBERO-PRO's tasks in place of LIBERO's: a source of scenes with its definitions and its initial states.

shift="pro:KIND" --pro_files--> definitions, states --> ProTask --scene.compile--> scenes

LIBERO-PRO (Zhou et al. 2025, arXiv:2510.03827) has, for four suites of ten tasks, four kinds of variants: "lan" says
the instruction otherwise, "object" has other objects, "swap" puts objects elsewhere, "task" asks for another goal. A
variant has the name, the place in its suite and the time limit of LIBERO's task.

The instruction is the sentence in the variant's file, in small letters, and not what the file's name says, which is
LIBERO's unchanged: LIBERO-PRO's evaluation prompts a policy with `env.language_instruction` (its repository at commit
8af465d, `libero/evaluation/runner.py`), and its authors ask other evaluations to do so (its issue 14, 2026-01-09). For
"object" and "swap" that is the sentence of LIBERO's own file, which for the suites spatial, object and goal is not
always the one that policies were trained with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from libero_gym.assets.official import INSTALL as INSTALL_ASSETS
from libero_gym.assets.source import BUILTIN_PREFIX
from libero_gym.errors import AssetError, InitStateError, OptionError, unknown
from libero_gym.scene.compiled import CompiledScene
from libero_gym.scene.scene_object import categories, pro_categories
from libero_gym.scene.source import DerivedScenes, InstalledScenes, scene_source
from libero_gym.scene.workspace import workspace_of
from libero_gym.shifts.pro_files import pro_folder, read_definition, read_init_states
from libero_gym.shifts.request import ProFiles
from libero_gym.tasks.pro import ProTask
from libero_gym.tasks.suites import RUNNABLE, Suite, Task, load_suite

#: LIBERO's suites that LIBERO-PRO has variants of.
PRO_SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")


@dataclass(frozen=True)
class ProScenes(DerivedScenes):
    """A `SceneSource` with the scenes of one suite of LIBERO-PRO, compiled here."""

    tasks: tuple[ProTask, ...]
    states: Mapping[str, np.ndarray] = field(compare=False, repr=False)
    """Of each task, by its name: (M, 1 + nq + nv) float64, read-only."""
    files: Mapping[str, Path] = field(compare=False, repr=False)
    """Where they were read from."""

    def suite(self, name: str) -> Suite:
        """Return LIBERO's suite with LIBERO-PRO's tasks."""
        suite = load_suite(name)
        return Suite(suite.name, suite.env_id, suite.max_episode_steps, self.tasks)

    def select(self, suite: Suite, task: int | str | Sequence[int | str] | None) -> tuple[Task, ...]:
        """Return the tasks that `task` names.

        Raises:
            TaskError: the suite does not have it.
            AssetError: there is no such asset set, or it lacks an object of a task.
        """
        chosen = suite.select(task)
        for pro_task in chosen:
            self._check_objects(pro_task)
        return chosen

    def published_states(self, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Return LIBERO-PRO's states of a task, and none for training, because it has none."""
        states = self.states[task.name]
        return states, np.empty((0, states.shape[1]))

    def scene(self, task: Task, shifted: str = "") -> CompiledScene:
        """Return the compiled scene of a task, or a shifted one, from the cache, or compiled into it.

        Raises:
            SceneError: it cannot be compiled.
            InitStateError: the task's initial states are of another scene.
        """
        scene = super().scene(task, shifted)
        size, found = scene.sampled_states.shape[1], self.states[task.name].shape[1]
        if found != size:
            raise InitStateError(
                f"{self.files[task.name]} has states of {found} values; {task.suite} task {task.index} has {size}: "
                "[time, qpos, qvel]"
            )
        return scene

    def _check_objects(self, task: Task) -> None:
        """Check that the asset set has the objects of a task.

        Raises:
            AssetError: it lacks one.
        """
        assets, definition = self.assets, task.definition
        workspace = workspace_of(definition.problem).category
        for category in sorted({*definition.objects.values(), *definition.fixtures.values()} - {workspace}):
            known = categories().get(category) or pro_categories().get(category)
            if known is None:
                message = unknown(AssetError, "category", category, [*categories(), *pro_categories()])
                raise AssetError(f"LIBERO-PRO's {task.suite} task {task.index} ({task.name}) has an {message}")
            if not (assets.folder / known.file).is_file():
                instead = "assets='official'" if assets.name.startswith(BUILTIN_PREFIX) else INSTALL_ASSETS
                raise AssetError(
                    f"the asset set {assets.name!r} has no {category} ({known.file}), which LIBERO-PRO's {task.suite} "
                    f"task {task.index} ({task.name}) needs; LIBERO-PRO's objects come with {instead}"
                )


def pro_scenes(assets: str | Path, suite: str, files: ProFiles) -> ProScenes:
    """Return the scenes of one suite of LIBERO-PRO.

    Args:
        assets: the `assets=` argument; no bundle.
        suite: LIBERO's, e.g. "libero_spatial".
        files: the kind, and where the files are.

    Raises:
        OptionError: LIBERO-PRO has no such suite.
        AssetError: a bundle, or LIBERO-PRO's files are not here.
        BddlError, InitStateError: a file is malformed.
    """
    if suite not in PRO_SUITES:
        place = RUNNABLE[suite][0] if suite in RUNNABLE else suite
        allowed = ", ".join(RUNNABLE[name][0] for name in PRO_SUITES)
        raise OptionError(f"shift 'pro:{files.kind}' in {place}; LIBERO-PRO has variants of {allowed}")
    installed = scene_source(assets)
    if not isinstance(installed, InstalledScenes):
        raise AssetError(
            f"assets {str(assets)!r} with shift 'pro:{files.kind}' is a bundle, which has scenes of LIBERO's tasks "
            "only; allowed: 'auto', 'official', 'builtin' or a folder of assets"
        )
    pro_suite = f"{suite}_{files.kind}"
    folder = pro_folder(files.folder, pro_suite)
    tasks, states, paths = [], {}, {}
    for task in load_suite(suite).tasks:
        definition = read_definition(folder / "bddl_files" / pro_suite / f"{task.name}.bddl")
        states[task.name], paths[task.name] = read_init_states(folder, pro_suite, task.name)
        content = hashlib.sha256(repr(definition).encode() + states[task.name].tobytes())
        tasks.append(
            ProTask(
                suite=suite,
                index=task.index,
                name=task.name,
                instruction=definition.language,
                pro_definition=definition,
                sha256=content.hexdigest(),
            )
        )
    return ProScenes(installed, tuple(tasks), states, paths)
