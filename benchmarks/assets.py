"""The built-in asset set against a folder of LIBERO's own: `python benchmarks/assets.py --assets DIR`.

Object by object: bounding boxes, masses, inertia, sites, joint ranges, resting heights. Task by task: what every
published initial state does while the arm keeps still, and where the same recorded actions lead. Tables list the worst
first; the whole is written as JSON. What was measured is kept in `--work`, so that a broken-off run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from asset_measures import MOVED, category, drawing_ratios, measure_task
from compact_json import write_json
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from libero_gym.assets import resolve_assets
from libero_gym.scene import compiled_scene
from libero_gym.scene.cache import scene_folder
from libero_gym.tasks import load_suite

SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")
Results = dict[tuple[str, int], dict[str, Any]]


def measured(suite: str, index: int, assets: str, work: Path) -> tuple[str, int, dict[str, Any]]:
    """One task on one set, from an earlier run's file or now; a scene compiled for it is removed afterwards."""
    chosen, task = resolve_assets(assets), load_suite(suite).tasks[index]
    file = work / f"{chosen.name}-{chosen.fingerprint[:12]}-{suite}-{index}.json"
    if not file.is_file():
        folder = scene_folder(task, chosen)
        was_there = folder.is_dir()
        result = measure_task(task, compiled_scene(task, chosen))
        partial = file.with_suffix(".part")
        partial.write_text(json.dumps(result))
        partial.rename(file)
        if not was_there:
            compiled_scene.cache_clear()
            shutil.rmtree(folder, ignore_errors=True)
    return suite, index, json.loads(file.read_text())


def measure(suites: Iterable[str], assets: str, work: Path, workers: int) -> Results:
    """Every task of the suites on one set."""
    tasks = [(suite, task.index) for suite in suites for task in load_suite(suite).tasks]
    results: Results = {}
    with Progress(console=Console(stderr=True)) as progress, ProcessPoolExecutor(workers) as pool:
        bar = progress.add_task(resolve_assets(assets).name, total=len(tasks))
        jobs = [pool.submit(measured, suite, index, assets, work) for suite, index in tasks]
        for job in as_completed(jobs):
            suite, index, result = job.result()
            results[suite, index] = result
            progress.advance(bar)
    return {key: results[key] for key in tasks}


def drawing(suites: Iterable[str], assets: str) -> dict[str, dict[str, float]]:
    """A task of each suite -> how many times faster the built-in scene is drawn, by quality."""
    rows = {}
    for suite in suites:
        task = load_suite(suite).tasks[3]
        scenes = [compiled_scene(task, resolve_assets(name)) for name in ("builtin", assets)]
        rows[f"{suite} {task.index}"] = drawing_ratios(task, *scenes)
    return rows


def compare_objects(ours: Results, theirs: Results) -> dict[str, dict[str, Any]]:
    """Category -> differences of the built-in object from the official one."""
    pairs: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for key, result in ours.items():
        for name, numbers in result["objects"].items():
            if name in theirs[key]["objects"]:
                pairs.setdefault(name, (numbers, theirs[key]["objects"][name]))
    heights = _heights(ours, theirs)
    return {name: {**_differences(*pair), "rest": heights.get(name, 0.0)} for name, pair in pairs.items()}


