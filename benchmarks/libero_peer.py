"""LIBERO's own environment, timed on request: a child process of `env.py`, one JSON object a line in and out.

{"do": "build", "suite", "index", "camera_obs": bool}  {"do": "steps", "count"}  {"do": "reset"}
{"do": "trajectory", "steps"}: fixture poses, and of each step the state, the success flag and what `step` returned,
into "out".
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.episode import SETTLE_ACTION
from libero_gym.scene.libero_import import import_libero, make_libero_env
from libero_gym.tasks import load_suite
from libero_gym.tasks.init_states import published_states

CAMERAS = ["agentview", "robot0_eye_in_hand"]
PROPRIOCEPTION = ["robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos"]


def actions(count: int) -> np.ndarray:
    """The random actions that both sides execute, (count, 7)."""
    return np.random.default_rng(0).uniform(-1.0, 1.0, (count, 7))


class Peer:
    """One LIBERO environment."""

    def __init__(self, assets: str, backend: str) -> None:
        import_libero(Path(assets), gl=backend)
        self.env: Any = None
        self.state = np.empty(0)

    def build(self, suite: str, index: int, camera_obs: bool, size: int) -> dict[str, Any]:
        if self.env is not None:
            self.env.close()
        task = load_suite(suite).tasks[index]
        self.state = published_states(task)[0][0]
        self.env = make_libero_env(
            task,
            use_camera_obs=camera_obs,
            has_offscreen_renderer=True,
            camera_names=CAMERAS,
            camera_heights=size,
            camera_widths=size,
            hard_reset=True,  # as LIBERO's evaluation has it
        )
        self.start()
        return {}

    def start(self) -> None:
        np.random.seed(7)  # noqa: NPY002
        self.env.reset()
        self.env.sim.set_state_from_flattened(self.state)
        self.env.sim.forward()
        self.env._get_observations(force_update=True)

    def steps(self, count: int) -> dict[str, Any]:
        begin = time.perf_counter()
        for action in actions(count):
            self.env.step(action)
        return {"seconds": time.perf_counter() - begin}

    def reset(self) -> dict[str, Any]:
        begin = time.perf_counter()
        self.start()
        for _ in range(10):
            self.env.step(SETTLE_ACTION)
        return {"seconds": time.perf_counter() - begin}

    def trajectory(self, steps: int, out: str) -> dict[str, Any]:
        from robosuite.utils.transform_utils import quat2axisangle

        self.reset()
        model = self.env.sim.model._model
        fixtures = [model.body(fixture.root_body).id for fixture in self.env.fixtures_dict.values()]
        arrays = {
            "fixtures": np.array(fixtures, dtype=np.int64),
            "fixture_pos": model.body_pos[fixtures].copy(),
            "fixture_quat": model.body_quat[fixtures].copy(),
        }
        rows: dict[str, list[Any]] = {key: [] for key in ("states", "success", "proprioception", *CAMERAS)}
        for action in actions(steps):
            observation, _, success, _ = self.env.step(action)
            rows["states"].append(self.env.sim.get_state().flatten())
            rows["success"].append(success)
            position, quaternion, fingers = (observation[key] for key in PROPRIOCEPTION)
            # as published evaluations make a policy's state of it
            rows["proprioception"].append(np.concatenate([position, quat2axisangle(quaternion), fingers]))
            for camera in CAMERAS:
                rows[camera].append(observation[f"{camera}_image"])
        stacked = {key: np.array(values) for key, values in rows.items()}
        np.savez(out, **stacked, **arrays)  # type: ignore[arg-type]
        return {}


def main() -> None:
    answer, sys.stdout = sys.stdout, sys.stderr
    peer = Peer(*sys.argv[1:3])
    for line in sys.stdin:
        request = json.loads(line)
        result = getattr(peer, request.pop("do"))(**request)
        answer.write(json.dumps(result) + "\n")
        answer.flush()


if __name__ == "__main__":
    main()
