"""States that are saved, restored and forked: `python benchmarks/saved_states.py --json FILE`.

Of every task and both physics qualities, at three random times of an episode: what 50 random actions lead to right
after saving, after going back in the same environment, and in another process. Positions, rewards and both images are
compared byte by byte, five actions at a time. Then speed: of saving, restoring and forking, and of steps after each.
All tasks take half an hour on 2 cores with `--jobs 2`. A run goes on where it was broken off: tasks that the file has
are left out, so that speed is measured anew, on a quiet machine, by the same command.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import itertools
import json
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from compact_json import compact

import libero_gym  # noqa: F401  # registers the environments
from libero_gym.tasks import load_suite

SUITE = "libero_gym:libero/130-v0"
PHYSICS = ("reference", "fast")
TIMES, STEPS, CHUNK, EPISODE = 3, 50, 5, 120
FORKS = 8


@functools.lru_cache(maxsize=2)
def make(assets: str, task: int, physics: str) -> Any:
    """Make the environment of a task, whose images cost little; the last ones are kept."""
    arguments = {"assets": assets, "task": task, "physics_quality": physics, "max_episode_steps": -1}
    return gymnasium.make(SUITE, image_size=64, render_quality="fast", action_chunk=CHUNK, **arguments)


def follow(env: Any, actions: np.ndarray) -> list[str]:
    """Return a checksum of what each chunk of actions leads to: images, `state`, all positions, rewards, flags."""
    digests = []
    for first in range(0, len(actions), CHUNK):
        observation, reward, terminated, truncated, info = env.step(actions[first : first + CHUNK])
        seen = [observation[key].tobytes() for key in ("image", "wrist_image", "state")]
        flags = np.array([reward, terminated, truncated, info["elapsed_steps"]]).tobytes()
        content = b"".join([*seen, env.unwrapped.get_sim_state().tobytes(), info["chunk_rewards"].tobytes(), flags])
        digests.append(hashlib.sha256(content).hexdigest())
        if terminated:
            break
    return digests


def go_on(assets: str, task: int, physics: str, state: bytes, actions: np.ndarray) -> list[str]:
    """Do it from a state, in this process."""
    env = make(assets, task, physics)
    env.reset(options={"state": state})
    return follow(env, actions)


def save(assets: str, task: int, physics: str) -> list[tuple[bytes, np.ndarray, list[str], list[str]]]:
    """Return states at three times of an episode, actions, and what they lead to without and with going back."""
    env, rng = make(assets, task, physics), np.random.default_rng(task)
    actions = rng.uniform(-1, 1, (EPISODE, 7)).astype(np.float32)
    env.reset(seed=task, options={"init_state": 0})
    times = sorted(CHUNK * rng.choice(np.arange(1, EPISODE // CHUNK), TIMES, replace=False))
    found, taken = [], 0
    for moment in times:
        follow(env, actions[taken:moment])
        taken = moment
        state, following = env.unwrapped.save_state(), rng.uniform(-1, 1, (STEPS, 7)).astype(np.float32)
        expected = follow(env, following)
        found.append((state, following, expected, go_on(assets, task, physics, state, following)))
        env.reset(options={"state": state})  # the episode goes on as it would have
    return found


def check(assets: str, task: int) -> list[dict[str, Any]]:
    """Compare a task's continuations; the other process is started for it."""
    rows = []
    for physics in PHYSICS:
        saved = save(assets, task, physics)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as other:
            states, following = [state for state, *_ in saved], [actions for _, actions, *_ in saved]
            elsewhere = list(other.map(functools.partial(go_on, assets, task, physics), states, following))
        rows.append(
            {
                "task": task,
                "physics_quality": physics,
                "states": len(saved),
                "bytes": max(len(state) for state, *_ in saved),
                "equal_in_the_same_environment": sum(again == expected for *_, expected, again in saved),
                "equal_in_another_process": sum(
                    far == expected for (*_, expected, _), far in zip(saved, elsewhere, strict=True)
                ),
            }
        )
    return rows


def milliseconds(call: Callable[[], Any], seconds: float = 2.0) -> float:
    """Return the median time of a call, milliseconds."""
    durations: list[float] = []
    while sum(durations) < seconds or len(durations) < 20:
        begin = time.perf_counter()
        call()
        durations.append(time.perf_counter() - begin)
    return 1000 * float(np.median(durations))


