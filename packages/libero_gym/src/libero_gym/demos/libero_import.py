"""Read LIBERO's own HDF5 layout, see `libero_export`: its published files, OpenVLA's regenerated ones, and ours.

The data show whether observations are from before or after the action with the same index: `joint_states` equals the
arm's part of `states` before the action, or after it. Where it is after it, as in LIBERO's published files, the first
action is left out, because the observation before it is missing, and the last one becomes the final observation.
Elsewhere the last observation is repeated as the final one, unless the file has it. The last `sim_state` is NaN where
the file does not have it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from libero_gym.assets.source import BUILTIN_PREFIX
from libero_gym.demos.dataset import DemoDataset
from libero_gym.demos.episode_file import Demonstration, warn_renamed, write_episode
from libero_gym.demos.extra import extra_module
from libero_gym.demos.header import Header
from libero_gym.demos.libero_export import IMAGE_NAMES, INTENDED_ACTIONS, JOINTS, SUFFIX
from libero_gym.demos.location import Location
from libero_gym.engine.world import ACTION_SIZE
from libero_gym.errors import DatasetError, LiberoGymError, OptionError, SuiteError, unknown
from libero_gym.options import EnvOptions, check_options
from libero_gym.render.renderer import CAMERAS, ORIENTATIONS, orient
from libero_gym.tasks.init_states import published_states
from libero_gym.tasks.suites import SUITES, Suite, Task, load_suite

SOURCE = "LIBERO HDF5"


def find_files(path: Path) -> list[Path]:
    """Return the files of a path: the file itself, or the *_demo.hdf5 in a folder.

    Raises:
        DatasetError: there are none.
    """
    files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files or not files[0].exists():
        raise DatasetError(f"{path} {'has no *' + SUFFIX if path.is_dir() else 'does not exist'}")
    return files


def import_files(
    files: Sequence[Path],
    location: Location,
    suite: str | None = None,
    orientation: str = "rot180",
    advance: Callable[[object], None] = lambda _: None,
) -> DemoDataset:
    """Make a dataset of LIBERO's files, all of the same suite.

    Args:
        files: of `find_files`.
        location: of the new dataset; there must be none yet.
        suite: of the tasks; None takes it from the files' `bddl_file_name`, or their folder.
        orientation: of the dataset's images: "rot180" or "upright".
        advance: called for each file.

    Raises:
        DatasetError: a file is cut off, of another environment or action size, or the dataset exists.
    """
    if orientation not in ORIENTATIONS:
        raise unknown(OptionError, "--orientation", orientation, ORIENTATIONS)
    if location.data.exists():
        raise DatasetError(f"there is a dataset {location.dataset_id} at {location.folder} already; name another one")
    # The dataset gets its name when it is whole.
    temporary = Location(location.dataset_id, location.folder / f".import.{os.getpid()}")
    try:
        dataset = _import(files, temporary, suite, orientation, advance)
        temporary.data.rename(location.data)
    finally:
        shutil.rmtree(temporary.folder, ignore_errors=True)
    dataset = DemoDataset(location, dataset.header, dataset.records)
    dataset.write_statistics()
    return dataset


def _import(
    files: Sequence[Path], location: Location, suite: str | None, orientation: str, advance: Callable[[object], None]
) -> DemoDataset:
    h5py = extra_module("h5py")
    dataset: DemoDataset | None = None
    for path in files:
        try:
            with h5py.File(path, "r") as file:
                data = file["data"]
                loaded, task = _find_task(data, path, suite)
                names = sorted((name for name in data if name.startswith("demo_")), key=lambda name: int(name[5:]))
                for name in names:
                    place = f"{path}, {name}"
                    episode = _read(data[name], task, place, orientation)
                    header, options, assets = _header(data, loaded, episode, orientation)
                    if dataset is None:
                        dataset = DemoDataset.create(location, header, options, assets)
                    dataset.check_header(header)
                    target = dataset.episodes_folder / f"task_{task.id:03d}_{name}.hdf5"
                    write_episode(target, episode)
                    dataset.add(target)
        except LiberoGymError:
            raise
        except Exception as error:  # h5py and NumPy raise many unrelated classes on a damaged file
            reason = (str(error).strip("'\"").splitlines() or [type(error).__name__])[0][:200]
            raise DatasetError(f"{path} is cut off, damaged or not in LIBERO's layout ({reason})") from error
        advance(path)
    if dataset is None:
        raise DatasetError(f"{files[0]} has no demonstrations")
    return dataset


def _find_task(data: Any, path: Path, suite: str | None) -> tuple[Suite, Task]:
    """Return the suite and the task of a file."""
    stored = json.loads(data.attrs["libero_gym"]) if "libero_gym" in data.attrs else {}
    bddl = Path(str(data.attrs.get("bddl_file_name", "")).replace("\\", "/"))
    name = bddl.stem or path.name.removesuffix(SUFFIX)
    suite_name = (
        suite
        or stored.get("suite")
        or next((part for part in (bddl.parent.name, path.parent.name) if part in SUITES), None)
    )
    suites = [load_suite(suite_name)] if suite_name else [load_suite(known) for known in SUITES]
    found = [(loaded, task) for loaded in suites for task in loaded.tasks if task.name == name]
    if not found:
        env = data.attrs.get("env_name") or json.loads(data.attrs.get("env_args", "{}")).get("env_name", "unknown")
        where = suites[0].name if suite_name else "LIBERO"
        raise DatasetError(f"{path} is of the environment {env!r}, task {name!r}, which {where} does not have")
    if len(found) > 1:
        raise SuiteError(
            f"{path}: task {name!r} is in {', '.join(loaded.name for loaded, _ in found)}; name one with --suite"
        )
    return found[0]


def _header(data: Any, suite: Suite, episode: Demonstration, orientation: str) -> tuple[Header, EnvOptions, str]:
    """Return the dataset's header, the options that give its spaces, and its `assets=` argument."""
    cameras = [camera for camera, (key, _) in CAMERAS.items() if key in episode.observations]
    size = next((array.shape[1] for key, array in episode.observations.items() if key in IMAGE_NAMES), 128)
    # For the spaces alone, which do not depend on the asset set; LIBERO's own might have to be downloaded.
    options = check_options(
        suite.name, split="train", cameras=cameras, image_size=size, image_orientation=orientation, assets="builtin"
    )
    if "libero_gym" in data.attrs:
        stored = json.loads(data.attrs["libero_gym"])
        header = replace(Header(**stored), image_orientation=orientation, cameras=cameras)
    else:
        header = replace(
            Header.of(options, SOURCE), assets="official", assets_version="", settle_steps=0, mujoco=mujoco.__version__
        )
    built_in = header.assets.startswith(BUILTIN_PREFIX)
    return header, options, "builtin" if built_in else "official" if header.assets == "official" else "auto"


