"""Every task against LIBERO's own environment: `python benchmarks/parity.py --json benchmarks/results/parity.json`.

Of each task: the arrays of the compiled model, the first image of both cameras and the policy's state after the
published state has settled, then random actions: the simulator's state after each, success, and the last images.
LIBERO's side is `tests/libero_gym/oracle.py`, a process for a few tasks. It takes an hour on 2 cores with `--jobs 2`.
Where positions differ by more than 1e-9, LIBERO runs again with the linear algebra of older processors: how far it is
from itself on another machine. A run that was broken off goes on. Scenes of LIBERO's own set take 0.3 GB each in the
cache.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
from compact_json import compact

import libero_gym  # noqa: F401  # registers the environments
from libero_gym.assets import resolve_assets
from libero_gym.render.gl import choose_backend
from libero_gym.tasks import load_suite

ORACLE = Path(__file__).resolve().parents[1] / "tests" / "libero_gym" / "oracle.py"
SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")
SEED = 3
#: Actions from one comparison of states to the next.
CHUNK = 10
#: What positions may differ by before LIBERO is compared with itself; metres and radians.
DRIFT = 1e-9
#: Processors whose routines NumPy's linear algebra can take on every x86-64 machine of today: with AVX, and without.
PROCESSORS = ("Sandybridge", "Prescott")
#: Where MuJoCo keeps the paths of files, and its version.
NOT_READ = {"mesh_pathadr", "tex_pathadr", "nbuffer", "npaths", "paths", "signature"}


def unequal_arrays(ours: Any, theirs: Any) -> list[str]:
    """Return the names of a model's attributes that differ: arrays, sizes, options and names."""
    different = []
    for name in dir(ours):
        mine, other = getattr(ours, name), getattr(theirs, name, None)
        if name.startswith("_") or name in NOT_READ or not isinstance(mine, np.ndarray | int | float | bytes):
            continue
        floats = isinstance(mine, np.ndarray) and mine.dtype.kind == "f"  # normals of flat polygons are not numbers
        if not np.array_equal(mine, other, equal_nan=floats):
            different.append(name)
    return different


def make(assets: Any, task: tuple[str, int], settle: int, **kwargs: Any) -> Any:
    """Make our environment of a task and reset it to its first published state; return it and what it observed."""
    # of the built-in set under its own name, the robot looks coarser than LIBERO's
    where = "official" if assets.name == "official" else assets.folder
    kwargs |= {"task": task[1], "assets": where, "max_episode_steps": -1, "settle_steps": settle}
    env = gymnasium.make(load_suite(task[0]).env_id, **kwargs)
    return env, env.reset(seed=SEED, options={"init_state": 0})[0]


def compare(assets: Any, tasks: list[tuple[str, int]], steps: int, size: int, settle: int) -> list[dict[str, Any]]:
    """Run tasks on both sides and return a row of differences for each."""
    episodes = []
    for suite, index in tasks:
        env, _ = make(assets, (suite, index), settle, cameras=())
        model, bodies = env.unwrapped.model, [fixture.body for fixture in env.unwrapped.world.scene.table.fixtures]
        poses = {model.body(body).name: [*model.body_pos[body], *model.body_quat[body]] for body in bodies}
        episode = {"suite": suite, "index": index, "poses": poses, "sim_state": None, "settle": settle}
        episodes.append({**episode, "steps": steps, "every": steps, "model": True})
        env.close()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (task, expected) in enumerate(zip(tasks, run_libero(assets, episodes, size), strict=True)):
            saved = Path(folder) / "model.mjb"
            saved.write_bytes(expected["model"].tobytes())
            row = {"suite": task[0], "task": task[1]}
            model = mujoco.MjModel.from_binary_path(str(saved))
            row |= compare_states(assets, task, expected, model, steps, settle)
            row |= compare_images(assets, task, expected, steps, size, settle)
            if row["qpos_difference"] > DRIFT and platform.machine() == "x86_64":
                qpos, taken = slice(1, 1 + model.nq), slice(0, row["steps"] + 1)
                row["libero_to_itself"] = {}
                for processor in PROCESSORS:
                    again = run_libero(assets, [episodes[number]], size, OPENBLAS_CORETYPE=processor)[0]
                    parted = again["sim_state"][taken, qpos] - expected["sim_state"][taken, qpos]
                    row["libero_to_itself"][processor] = float(np.abs(parted).max())
            rows.append(row)
    return rows


