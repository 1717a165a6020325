"""Write LIBERO's own HDF5 layout, one TASK_demo.hdf5 a task, as its `scripts/create_dataset.py` does (LIBERO 8f1084e).

    data                attributes: env_name, problem_info, env_args (JSON), bddl_file_name, bddl_file_content,
                        macros_image_convention "opengl", num_demos, total
      demo_0, ...       attributes: num_samples, init_state; ours besides: `libero_gym`, JSON, Minari's metadata
        obs/            agentview_rgb, eye_in_hand_rgb (T, H, W, 3) uint8, as OpenGL renders them: bottom row first
                        ee_pos (T, 3), ee_ori (T, 3), ee_states (T, 6), gripper_states (T, 2), joint_states (T, 7)
                        (joint_states are those of `states`; the others are some ms older, see `engine.observed`)
        actions (T, 7) float64      rewards, dones (T,) uint8, 1 at the end      states (T, 1 + nq + nv)
        robot_states (T, 9)         gripper (2), eef position (3) and quaternion (x, y, z, w)
        intended_actions (T, 7) ours, without action noise and disturbance, where known
        final_obs/      ours: images (H, W, 3), ee_states, gripper_states and sim_state after the last action

An observation here is from before the action with the same index, as a policy needs it and as OpenVLA's regenerated
files have it; in LIBERO's own files it is from after that action.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.demos.dataset import DemoDataset
from libero_gym.demos.episode_file import Demonstration
from libero_gym.demos.extra import extra_module
from libero_gym.errors import DatasetError, LiberoGymError
from libero_gym.render.renderer import orient
from libero_gym.tasks.bddl import write_definition
from libero_gym.tasks.suites import Task, load_suite

#: Observation key -> LIBERO's.
IMAGE_NAMES = {"image": "agentview_rgb", "wrist_image": "eye_in_hand_rgb"}
#: In a flat [time, qpos, qvel] of every LIBERO scene.
JOINTS = slice(1, 8)
SUFFIX = "_demo.hdf5"
#: Ours, see above; called "meant_actions" before.
INTENDED_ACTIONS = "intended_actions"


def export_files(dataset: DemoDataset, folder: Path, advance: Callable[[object], None] = lambda _: None) -> list[Path]:
    """Write a file for each task of the dataset, whole or not at all.

    Args:
        dataset: what to write.
        folder: receives the files; replaces those of the same tasks.
        advance: called for each episode.

    Raises:
        DatasetError: it is of a task of one's own.
        LiberoGymError: they cannot be written.
    """
    h5py = extra_module("h5py")
    if dataset.header.task_spec is not None:
        raise DatasetError(
            f"the dataset {dataset.location.dataset_id} is of a task of one's own, which LIBERO's files cannot name; "
            "Minari reads it as it is"
        )
    tasks = {task.id: task for task in load_suite(dataset.header.suite).tasks}
    files = []
    for number in sorted({int(record.attributes["task_id"]) for record in dataset.records}):
        task = tasks[number]
        path = folder / f"{task.name}{SUFFIX}"
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        records = [record for record in dataset.records if int(record.attributes["task_id"]) == number]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with h5py.File(temporary, "w") as file:
                data = file.create_group("data")
                data.attrs.update(_file_attributes(dataset, task))
                data.attrs["num_demos"] = len(records)
                data.attrs["total"] = sum(record.steps for record in records)
                for index, record in enumerate(records):
                    group = data.create_group(f"demo_{index}")
                    _write(group, dataset.episode(record.id), dataset.header.image_orientation)
                    advance(None)
            temporary.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise LiberoGymError(f"{path} cannot be written ({error})") from error
        files.append(path)
    return files


def quaternion(axis_angle: np.ndarray) -> np.ndarray:
    """Return quaternions (..., 4), (x, y, z, w), of axis-angle vectors (..., 3): inverts `engine.world.axis_angle`."""
    angle = np.linalg.norm(axis_angle, axis=-1, keepdims=True)
    # sin(a/2) / a, which is 1/2 at a = 0
    scale = np.where(angle > 0, np.sin(angle / 2) / np.where(angle > 0, angle, 1), 0.5)
    return np.concatenate([axis_angle * scale, np.cos(angle / 2)], axis=-1)


def _file_attributes(dataset: DemoDataset, task: Task) -> dict[str, Any]:
    problem = task.definition.problem
    # LIBERO's class of a problem, e.g. Libero_Tabletop_Manipulation of LIBERO_Tabletop_Manipulation.
    env_name = problem.replace("LIBERO_", "Libero_", 1)
    bddl = f"bddl_files/{task.suite}/{task.name}.bddl"
    size = dataset.header.image_size
    env_kwargs = {
        "bddl_file_name": bddl,
        "robots": ["Panda"],
        "controller_configs": {"type": "OSC_POSE", "control_delta": True, "kp": 150, "damping_ratio": 1},
        "control_freq": 20,
        "camera_names": ["robot0_eye_in_hand", "agentview"],
        "camera_heights": size,
        "camera_widths": size,
        "has_renderer": False,
        "has_offscreen_renderer": True,
        "use_camera_obs": True,
        "ignore_done": True,
        "reward_shaping": True,
    }
    args = {
        "type": 1,
        "env_name": env_name,
        "problem_name": problem.lower(),
        "bddl_file": bddl,
        "env_kwargs": env_kwargs,
    }
    info = {"problem_name": problem.lower(), "domain_name": "robosuite", "language_instruction": task.instruction}
    return {
        "env_name": env_name,
        "problem_info": json.dumps(info),
        "env_args": json.dumps(args),
        "bddl_file_name": bddl,
        "bddl_file_content": write_definition(task.definition),
        "macros_image_convention": "opengl",
        "libero_gym": json.dumps(asdict(dataset.header)),
    }


def _write(group: Any, episode: Demonstration, orientation: str) -> None:
    state = episode.observations["state"].astype(np.float64)
    poses, fingers, joints = state[:, :6], state[:, 6:8], episode.sim_states[:, JOINTS]
    steps = len(episode)
    obs, final = group.create_group("obs"), group.create_group("final_obs")
    for key, name in IMAGE_NAMES.items():
        if key in episode.observations:
            # Both orientations are their own inverse.
            images = np.ascontiguousarray(orient(episode.observations[key], orientation))
            obs.create_dataset(name, data=images[:-1])
            final.create_dataset(name, data=images[-1])
    arrays = {
        "ee_states": poses,
        "ee_pos": poses[:, :3],
        "ee_ori": poses[:, 3:],
        "gripper_states": fingers,
        "joint_states": joints,
    }
    for name, array in arrays.items():
        obs.create_dataset(name, data=array[:-1])
    for name in ("ee_states", "gripper_states"):
        final.create_dataset(name, data=arrays[name][-1])
    final.create_dataset("sim_state", data=episode.sim_states[-1])
    robot = np.concatenate([fingers, poses[:, :3], quaternion(poses[:, 3:])], axis=1)
    done, reward = np.zeros(steps, dtype=np.uint8), np.zeros(steps, dtype=np.uint8)
    done[-1], reward[-1] = 1, bool(episode.attributes["success"])
    group.create_dataset("actions", data=episode.actions.astype(np.float64))
    if episode.intended_actions is not None:
        group.create_dataset(INTENDED_ACTIONS, data=episode.intended_actions)
    group.create_dataset("states", data=episode.sim_states[:-1])
    group.create_dataset("robot_states", data=robot[:-1])
    group.create_dataset("rewards", data=reward)
    group.create_dataset("dones", data=done)
    group.attrs["num_samples"] = steps
    group.attrs["init_state"] = episode.sim_states[0]
    group.attrs["libero_gym"] = json.dumps(episode.attributes, default=np.ndarray.tolist)