def _read(group: Any, task: Task, place: str, orientation: str) -> Demonstration:
    """Read a demonstration.

    Raises:
        DatasetError: its arrays do not fit together, the action space or the task.
    """
    actions, states, obs = group["actions"][()], group["states"][()], group["obs"]
    if actions.ndim != 2 or actions.shape[1] != ACTION_SIZE:
        raise DatasetError(f"{place} has actions of shape {actions.shape}; expected (T, {ACTION_SIZE})")
    width = published_states(task)[0].shape[1]
    if states.ndim != 2 or states.shape[1] != width:
        raise DatasetError(f"{place} has states of shape {states.shape}; {task.name} takes (T, {width}): another scene")
    poses = obs["ee_states"][()] if "ee_states" in obs else np.concatenate([obs["ee_pos"], obs["ee_ori"]], axis=1)
    observations = {"state": np.concatenate([poses, obs["gripper_states"][()]], axis=1).astype(np.float32)}
    for key, name in IMAGE_NAMES.items():
        if name in obs:
            observations[key] = np.ascontiguousarray(orient(obs[name][()], orientation))
    lengths = {len(actions), len(states), *(len(array) for array in observations.values())}
    if len(lengths) > 1 or len(actions) < 2:
        raise DatasetError(f"{place} has arrays for {sorted(lengths)} control steps; expected one length, of 2 or more")
    rewards = (
        group["rewards"][()].astype(np.float64) if "rewards" in group else np.eye(1, len(actions), len(actions) - 1)[0]
    )
    unknown_state = np.full(width, np.nan)
    intended = _read_intended(group)
    if intended is not None and intended.shape != actions.shape:
        raise DatasetError(f"{place} has {INTENDED_ACTIONS} of shape {intended.shape}; expected {actions.shape}")
    if _observed_after(states, obs["joint_states"][()]):
        actions, rewards, states = actions[1:], rewards[1:], np.concatenate([states[1:], unknown_state[None]])
        intended = None if intended is None else intended[1:]
    else:
        last = _final(group, {key: array[-1] for key, array in observations.items()}, unknown_state, orientation)
        observations = {key: np.concatenate([array, last[key][None]]) for key, array in observations.items()}
        states = np.concatenate([states, last["sim_state"][None]])
    success = bool(rewards[-1] > 0)
    ends = np.arange(len(actions)) == len(actions) - 1
    return Demonstration(
        observations=observations,
        instruction=task.instruction,
        actions=actions.astype(np.float32),
        rewards=rewards,
        terminations=ends & success,
        truncations=ends & (not success),
        sim_states=states.astype(np.float64),
        intended_actions=intended,
        attributes=_attributes(group, task, success),
    )


