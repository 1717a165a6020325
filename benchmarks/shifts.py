"""Distribution shifts: `python benchmarks/shifts.py cost` and `python benchmarks/shifts.py expert`.

cost    time of a control step with a shift, as a ratio to the same task without, both measured in turn in one
        process: with two 256 px images, and without images
expert  the scripted expert on variants that change the first state or the goal: variant i in initial state i. It goes
        on from what its file has. With --resample a variant that it does not solve is sampled again, up to three
        times, and the package's table of such variants is written.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from compact_json import write_json
from tqdm import tqdm

from libero_gym.env import LiberoEnv
from libero_gym.errors import SceneError
from libero_gym.shift_check import check_variants
from libero_gym.shifts import resampled
from libero_gym.shifts.catalog import CATALOG
from libero_gym.tasks import load_suite

RESULTS = Path(__file__).parent / "results" / "shifts.json"
#: Rounds, each of so many control steps without a shift and with it.
ROUNDS, STEPS = 8, 25
#: How often a variant is sampled again.
TRIES = 3
SUITES = ("libero_spatial", "libero_goal")


def read(path: Path) -> dict[str, Any]:
    """Return what was measured before."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def step_seconds(env: LiberoEnv, actions: np.ndarray) -> float:
    """Return the seconds of a control step, from the beginning of an episode."""
    env.reset(seed=0, options={"init_state": 0})
    begin = time.perf_counter()
    for action in actions:
        env.step(action)
    return (time.perf_counter() - begin) / len(actions)


def cost(assets: str) -> dict[str, Any]:
    """Measure each axis at its highest level on the first task of libero_spatial."""
    actions = np.random.default_rng(0).uniform(-1, 1, (STEPS, 7)).astype(np.float32)
    rows: dict[str, Any] = {}
    for axis in tqdm(CATALOG, desc="cost"):
        row = {}
        for name, cameras in (("with images", ("agentview", "wrist")), ("without images", ())):
            envs = [
                LiberoEnv("libero_spatial", task=0, assets=assets, cameras=cameras, max_episode_steps=-1, shift=shift)
                for shift in (None, f"{axis.name}:{axis.levels}")
            ]
            times = []
            for turn in range(ROUNDS):
                order = (0, 1) if turn % 2 else (1, 0)
                measured = {which: step_seconds(envs[which], actions) for which in order}
                times.append((measured[0], measured[1]))
            without, shifted = ([pair[which] for pair in times] for which in (0, 1))
            row[name] = {
                "ms without": round(1e3 * min(without), 3),
                "ms with": round(1e3 * min(shifted), 3),
                "ratio": round(statistics.median(second / first for first, second in times), 3),
            }
            for env in envs:
                env.close()
        rows[axis.name] = row
    return rows


def expert(figures: dict[str, Any], path: Path, arguments: argparse.Namespace) -> None:
    """Have the expert solve variants that are not in the file yet; write it after each level of an axis."""
    rows: dict[str, Any] = figures.setdefault("expert", {}).setdefault(arguments.assets, {})
    jobs = [
        (task, axis, level)
        for suite in arguments.suites
        for task in load_suite(suite).tasks
        for axis in CATALOG
        if axis.moves and axis.name in (arguments.axes or (axis.name,))
        for level in range(1, axis.levels + 1)
    ]
    for task, axis, level in tqdm(jobs, desc="expert"):
        row = rows.setdefault(f"{task.suite}/{task.index}", {}).setdefault(f"{axis.name}:{level}", {})
        left = [variant for variant in range(arguments.variants) if str(variant) not in row]
        if not left or "refused" in row:
            continue
        try:
            results = check_variants(task, axis.name, level, left, arguments.assets)
        except SceneError as error:
            row["refused"] = str(error)
            write_json(path, figures)
            continue
        for variant, (name, result) in zip(left, results.items(), strict=True):
            row[str(variant)] = {"solved": result.success, "steps": result.steps, "sampled_again": 0}
            tries = TRIES if arguments.resample and not result.success else 0
            for again in range(1, tries + 1):
                resampled.table().setdefault(f"{task.suite}/{task.index}", {})[name] = again
                (result,) = check_variants(task, axis.name, level, [variant], arguments.assets).values()
                row[str(variant)] = {"solved": result.success, "steps": result.steps, "sampled_again": again}
                if result.success:
                    break
        write_json(path, figures)
        if arguments.resample:
            table = Path(resampled.__file__).parent / "data" / "resampled.json"
            table.write_text(json.dumps(resampled.table(), indent=1, sort_keys=True) + "\n")


def summary(figures: dict[str, Any]) -> str:
    """Return tables of what was measured."""
    lines = [
        f"{axis:18}" + "   ".join(f"{name}: {row[name]['ratio']:.3f}" for name in row)
        for axis, row in figures.get("cost", {}).get("axes", {}).items()
    ]
    for assets, tasks in figures.get("expert", {}).items():
        sums: dict[str, list[int]] = {}
        for rows in tasks.values():
            for shift, variants in rows.items():
                for result in variants.values() if "refused" not in variants else ():
                    solved, first, tried = sums.setdefault(shift, [0, 0, 0])
                    again = result["sampled_again"]
                    sums[shift] = [solved + result["solved"], first + (result["solved"] and not again), tried + 1]
        lines += [
            f"{assets:10} {shift:18} solved {solved}/{tried} ({first} at the first sample)"
            for shift, (solved, first, tried) in sums.items()
        ]
    return "\n".join(lines)


def main() -> None:
    """Measure what was asked for, write the file, print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cost", "expert", "show"))
    parser.add_argument("--assets", default="builtin")
    parser.add_argument("--suites", nargs="+", default=SUITES, help="of the expert's tasks")
    parser.add_argument("--axes", nargs="+", default=(), help="of the expert's; all that move something by default")
    parser.add_argument("--variants", type=int, default=2, help="of each level, at most 50")
    parser.add_argument("--resample", action="store_true", help="sample again what is not solved, and keep that")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    figures = read(arguments.json)
    if arguments.what == "cost":
        figures["cost"] = {"assets": arguments.assets, "axes": cost(arguments.assets)}
        write_json(arguments.json, figures)
    elif arguments.what == "expert":
        expert(figures, arguments.json, arguments)
    print(summary(figures))


if __name__ == "__main__":
    main()
