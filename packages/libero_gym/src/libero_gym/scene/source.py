"""Where scenes come from: built here from an asset set, or a bundle of them that was made elsewhere.

assets=  -->  scene_source  -+->  InstalledScenes   task definitions + assets -> compiled once into the cache
                             +->  BundledScenes     a folder of compiled scenes; nothing else is needed
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from libero_gym.assets.source import SOURCES, AssetSet, choose_auto, is_bundle, resolve_assets
from libero_gym.scene.bundle import BundledScenes
from libero_gym.scene.cache import compiled_scene
from libero_gym.scene.compiled import CompiledScene
from libero_gym.tasks.init_states import published_states
from libero_gym.tasks.suites import Suite, Task, load_suite


class SceneSource(Protocol):
    """Tasks with their scenes and published initial states."""

    @property
    def name(self) -> str:
        """The asset set that the scenes are made from."""

    @property
    def version(self) -> str | None:
        """What tells asset sets of one name apart; None where it is not known."""

    @property
    def assets(self) -> AssetSet:
        """What LIBERO itself builds the scenes from, where it is here."""

    def suite(self, name: str) -> Suite:
        """Return a suite, with the tasks that there are scenes for."""

    def select(self, suite: Suite, task: int | str | Sequence[int | str] | None) -> tuple[Task, ...]:
        """Return the tasks that a `task=` argument names; see `Suite.select`."""

    def published_states(self, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Return LIBERO's states of a task: for evaluation and others, (M, 1 + nq + nv) float64 each, read-only."""

    def scene(self, task: Task, shifted: str = "") -> CompiledScene:
        """Return the compiled scene of a task, or a shifted one, see `scene.shift_table`."""


@dataclass(frozen=True)
class InstalledScenes:
    """What an asset set gives: any task, compiled at its first use."""

    named: str | Path
    """The `assets=` argument; resolved when the tasks are known to be right, because that may download."""

    @functools.cached_property
    def assets(self) -> AssetSet:
        """The asset set.

        Raises:
            AssetError: see `resolve_assets`.
        """
        return resolve_assets(self.named)

    @property
    def name(self) -> str:
        """The asset set's name."""
        return self.assets.name

    @property
    def version(self) -> str:
        """The asset set's version."""
        return self.assets.version

    def suite(self, name: str) -> Suite:
        """Return a whole suite.

        Raises:
            SuiteError: no such suite.
        """
        return load_suite(name)

    def select(self, suite: Suite, task: int | str | Sequence[int | str] | None) -> tuple[Task, ...]:
        """Return the tasks that `task` names.

        Raises:
            TaskError: the suite does not have it.
            AssetError: there is no such asset set.
        """
        _ = self.assets  # raises now if there is no such set
        return suite.select(task)

    def published_states(self, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Return LIBERO's states of a task."""
        return published_states(task)

    def scene(self, task: Task, shifted: str = "") -> CompiledScene:
        """Return the compiled scene of a task, or a shifted one, from the cache, or compiled into it.

        Raises:
            SceneError, AssetError: it cannot be compiled.
        """
        return compiled_scene(task, self.assets, shifted)


@dataclass(frozen=True)
class DerivedScenes:
    """What sources of other tasks than LIBERO's share: their scenes are compiled here, from an installed asset set."""

    installed: InstalledScenes

    @property
    def assets(self) -> AssetSet:
        """The asset set; see `InstalledScenes`."""
        return self.installed.assets

    @property
    def name(self) -> str:
        """The asset set's name."""
        return self.installed.name

    @property
    def version(self) -> str:
        """The asset set's version."""
        return self.installed.version

    def scene(self, task: Task, shifted: str = "") -> CompiledScene:
        """Return the compiled scene of a task, or a shifted one, from the cache, or compiled into it.

        Raises:
            SceneError: it cannot be compiled.
        """
        return self.installed.scene(task, shifted)


def scene_source(assets: str | Path = "auto") -> SceneSource:
    """Return the source that an `assets=` argument names: a bundle's folder, or what `resolve_assets` takes.

    Raises:
        AssetError: a bundle that cannot be used here.
    """
    named = choose_auto().named if assets == "auto" else assets
    if named not in SOURCES and is_bundle(folder := Path(named).expanduser()):
        return BundledScenes.open(folder)
    return InstalledScenes(assets)
