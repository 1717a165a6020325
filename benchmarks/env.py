"""libero_gym against LIBERO's own environment and bare MuJoCo in one run: `python benchmarks/env.py --assets DIR`.

Every ratio is of two sides measured in turn, A B A B ..., on the same task and machine; the median over the pairs is
reported with its range. LIBERO runs in a child process (`libero_peer.py`), because robosuite takes a process's OpenGL.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
from compact_json import write_json
from libero_peer import CAMERAS, actions
from rich.console import Console
from rich.table import Table

from libero_gym.assets import resolve_assets
from libero_gym.engine.mujoco_calls import copy_data
from libero_gym.engine.shared_model import SOLVER_TOLERANCE, SharedModel
from libero_gym.engine.world import World
from libero_gym.episode import SETTLE_ACTION
from libero_gym.render.gl import choose_backend
from libero_gym.render.renderer import Renderer
from libero_gym.scene import compiled_scene
from libero_gym.scene.fixtures import FixturePoses
from libero_gym.tasks import load_suite
from libero_gym.tasks.init_states import published_states

SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")
SIZE, CHUNK = 128, 8


class Peer:
    """The child process."""

    def __init__(self, assets: Path) -> None:
        command = [sys.executable, str(Path(__file__).with_name("libero_peer.py")), str(assets), choose_backend()]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __call__(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def timed(job: Callable[[], object]) -> float:
    """Seconds that a job takes."""
    begin = time.perf_counter()
    job()
    return time.perf_counter() - begin


def paired(ours: Callable[[], float], theirs: Callable[[], float], pairs: int) -> dict[str, float]:
    """theirs / ours over alternating pairs."""
    ours()
    rows = [(ours(), theirs()) for _ in range(pairs)]
    ratios = [b / a for a, b in rows]
    return {
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "ours_seconds": statistics.median(a for a, _ in rows),
        "theirs_seconds": statistics.median(b for _, b in rows),
    }


def parity(peer: Peer, assets: Any, steps: int) -> dict[str, Any]:
    """Over random actions after settling, every suite: largest difference of qpos, success flags, and how many of the
    frames and state values that LIBERO's `step` returned are not ours to the last bit."""
    rows = {}
    for suite in SUITES:
        task = load_suite(suite).tasks[0]
        peer("build", suite=suite, index=0, camera_obs=True, size=SIZE)
        with tempfile.TemporaryDirectory() as folder:
            out = str(Path(folder) / "trajectory.npz")
            peer("trajectory", steps=steps, out=out)
            expected = dict(np.load(out))
        world = World(SharedModel.load(compiled_scene(task, assets)))
        poses = FixturePoses(expected["fixtures"], expected["fixture_pos"], expected["fixture_quat"])
        world.reset(published_states(task)[0][0], poses)
        for _ in range(10):
            world.step(SETTLE_ACTION)
        difference, equal, nq = 0.0, True, world.model.nq
        frames, values, raw = 0, 0, np.empty((SIZE, SIZE, 3), dtype=np.uint8)
        for step, action in enumerate(actions(steps)):
            world.step(action)
            difference = max(difference, float(np.abs(world.data.qpos - expected["states"][step][1 : 1 + nq]).max()))
            equal &= world.success() == bool(expected["success"][step])
            values += int((world.proprioception() != expected["proprioception"][step].astype(np.float32)).sum())
            for camera in CAMERAS:
                Renderer.of_thread().render(world, camera, raw)
                frames += not np.array_equal(raw, expected[camera][step])
        Renderer.of_thread().release(world.shared)
        rows[suite] = {
            "qpos_difference": difference,
            "success_equal": equal,
            "frames_unequal": frames,
            "frames": 2 * steps,
            "state_values_unequal": values,
            "state_values": 8 * steps,
        }
    return rows


def speed(peer: Peer, assets: Any, pairs: int) -> dict[str, Any]:
    """Steps, chunks and resets against LIBERO and against bare MuJoCo, on libero_spatial task 0."""
    suite, task = "libero_spatial", load_suite("libero_spatial").tasks[0]
    shared = SharedModel.load(compiled_scene(task, assets))
    world = World(shared)
    moves = actions(50)
    results: dict[str, Any] = {}

    kwargs = {"task": 0, "assets": str(assets.folder), "split": "eval"}
    state_env = gymnasium.make(f"{load_suite(suite).env_id}", cameras=[], **kwargs)
    start = {"seed": 7, "options": {"init_state": 0}}

    def ours_steps() -> float:
        state_env.reset(**start)
        return timed(lambda: [state_env.step(move.astype(np.float32)) for move in moves])

    def their_steps() -> float:
        peer("reset")
        return float(peer("steps", count=len(moves))["seconds"])

    peer("build", suite=suite, index=0, camera_obs=False, size=SIZE)
    results["state_only_against_libero"] = paired(ours_steps, their_steps, pairs)

    # The same states: physics runs from where each control step began, with the controls that it ended with.
    state_env.reset(**start)
    inner = state_env.unwrapped._episode.world
    bare_data = mujoco.MjData(world.model)

    def native_and_bare() -> tuple[float, float]:
        native, bare = 0.0, 0.0
        state_env.reset(**start)
        for move in moves:
            copy_data(bare_data._address, inner.model._address, inner.data._address)
            native += timed(lambda move=move: inner.step(move))
            bare_data.ctrl[:] = inner.data.ctrl
            # Bare MuJoCo as LIBERO's model has it, with the looser tolerance of its solver.
            inner.model.opt.tolerance = 1e-8
            bare += timed(lambda: mujoco.mj_step(inner.model, bare_data, 25))
            inner.model.opt.tolerance = SOLVER_TOLERANCE
        return native, bare

    native_and_bare()
    rows = [native_and_bare() for _ in range(pairs)]
    ratios = [bare / native for native, bare in rows]
    results["state_only_against_bare_mujoco"] = {
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "ours_seconds": statistics.median(native for native, _ in rows),
        "theirs_seconds": statistics.median(bare for _, bare in rows),
    }

    peer("build", suite=suite, index=0, camera_obs=True, size=SIZE)
    chunk = moves[:CHUNK].astype(np.float32)
    for quality in ("reference", "fast"):
        env = gymnasium.make(
            load_suite(suite).env_id, action_chunk=CHUNK, image_size=SIZE, render_quality=quality, **kwargs
        )

        def ours_chunk(env: Any = env) -> float:
            env.reset(**start)
            return timed(lambda: env.step(chunk))

        def their_chunk() -> float:
            peer("reset")
            return float(peer("steps", count=CHUNK)["seconds"])

        results[f"chunk_{quality}"] = paired(ours_chunk, their_chunk, pairs)
        if quality == "reference":
            results["reset_to_known_start"] = paired(
                lambda env=env: timed(lambda: env.reset(**start)), lambda: float(peer("reset")["seconds"]), pairs
            )
        env.close()
    return results