def run_libero(assets: Any, episodes: list[dict[str, Any]], size: int, **variables: str) -> list[dict[str, np.ndarray]]:
    """Return what LIBERO's own environment gives in episodes, as the oracle describes it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.npz"
        request = {"assets": str(assets.folder), "episodes": episodes, "image_size": size, "out": str(out)}
        subprocess.run(
            [sys.executable, str(ORACLE)],
            input=json.dumps(request),
            env={**os.environ, "MUJOCO_GL": choose_backend(), **variables},
            text=True,
            check=True,
            capture_output=True,
        )
        with np.load(out) as stored:
            keys = ("image", "wrist_image", "state", "sim_state", "done", "model")
            return [{key: stored[f"{number}_{key}"] for key in keys} for number in range(len(episodes))]


def compare_states(
    assets: Any, task: tuple[str, int], expected: Any, model: Any, steps: int, settle: int
) -> dict[str, Any]:
    """Compare models, and states and success over all actions, without images."""
    env, _ = make(assets, task, settle, cameras=(), action_chunk=CHUNK)
    ours = env.unwrapped.world.scene.load_model()
    # where the fixtures stand is a matter of the initial state
    ours.body_pos[:], ours.body_quat[:] = env.unwrapped.model.body_pos, env.unwrapped.model.body_quat
    difference, equal, taken, qpos = 0.0, True, 0, slice(1, 1 + ours.nq)
    for taken in range(0, steps, CHUNK):
        _, _, terminated, _, _ = env.step(random_actions(steps)[taken : taken + CHUNK])
        equal = terminated == bool(expected["done"][taken : taken + CHUNK].any())
        if terminated or not equal:
            break
        parted = env.unwrapped.get_sim_state()[qpos] - expected["sim_state"][taken + CHUNK][qpos]
        difference = max(difference, float(np.abs(parted).max()))
    env.close()
    unequal = unequal_arrays(ours, model)
    return {"model_unequal": unequal, "qpos_difference": difference, "success_equal": equal, "steps": taken + CHUNK}


def compare_images(
    assets: Any, task: tuple[str, int], expected: Any, steps: int, size: int, settle: int
) -> dict[str, Any]:
    """Compare what is observed after the reset, and after all actions where the task does not end before."""
    env, first = make(assets, task, settle, image_size=size, action_chunk=steps)
    state = np.array_equal(first["state"], expected["state"][0].astype(np.float32))
    row: dict[str, Any] = {
        "first_pixels_unequal": _unequal_pixels(first, expected, 0),
        "first_state_equal": bool(state),
    }
    last, _, terminated, _, _ = env.step(random_actions(steps))
    env.close()
    return row | {"last_pixels_unequal": None if terminated else _unequal_pixels(last, expected, -1)}


def random_actions(steps: int) -> np.ndarray:
    """Return the actions that both sides execute, (steps, 7); the oracle makes the same."""
    return np.random.default_rng(0).uniform(-1.0, 1.0, (steps, 7)).astype(np.float32)


def _unequal_pixels(observation: Any, expected: dict[str, Any], step: int) -> int:
    """Return how many pixel values of both cameras differ; LIBERO's images are turned by 180 degrees."""
    pairs = ((observation[key], expected[key][step][::-1, ::-1]) for key in ("image", "wrist_image"))
    return sum(int((ours != theirs).sum()) for ours, theirs in pairs)


def summary(assets: Any, rows: list[dict[str, Any]], options: argparse.Namespace) -> dict[str, Any]:
    """Return the result: what was compared, how many tasks are equal in what, and the rows."""
    return {
        "assets": assets.name,
        "assets_version": assets.version,
        "settling_steps": options.settle,
        "random_actions": options.steps,
        "image_size": options.size,
        "tasks": len(rows),
        "models_equal": sum(not row["model_unequal"] for row in rows),
        "first_frames_equal": sum(row["first_pixels_unequal"] == 0 for row in rows),
        "first_states_equal": sum(row["first_state_equal"] for row in rows),
        "last_frames_equal": sum(row["last_pixels_unequal"] == 0 for row in rows),
        "qpos_difference_at_most_1e-9": sum(row["qpos_difference"] <= DRIFT for row in rows),
        "largest_qpos_difference": max(row["qpos_difference"] for row in rows),
        "successes_equal": sum(row["success_equal"] for row in rows),
        "rows": rows,
    }


def kept_rows(assets: Any, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the rows that an earlier run with the same settings has left in the file."""
    if options.json is None or not options.json.is_file():
        return []
    before = json.loads(options.json.read_text())
    settings = [before[key] for key in ("assets", "assets_version", "settling_steps", "random_actions", "image_size")]
    asked = [assets.name, assets.version, options.settle, options.steps, options.size]
    return before["rows"] if settings == asked else []


def main() -> None:
    """Compare the tasks that were asked for, print a line for each, and write all rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", default="official", help="official, or a folder of LIBERO's layout")
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=SUITES, metavar="SUITE")
    parser.add_argument("--tasks", nargs="+", metavar="SUITE:INDEX", help="these alone, e.g. libero_spatial:6")
    parser.add_argument(
        "--settle", type=int, default=10, help="steps before the first image (default 10, as published)"
    )
    parser.add_argument("--steps", type=int, default=200, help=f"random actions, a multiple of {CHUNK} (default 200)")
    parser.add_argument("--size", type=int, default=256, help="pixels of a side (default 256)")
    parser.add_argument(
        "--jobs", type=int, default=1, help="processes at a time, each with one of LIBERO's (default 1)"
    )
    parser.add_argument("--json", type=Path, help="file for the result; tasks that it has already are left out")
    options = parser.parse_args()
    if options.steps % CHUNK:
        parser.error(f"--steps {options.steps} is not a multiple of {CHUNK}")
    assets = resolve_assets(options.assets)
    rows = kept_rows(assets, options)
    done = {(row["suite"], row["task"]) for row in rows}
    tasks = [(suite, index) for suite in options.suites for index in range(len(load_suite(suite).tasks))]
    named = options.tasks and [(name.partition(":")[0], int(name.partition(":")[2])) for name in options.tasks]
    tasks = [task for task in named or tasks if task not in done]
    parts = [tasks[start : start + 3] for start in range(0, len(tasks), 3)]
    # processes: MuJoCo holds the GIL while it compiles
    with ProcessPoolExecutor(options.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = partial(compare, assets, steps=options.steps, size=options.size, settle=options.settle)
        for part in pool.map(running, parts):
            for row in part:
                print(json.dumps(row), flush=True)
            rows += part
            if options.json:
                options.json.write_text(compact(summary(assets, rows, options)) + "\n")
    print(json.dumps({key: value for key, value in summary(assets, rows, options).items() if key != "rows"}, indent=1))


if __name__ == "__main__":
    main()