def _read_intended(group: Any) -> np.ndarray | None:
    if INTENDED_ACTIONS in group:
        return np.asarray(group[INTENDED_ACTIONS])
    if "meant_actions" not in group:
        return None
    warn_renamed("the array meant_actions", INTENDED_ACTIONS)
    return np.asarray(group["meant_actions"])


def _observed_after(states: np.ndarray, joints: np.ndarray) -> bool:
    """Return whether observations are from after the action with the same index."""
    before = np.abs(joints - states[:, JOINTS]).max()
    after = np.abs(joints[:-1] - states[1:, JOINTS]).max()
    return bool(after < before)


def _final(group: Any, last: dict[str, np.ndarray], state: np.ndarray, orientation: str) -> dict[str, np.ndarray]:
    """Return the observation after the last action, or the last one again where the file lacks it."""
    observation = {**last, "sim_state": state}
    if "final_obs" not in group:
        return observation
    final = group["final_obs"]
    observation["sim_state"] = final["sim_state"][()]
    observation["state"] = np.concatenate([final["ee_states"][()], final["gripper_states"][()]]).astype(np.float32)
    for key, name in IMAGE_NAMES.items():
        if name in final:
            observation[key] = orient(final[name][()], orientation)
    return observation


def _attributes(group: Any, task: Task, success: bool) -> dict[str, Any]:
    if "libero_gym" in group.attrs:
        stored = json.loads(group.attrs["libero_gym"])
        lists = {key: np.array(value) for key, value in stored.items() if isinstance(value, list)}
        return {key: value for key, value in stored.items() if key not in ("id", "file")} | lists
    return {
        "task_id": task.id,
        "task_name": task.name,
        "instruction": task.instruction,
        "suite": task.suite,
        "split": "",
        "success": success,
        "settle_steps": 0,
        "asset_set": "official",
        "asset_version": "",
        "options/task": task.id,
        **_fixtures(str(group.attrs.get("model_file", "")), task),
    }


def _fixtures(model: str, task: Task) -> dict[str, Any]:
    """Return the fixtures' poses in a recorded MJCF model; LIBERO samples them at every reset."""
    names, positions, quaternions = [], [], []
    with contextlib.suppress(ElementTree.ParseError):
        bodies = {body.get("name", ""): body for body in ElementTree.fromstring(model).iter("body")} if model else {}
        for instance in task.definition.fixtures:
            body = bodies.get(f"{instance}_main")
            if body is not None:
                names.append(f"{instance}_main")
                positions.append([float(word) for word in re.split(r"\s+", body.get("pos", "0 0 0").strip())])
                quaternions.append([float(word) for word in re.split(r"\s+", body.get("quat", "1 0 0 0").strip())])
    return {
        "fixtures": json.dumps(names),
        "fixture_positions": np.array(positions).reshape(-1, 3),
        "fixture_quaternions": np.array(quaternions).reshape(-1, 4),
    }