def threads(assets: Any, pairs: int) -> dict[str, float]:
    """Control steps a second of two threads against one, state only."""
    count, chunk = 8, actions(CHUNK * 4).astype(np.float32).reshape(4, CHUNK, 7)

    def run(workers: int) -> Callable[[], float]:
        envs = gymnasium.make_vec(
            "libero_gym:libero/Spatial-v0",
            num_envs=count,
            vectorization_mode="vector_entry_point",
            workers=workers,
            task=0,
            cameras=[],
            action_chunk=CHUNK,
            assets=str(assets.folder),
        )

        def job() -> float:
            envs.reset(seed=0)
            return timed(lambda: [envs.step(np.repeat(one[None], count, axis=0)) for one in chunk])

        return job

    return paired(run(2), run(1), pairs)


MEMORY = """
import os, sys, gymnasium
from pathlib import Path

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

def make(count):
    envs = gymnasium.make_vec("libero_gym:libero/Spatial-v0", num_envs=count, vectorization_mode="vector_entry_point",
                              workers=1, task=0, assets=sys.argv[1], image_size=128, action_chunk=8)
    envs.reset(seed=0)
    envs.step(envs.action_space.sample())
    return resident()

print(make(int(sys.argv[2])))
"""


def memory(assets: Any) -> float:
    """Megabytes of resident memory that a further environment of a loaded task takes, its remembered start included."""

    def resident(count: int) -> float:
        command = [sys.executable, "-c", MEMORY, str(assets.folder), str(count)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    few, many = resident(2), resident(22)
    return (many - few) / 20


def first_make(assets: Any, pairs: int) -> float:
    """Seconds from the start of a process to the first observation of a cached task."""
    code = (
        "import gymnasium\n"
        "env = gymnasium.make('libero_gym:libero/Spatial-v0', task=0, render_quality='fast', "
        f"assets={str(assets.folder)!r})\n"
    )
    return statistics.median(
        timed(lambda: subprocess.run([sys.executable, "-c", code], check=True)) for _ in range(pairs)
    )


BARS = {
    "state_only_against_libero": 3.3,
    "state_only_against_bare_mujoco": 0.85,
    "chunk_reference": 7.0,
    "chunk_fast": 15.0,
    "two_threads_against_one": 1.8,
    "reset_to_known_start": 200.0,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", default="auto", help="LIBERO's original assets: a folder, or 'official'")
    parser.add_argument("--pairs", type=int, default=5, help="alternating pairs a ratio")
    parser.add_argument("--steps", type=int, default=200, help="random actions of the parity figures")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "env.json")
    options = parser.parse_args()
    assets = resolve_assets(options.assets)
    peer = Peer(assets.folder)
    results: dict[str, Any] = {
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "versions": {"mujoco": mujoco.__version__, "gymnasium": gymnasium.__version__, "opengl": choose_backend()},
        "assets": assets.name,
        "parity": parity(peer, assets, options.steps),
        **speed(peer, assets, options.pairs),
        "two_threads_against_one": threads(assets, options.pairs),
        "megabytes_a_further_environment": memory(assets),
        "seconds_to_first_make": first_make(assets, options.pairs),
    }
    peer.close()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, results)

    table = Table(title=f"libero_gym on {assets.name}")
    for column in ("figure", "measured", "bar"):
        table.add_column(column)
    for suite, row in results["parity"].items():
        flags = "equal" if row["success_equal"] else "differ"
        table.add_row(f"{suite}: qpos, success", f"{row['qpos_difference']:.1e}, {flags}", "1e-9")
        unequal = f"{row['frames_unequal']} of {row['frames']}, {row['state_values_unequal']} of {row['state_values']}"
        table.add_row(f"{suite}: frames, state values that differ", unequal, "0")
    for name, bar in BARS.items():
        row = results[name]
        table.add_row(name, f"{row['ratio']:.2f} ({row['lowest']:.2f} to {row['highest']:.2f})", f">= {bar}")
    table.add_row("MB a further environment", f"{results['megabytes_a_further_environment']:.1f}", "<= 25")
    table.add_row("seconds to the first make", f"{results['seconds_to_first_make']:.2f}", "<= 2.5")
    Console().print(table)


if __name__ == "__main__":
    main()
