"""Write the data files that scenes are built from, from LIBERO's own files: `uv run python scripts/task_data.py`.

tasks/data/tasks.json        the 130 tasks, from the BDDL files of hf-libero
tasks/data/init_states.zip   their published initial states
tasks/data/categories.json   what a category of objects is, from LIBERO's classes

It needs hf-libero and robosuite, which the package itself does not.
"""

from __future__ import annotations

import ast
import inspect
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.assets.source import resolve_assets
from libero_gym.scene.libero_import import import_libero, libero_folder
from libero_gym.tasks.bddl import parse_definition
from libero_gym.tasks.init_files import read_states
from libero_gym.tasks.init_states import PUBLISHED, pack_states
from libero_gym.tasks.suites import SUITES

DATA = Path(__file__).resolve().parents[1] / "packages" / "libero_gym" / "src" / "libero_gym" / "tasks" / "data"
#: A date for all members, so that the same states make the same file.
EPOCH = (1980, 1, 1, 0, 0, 0)


def task_names() -> dict[str, list[str]]:
    """Return the tasks of each suite in LIBERO's published order."""
    source = (libero_folder() / "benchmark" / "libero_suite_task_map.py").read_text()
    (table,) = (node.value for node in ast.parse(source).body if isinstance(node, ast.Assign))
    names = ast.literal_eval(table)
    return {suite: names[suite] for suite in SUITES}


def write_tasks() -> None:
    """Write the definitions of all tasks, a line each."""
    lines = []
    for suite, names in task_names().items():
        for name in names:
            text = (libero_folder() / "bddl_files" / suite / f"{name}.bddl").read_text()
            definition = {"suite": suite, "name": name, **asdict(parse_definition(text))}
            lines.append(json.dumps(definition, separators=(",", ":")))
    (DATA / "tasks.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


def write_states() -> None:
    """Write the published states: of each task those of the evaluation, and those that only its longer file has."""
    with zipfile.ZipFile(DATA / PUBLISHED, "w", zipfile.ZIP_LZMA) as archive:
        for suite, names in task_names().items():
            for name in names:
                path = libero_folder() / "init_files" / suite / f"{name}.pruned_init"
                evaluation, longer = read_states(path), path.with_suffix(".init")
                seen = {state.tobytes() for state in evaluation}
                others = [
                    state for state in (read_states(longer) if longer.exists() else ()) if state.tobytes() not in seen
                ]
                train = np.array(others).reshape(-1, evaluation.shape[1])
                for split, states in (("eval", evaluation), ("train", train)):
                    info = zipfile.ZipInfo(f"{suite}/{name}/{split}", EPOCH)
                    info.compress_type = zipfile.ZIP_LZMA
                    archive.writestr(info, pack_states(states))


def conditions(item: Any, bounds: set[float]) -> dict[str, tuple[str, float]]:
    """Find the joint conditions of an articulated object by calling its own methods on both sides of its bounds."""
    found: dict[str, tuple[str, float]] = {}
    for name, method in {"open": "is_open", "close": "is_close", "turnon": "turn_on", "turnoff": "turn_off"}.items():
        holds = getattr(item, method, None)
        for bound in sorted(bounds):
            try:
                below, at, above = (holds(bound + step) for step in (-1e-9, 0.0, 1e-9))
            except (TypeError, NotImplementedError, ValueError):  # none, the base class's, or max() of no bounds
                break
            if below != above:
                found[name] = (("<=" if at else "<") if below else (">=" if at else ">"), bound)
                break
    return found


def category_entry(item: Any, folder: Path) -> dict[str, Any]:
    """Return what LIBERO's class of a category says, of one made of it.

    Args:
        item: an object of the class.
        folder: of the asset set that it was read from.
    """
    properties, rotation = item.object_properties, item.rotation
    articulation = properties.get("articulation", {})
    ranges = {key.split("_")[1]: list(bounds) for key, bounds in articulation.items() if bounds}
    return {
        "file": str(Path(item.file).relative_to(folder)),
        "rotation": rotation if isinstance(rotation, dict) else {item.rotation_axis: rotation},
        "conditions": conditions(item, {bound for bounds in ranges.values() for bound in bounds}),
        "ranges": ranges,
        "indicators": list(properties["vis_site_names"]),
    }


def write_table(name: str, entries: dict[str, Any]) -> None:
    """Write a table of categories, a line each."""
    lines = [f"{json.dumps(category)}: {json.dumps(entry)}" for category, entry in entries.items()]
    (DATA / name).write_text("{\n" + ",\n".join(lines) + "\n}\n")


def write_categories() -> None:
    """Write what LIBERO's class of each category says: its file, its rotation at first, and its conditions."""
    folder = resolve_assets("builtin").folder
    import_libero(folder)
    from libero.libero.envs.objects import OBJECTS_DICT

    categories: dict[str, Any] = {}
    for category, made in sorted(OBJECTS_DICT.items()):
        if "obj_name" not in inspect.signature(made.__init__).parameters:
            continue  # a zone is no object
        try:
            item = made(name="item")
        except FileNotFoundError:
            continue  # of no task, and in no asset set
        categories[category] = category_entry(item, folder)
    write_table("categories.json", categories)


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    write_tasks()
    write_states()
    write_categories()
