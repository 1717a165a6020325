"""LIBERO's own environment as the oracle, in a process of its own: `python oracle.py < request.json`.

Request: {"assets": folder, "tasks": [[suite, index], ...], "steps": count, "image_size": pixels or 0, "out": file.npz}.
For each task k it settles the published state 0, then executes random actions. It stores the fixture poses, the
settled state, the flat state and the success flag after each action, and with an image size both cameras' raw frames
at the end.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from libero_gym.scene.libero_import import import_libero, make_libero_env
from libero_gym.tasks import load_suite
from libero_gym.tasks.init_states import published_states

SETTLE = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])


def actions(steps: int) -> np.ndarray:
    """The random actions, (steps, 7)."""
    return np.random.default_rng(0).uniform(-1.0, 1.0, (steps, 7))


def main() -> None:
    request = json.load(sys.stdin)
    import_libero(Path(request["assets"]), gl=os.environ["MUJOCO_GL"] if request["image_size"] else "glx")

    results = {}
    for number, (suite, index) in enumerate(request["tasks"]):
        task = load_suite(suite).tasks[index]
        size = request["image_size"]
        env = make_libero_env(task, has_offscreen_renderer=bool(size))
        np.random.seed(7)  # noqa: NPY002
        env.reset()
        env.sim.set_state_from_flattened(published_states(task)[0][0])
        env.sim.forward()
        for _ in range(10):
            env.step(SETTLE)
        model = env.sim.model._model
        fixtures = [model.body(fixture.root_body).id for fixture in env.fixtures_dict.values()]
        entry = {
            "fixtures": np.array(fixtures, dtype=np.int64),
            "fixture_pos": model.body_pos[fixtures].copy(),
            "fixture_quat": model.body_quat[fixtures].copy(),
            "settled": env.sim.get_state().flatten(),
        }
        states, success = [], []
        observation = None
        for action in actions(request["steps"]):
            observation = env.step(action)[0]
            states.append(env.sim.get_state().flatten())
            success.append(bool(env._check_success()))
        entry["states"], entry["success"] = np.array(states), np.array(success)
        entry["eef"] = np.concatenate([observation["robot0_eef_pos"], observation["robot0_eef_quat"]])
        entry["finger"] = observation["robot0_gripper_qpos"]
        if size:
            # What robosuite's camera observables do; asking for them would draw after every step.
            entry["image"] = env.sim.render(camera_name="agentview", width=size, height=size)
            entry["wrist_image"] = env.sim.render(camera_name="robot0_eye_in_hand", width=size, height=size)
        results.update({f"{number}_{key}": value for key, value in entry.items()})
        env.close()
    np.savez(request["out"], **results)


if __name__ == "__main__":
    main()