def _differences(mine: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    def edges(key: str) -> tuple[float, float]:
        """Largest distance of two sides of the boxes, and the largest part of the tolerance (5 % or 3 mm) it takes."""
        if mine[key] is None or other[key] is None:
            return 0.0, 0.0
        a, b = np.array(mine[key]), np.array(other[key])
        allowed = np.maximum(0.003, 0.05 * (b[1] - b[0]))
        return float(np.abs(a - b).max()), float((np.abs(a - b) / allowed).max())

    def named(key: str, part: slice) -> float:
        """Largest difference over the sites or joints that both have."""
        pairs = [(mine[key][name][part], other[key][name][part]) for name in mine[key].keys() & other[key].keys()]
        return max((float(np.abs(np.subtract(a, b)).max()) for a, b in pairs), default=0.0)

    mass, official = sum(mine["mass"].values()), sum(other["mass"].values())
    inertia, true_inertia = np.array(mine["inertia"]), np.array(other["inertia"])
    known = true_inertia > 1e-12
    absent = [name for key in ("sites", "joints") for name in other[key].keys() - mine[key].keys()]
    return {
        "free": mine["free"],
        "seen": edges("seen"),
        "touched": edges("touched"),
        "mass": mass / official - 1 if official else 0.0,
        "centre": float(np.abs(np.subtract(mine["centre"], other["centre"])).max()),
        "inertia": float(np.abs(inertia[known] / true_inertia[known] - 1).max(initial=0.0)),
        "joints": named("joints", slice(None)),
        "sites": named("sites", slice(0, 3)),
        "site_sizes": named("sites", slice(3, None)),
        "absent": sorted(absent),
        "faces": (mine["faces"], other["faces"]),
        "shapes": (mine["shapes"], other["shapes"]),
    }


def _heights(ours: Results, theirs: Results) -> dict[str, float]:
    """Category -> median difference of the resting height over all published states of all tasks."""
    found: dict[str, list[float]] = {}
    for key, result in ours.items():
        for mine, other in zip(result["settle"], theirs[key]["settle"], strict=True):
            for name, height in mine["height"].items():
                found.setdefault(category(name), []).append(height - other["height"][name])
    return {name: float(np.median(values)) for name, values in found.items()}


def settling(results: Results) -> dict[str, dict[str, Any]]:
    """Task -> its published states, those in which all objects stayed, and what moved in the others."""
    rows = {}
    for (suite, index), result in results.items():
        astray: dict[str, int] = {}
        stayed = 0
        for state in result["settle"]:
            gone = {name for name, way in state["moved"].items() if way > MOVED} | set(state["lost"])
            stayed += not gone and state["valid"]
            for name in gone:
                astray[name] = astray.get(name, 0) + 1
        rows[f"{suite} {index}"] = {"states": len(result["settle"]), "stayed": stayed, "astray": astray}
    return rows


def episodes(ours: Results, theirs: Results) -> dict[str, dict[str, float]]:
    """Task -> how far apart the same actions end on the two sets, metres."""
    rows = {}
    for key, result in ours.items():
        mine, other = result["episode"], theirs[key]["episode"]
        objects = [np.linalg.norm(np.subtract(at, other["objects"][name])) for name, at in mine["objects"].items()]
        hand = np.linalg.norm(np.subtract(mine["eef"], other["eef"]), axis=1)
        rows[f"{key[0]} {key[1]}"] = {"hand": float(hand.max()), "objects": float(max(objects, default=0.0))}
    return rows


def report(figures: dict[str, Any], console: Console, shown: int) -> None:
    """The tables, worst first."""
    table = Table(title=f"objects: {figures['sets'][0]} against {figures['sets'][1]}")
    for column in (
        "object",
        "seen mm",
        "touched mm",
        "mass %",
        "centre mm",
        "inertia %",
        "sites mm",
        "joints",
        "rest mm",
    ):
        table.add_column(column, justify="left" if column == "object" else "right")
    table.add_column("faces", justify="right")
    for name, row in sorted(figures["objects"].items(), key=lambda item: -item[1]["seen"][1]):
        lengths = [1e3 * row[key] for key in ("centre", "sites")]
        table.add_row(
            name if row["free"] else f"{name} (fixture)",
            *(f"{1e3 * row[key][0]:.1f}" + ("" if row[key][1] <= 1 else " !") for key in ("seen", "touched")),
            f"{100 * row['mass']:+.1f}",
            f"{lengths[0]:.1f}",
            f"{100 * row['inertia']:.0f}",
            f"{lengths[1]:.1f}" + (f" lacks {', '.join(row['absent'])}" if row["absent"] else ""),
            f"{row['joints']:.4f}",
            f"{1e3 * row['rest']:+.1f}",
            "{} of {}".format(*row["faces"]),
        )
    console.print(table)
    console.print("seen, touched: largest distance of two sides of the boxes; ! where it is more than 5 % and 3 mm.")
    table = Table("task", "stayed", "officially", "went astray (states)", title="published states after 50 steps")
    ours, theirs = figures["settling"]["builtin"], figures["settling"]["official"]
    for task, row in sorted(ours.items(), key=lambda item: item[1]["stayed"])[:shown]:
        astray = ", ".join(f"{name} {count}" for name, count in sorted(row["astray"].items()))
        table.add_row(task, f"{row['stayed']}/{row['states']}", f"{theirs[task]['stayed']}/{row['states']}", astray)
    console.print(table)
    table = Table("suite", "stayed", "officially", title="in all")
    for suite, (mine, other, states) in figures["stayed"].items():
        table.add_row(suite, f"{mine} of {states}: {mine / states:.1%}", f"{other} of {states}: {other / states:.1%}")
    console.print(table)
    table = Table("task", "reference", "fast", title="times as fast to draw as the official scene")
    for task, speeds in figures["drawing"].items():
        table.add_row(task, f"{speeds['reference']:.1f}", f"{speeds['fast']:.1f}")
    console.print(table)
    table = Table("task", "hand mm", "objects mm", title="the same 100 actions on both sets: largest distance")
    for task, row in sorted(figures["episodes"].items(), key=lambda item: -item[1]["hand"])[:shown]:
        table.add_row(task, f"{1e3 * row['hand']:.1f}", f"{1e3 * row['objects']:.1f}")
    console.print(table)


def totals(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, list[int]]:
    """Suite -> states in which all stayed, the same on the official set, states in all."""
    rows: dict[str, list[int]] = {}
    for task, row in ours.items():
        for name in (task.split()[0], "all"):
            total = rows.setdefault(name, [0, 0, 0])
            for slot, value in enumerate((row["stayed"], theirs[task]["stayed"], row["states"])):
                total[slot] += value
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", required=True, help="a folder of LIBERO's own assets")
    parser.add_argument("--suite", action="append", choices=SUITES, help="all five where it is not given")
    parser.add_argument("--work", type=Path, default=Path("asset-measures"), help="measured tasks, for going on")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--rows", type=int, default=20, help="tasks in a table")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    suites = given.suite or SUITES
    theirs = measure(suites, given.assets, given.work, given.workers)
    ours = measure(suites, "builtin", given.work, given.workers)
    settled = {"builtin": settling(ours), "official": settling(theirs)}
    figures = {
        "sets": [resolve_assets("builtin").name, resolve_assets(given.assets).name],
        "objects": compare_objects(ours, theirs),
        "settling": settled,
        "stayed": totals(settled["builtin"], settled["official"]),
        "drawing": drawing(suites, given.assets),
        "episodes": episodes(ours, theirs),
    }
    if given.json:
        write_json(given.json, figures)
    report(figures, Console(width=150), given.rows)


if __name__ == "__main__":
    main()