def speed(assets: str, workers: int) -> dict[str, Any]:
    """Measure one environment without cameras, and a batch with two of 128 pixels."""
    arguments = {"assets": assets, "task": 3, "max_episode_steps": -1}
    env = gymnasium.make(SUITE, cameras=(), disable_env_checker=True, **arguments)
    env.reset(seed=0)
    actions = np.random.default_rng(0).uniform(-1, 1, (200, 7)).astype(np.float32)
    for action in actions[:60]:
        env.step(action)
    states = []
    for action in actions[60:160]:
        env.step(action)
        states.append(env.unwrapped.save_state())
    state, others = states[0], itertools.cycle(states)  # more of them than are remembered
    world = env.unwrapped.world
    numbers = world.state()
    result = {
        "save_ms": milliseconds(env.unwrapped.save_state),
        "reset_to_state_ms": milliseconds(lambda: env.reset(options={"state": next(others)})),
        "reset_to_the_same_state_ms": milliseconds(lambda: env.reset(options={"state": state})),
        "restore_of_the_simulation_ms": milliseconds(lambda: world.go_on_from(numbers)),
    }

    def steps(restored: bool) -> float:
        env.reset(seed=0, options={"task": 3})
        if restored:
            for action in actions[:60]:
                env.step(action)
            env.reset(options={"state": env.unwrapped.save_state()})
        else:
            for action in actions[:60]:
                env.step(action)
        begin = time.perf_counter()
        for action in actions[60:]:
            env.step(action)
        return (time.perf_counter() - begin) / len(actions[60:])

    pairs = [(steps(True), steps(False)) for _ in range(10)]
    result["step_time_after_restore_ratio"] = float(np.median([after / plain for after, plain in pairs]))
    env.close()
    privileged = gymnasium.make(SUITE, cameras=(), privileged=True, disable_env_checker=True, **arguments)
    privileged.reset(seed=0)
    episode, out = privileged.unwrapped._episode, np.empty(298, dtype=np.float32)
    read = milliseconds(lambda: episode.read_privileged(out))
    step = milliseconds(lambda: privileged.unwrapped.world.step(actions[0]))
    result |= {"privileged_state_ms": read, "control_step_ms": step, "privileged_state_share": read / step}
    privileged.close()
    envs = gymnasium.make_vec(
        SUITE,
        num_envs=1 + FORKS,
        vectorization_mode="vector_entry_point",
        workers=workers,
        image_size=128,
        **arguments,
    )
    envs.reset(seed=0)
    fork = milliseconds(lambda: envs.fork(0, range(1, 1 + FORKS)))
    envs.close()
    return result | {"fork_1_to_8_ms": fork, "forks_per_second": 1000 * FORKS / fork, "workers": workers}


def summary(assets: str, measured: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the result: speed, how many states there were, how many went on equally, and the rows."""
    counts = ("states", "equal_in_the_same_environment", "equal_in_another_process")
    return {"assets": assets, "speed": measured, **{key: sum(row[key] for row in rows) for key in counts}, "rows": rows}


def main() -> None:
    """Compare all tasks, measure speed, print both and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", default="builtin", help="asset set (default builtin)")
    parser.add_argument("--tasks", type=int, default=130, help="how many of libero_130's tasks (default all)")
    parser.add_argument("--jobs", type=int, default=1, help="tasks at a time (default 1)")
    parser.add_argument("--json", type=Path, help="file for the result")
    options = parser.parse_args()
    before = json.loads(options.json.read_text()) if options.json and options.json.is_file() else {}
    rows: list[dict[str, Any]] = before["rows"] if before.get("assets") == options.assets else []
    done = {row["task"] for row in rows}
    tasks = [task.id for task in load_suite("libero_130").tasks[: options.tasks] if task.id not in done]
    if tasks:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
            for found in pool.map(functools.partial(check, options.assets), tasks):
                rows += found
                print(json.dumps(found), flush=True)
                if options.json:
                    options.json.write_text(compact(summary(options.assets, {}, rows)) + "\n")
    result = summary(options.assets, speed(options.assets, 2), rows)
    if options.json:
        options.json.write_text(compact(result) + "\n")
    print(json.dumps({key: value for key, value in result.items() if key != "rows"}, indent=1))


if __name__ == "__main__":
    main()
