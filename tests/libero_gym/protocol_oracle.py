"""The published evaluation loops on LIBERO's own environment: `python protocol_oracle.py < request.json`.

Request: {"assets": folder, "image_size": pixels, "steps": count of random actions, "out": file.npz, "episodes":
[{"suite", "index", "protocol", "state": index of the initial state}, ...]}. Each loop is written here as its repository
has it, one environment a task; of episode k, what the policy sees first and what each of `steps` actions returns is
stored as `k_image`, `k_wrist_image`, `k_state`, see `oracle.py`.

    openvla-oft 213c5ff  experiments/robot/libero/{libero_utils,run_libero_eval}.py
    RLinf a3816b5        rlinf/envs/libero/{libero_env,utils,venv}.py, is_eval, one process, every state at once
    lerobot 7427f31      src/lerobot/envs/libero.py and scripts/lerobot_eval.py, batch_size=1, seed=1000
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from oracle import actions, published_row

from libero_gym.scene.libero_import import bddl_file, import_libero
from libero_gym.tasks import load_suite
from libero_gym.tasks.init_states import published_states


def make_env(task: Any, size: int) -> Any:
    from libero.libero.envs import OffScreenRenderEnv

    return OffScreenRenderEnv(bddl_file_name=str(bddl_file(task)), camera_heights=size, camera_widths=size)


def openvla_oft(task: Any, states: np.ndarray, last: int, size: int) -> Iterator[tuple[Any, Any]]:
    """Yield the environment and the observation that each episode's policy sees first."""
    env = make_env(task, size)
    env.seed(0)
    for episode in range(last + 1):
        env.reset()
        observation = env.set_init_state(states[episode])
        for _ in range(10):
            observation, _, _, _ = env.step([0, 0, 0, 0, 0, 0, -1])
        yield env, observation
    env.close()


def rlinf(task: Any, states: np.ndarray, last: int, size: int) -> Iterator[tuple[Any, Any]]:
    """Yield as above. An episode has an environment of its own; numbers run over the tasks of trial 0, then of trial 1.

    `reset` seeds all 500 with self.seed * 500 = 0, so that LIBERO's vector environment gives number n the seed n.
    """
    tasks = len(load_suite(task.suite).tasks)
    for trial in range(last + 1):
        env = make_env(task, size)
        env.seed(0)
        env.seed(trial * tasks + task.index)
        env.reset()
        observation = env.set_init_state(states[trial])
        for _ in range(15):
            observation, _, _, _ = env.step(np.zeros(7))
        yield env, observation
        env.close()


def lerobot(task: Any, states: np.ndarray, last: int, size: int) -> Iterator[tuple[Any, Any]]:
    """Yield as above."""
    env = make_env(task, size)
    env.reset()
    for episode in range(last + 1):
        env.seed(1000 + episode)
        env.reset()
        observation = env.set_init_state(states[episode])
        for _ in range(10):
            observation, _, _, _ = env.step([0, 0, 0, 0, 0, 0, -1])
        yield env, observation
    env.close()


LOOPS = {"openvla-oft": openvla_oft, "rlinf": rlinf, "lerobot": lerobot}


def main() -> None:
    request = json.load(sys.stdin)
    import_libero(Path(request["assets"]), gl=os.environ["MUJOCO_GL"])
    results = {}
    for number, episode in enumerate(request["episodes"]):
        task = load_suite(episode["suite"]).tasks[episode["index"]]
        loop = LOOPS[episode["protocol"]](task, published_states(task)[0], episode["state"], request["image_size"])
        for count, (env, first) in enumerate(loop):
            if count < episode["state"]:
                env.step(actions(1)[0])  # as an episode that a policy ends
                continue
            rows = [published_row(first)]
            rows += [published_row(env.step(action)[0]) for action in actions(request["steps"])]
        results |= {f"{number}_{key}": np.array([row[key] for row in rows]) for key in rows[0]}
    np.savez(request["out"], **results)


if __name__ == "__main__":
    main()
