"""LIBERO's published evaluation loop as the oracle, in a process of its own: `python oracle.py < request.json`.

Request: {"assets": folder, "image_size": pixels, 0 for no images, "out": file.npz, "episodes": [...]}, each episode
{"suite", "index", "sim_state": flat state, or null for the published state 0, "poses": {fixture's body: [x, y, z, w, x,
y, z]}, "settle": count of dummy actions, "steps": count of random ones, "every": of so many steps, images of the last,
"model": true for the compiled model too, as `k_model` (MuJoCo's file, bytes)}. With "benchmark", e.g.
"libero_spatial_swap", file and states are those of that task list, which LIBERO-PRO's `libero` has:
`benchmarks/pro_parity.py` runs this with an interpreter that has it. With "benchmarks": [...] beside the episodes, the
sentences and published states of such lists' tasks are stored as `NAME/INDEX/instruction` and `NAME/INDEX/states`.

Each is `OffScreenRenderEnv.reset`, fixtures put where `poses` has them, `set_init_state`, dummy actions while objects
settle, random actions afterwards. Of episode k, what `set_init_state` or the last dummy action returned and then what
each `step` returned is stored: `k_image` and `k_wrist_image` (T+1, S, S, 3) as robosuite has them, `k_state` (T+1, 8)
float64 as published policies get it; besides the simulator's flat state `k_sim_state` (T+1, ...) and LIBERO's `done`,
`k_done` (T,), the sentence `k_instruction` and all published states `k_published` (M, ...). Nothing is rendered or
computed for it after a step. Images that are not asked for are blank: robosuite samples them all the same, and at the
same moments, from a camera that renders nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from libero_gym.scene.libero_import import bddl_file, import_libero
from libero_gym.tasks import load_suite
from libero_gym.tasks.init_states import published_states

SETTLE = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0]
ROWS = {"image": "agentview_image", "wrist_image": "robot0_eye_in_hand_image"}


def actions(steps: int) -> np.ndarray:
    """The random actions, (steps, 7); float32, as an environment's action space has them."""
    return np.random.default_rng(0).uniform(-1.0, 1.0, (steps, 7)).astype(np.float32)


def published_row(observation: dict[str, Any]) -> dict[str, np.ndarray]:
    """What published evaluations take from an observation, images not turned yet."""
    from robosuite.utils.transform_utils import quat2axisangle

    pose = [observation["robot0_eef_pos"], quat2axisangle(observation["robot0_eef_quat"])]
    row = {"state": np.concatenate([*pose, observation["robot0_gripper_qpos"]])}
    return {**row, **{key: observation[name] for key, name in ROWS.items() if name in observation}}


def cameras(env: Any, size: int) -> Callable[[bool], None]:
    """Return what switches the rendering of an environment's images on and off."""
    observables = [env.env._observables[name] for name in ROWS.values() if name in env.env._observables]
    if not observables:
        return lambda _: None
    sensors = [observable._sensor for observable in observables]
    image = np.zeros((size, size, 3), dtype=np.uint8)

    def blank(_: Any) -> np.ndarray:
        return image

    blank.__modality__ = sensors[0].__modality__  # type: ignore[attr-defined]

    def show(on: bool) -> None:
        for observable, sensor in zip(observables, sensors, strict=True):
            observable._sensor = sensor if on else blank

    return show


def task_files(episode: dict[str, Any]) -> tuple[Path, np.ndarray]:
    """The BDDL file of an episode's task, and its published states (M, D)."""
    if "benchmark" not in episode:
        task = load_suite(episode["suite"]).tasks[episode["index"]]
        return bddl_file(task), published_states(task)[0]
    from libero.libero.benchmark import get_benchmark

    tasks = get_benchmark(episode["benchmark"])()
    return Path(tasks.get_task_bddl_file_path(episode["index"])), np.array(tasks.get_task_init_states(episode["index"]))


def files(benchmarks: list[str]) -> dict[str, np.ndarray]:
    """Sentences and states of all tasks of task lists, as LIBERO's own readers give them."""
    from libero.libero.benchmark import get_benchmark
    from libero.libero.envs.bddl_utils import get_problem_info

    found = {}
    for name in benchmarks:
        tasks = get_benchmark(name)()
        for index in range(tasks.get_num_tasks()):
            sentence = get_problem_info(tasks.get_task_bddl_file_path(index))["language_instruction"]
            found[f"{name}/{index}/instruction"] = np.array(sentence)
            found[f"{name}/{index}/states"] = np.array(tasks.get_task_init_states(index))
    return found


def run(episode: dict[str, Any], size: int) -> dict[str, np.ndarray]:
    """One episode; the keys of the result are without its number."""
    from libero.libero.envs import OffScreenRenderEnv
    from libero.libero.envs.env_wrapper import ControlEnv

    file, published = task_files(episode)
    if size:
        env = OffScreenRenderEnv(bddl_file_name=str(file), camera_heights=size, camera_widths=size)
    else:
        env = ControlEnv(bddl_file_name=str(file), has_offscreen_renderer=False, use_camera_obs=False)
    env.seed(0)
    env.env.hard_reset = False  # it was built a moment ago, and its state is replaced below
    env.reset()
    model = env.sim.model._model
    for body, pose in episode["poses"].items():
        model.body(body).pos[:], model.body(body).quat[:] = pose[:3], pose[3:]
    compiled = np.empty(mujoco.mj_sizeModel(model) if episode.get("model") else 0, dtype=np.uint8)
    if episode.get("model"):
        mujoco.mj_saveModel(model, None, compiled)
    state = episode["sim_state"]
    show = cameras(env, size)
    show(episode["settle"] == 0)
    observation = env.set_init_state(published[0] if state is None else np.array(state))
    for number in range(1, episode["settle"] + 1):
        show(number == episode["settle"])
        observation = env.step(SETTLE)[0]
    rows, states, done = [published_row(observation)], [env.get_sim_state()], []
    for number, action in enumerate(actions(episode["steps"]), 1):
        show(number % episode["every"] == 0)
        observation, _, success, _ = env.step(action)
        rows.append(published_row(observation))
        states.append(env.get_sim_state())
        done.append(success)
    stacked = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    env.close()
    facts = {"instruction": np.array(env.language_instruction), "published": published, "model": compiled}
    return {**stacked, "sim_state": np.array(states), "done": np.array(done, dtype=bool), **facts}


def main() -> None:
    request = json.load(sys.stdin)
    import_libero(Path(request["assets"]), gl=os.environ["MUJOCO_GL"])
    results = files(request.get("benchmarks", []))
    for number, episode in enumerate(request["episodes"]):
        entry = run(episode, request["image_size"])
        results.update({f"{number}_{key}": value for key, value in entry.items()})
    np.savez(request["out"], **results)


if __name__ == "__main__":
    main()
