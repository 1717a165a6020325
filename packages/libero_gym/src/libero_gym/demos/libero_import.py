"""Read LIBERO's own HDF5 layout, see `libero_export`: its published files, OpenVLA's regenerated ones, and ours.

Which observation belongs to an action is found in the data: `joint_states` equals the arm's part of `states` before the
action, or after it. Where it is after it, as in LIBERO's published files, the first action is left out, because what
was seen before it is not there, and the last picture becomes the observation after the last action. Elsewhere the last
observation is repeated in that place, unless the file has it. The last `sim_state` is NaN where no file says it.
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
from libero_gym.demos.episode_file import Episode, write_episode
from libero_gym.demos.extra import extra_module
from libero_gym.demos.header import Header
from libero_gym.demos.libero_export import JOINTS, PICTURES, SUFFIX
from libero_gym.demos.location import Location
from libero_gym.engine.world import ACTION_SIZE
from libero_gym.errors import DatasetError, LiberoGymError, OptionError, SuiteError, unknown
from libero_gym.options import EnvOptions, check_options
from libero_gym.render.renderer import CAMERAS, ORIENTATIONS, orient
from libero_gym.tasks.definition import task_definition
from libero_gym.tasks.init_states import published_states
from libero_gym.tasks.suites import SUITES, Suite, Task, load_suite

SOURCE = "LIBERO HDF5"


def find_files(path: Path) -> list[Path]:
    """The files that a path means: itself, or the *_demo.hdf5 in it.

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
    """Make a dataset of LIBERO's files, all of one suite.

    Args:
        files: of `find_files`.
        location: where; there must be no dataset yet.
        suite: of the tasks; None for what the files' `bddl_file_name`, or their folder, says.
        orientation: how the dataset has the pictures: "rot180" or "upright".
        advance: called for each file.

    Raises:
        DatasetError: a file is cut off, of another environment or action size, or the dataset exists.
    """
    if orientation not in ORIENTATIONS:
        raise unknown(OptionError, "--orientation", orientation, ORIENTATIONS)
    if location.data.exists():
        raise DatasetError(f"there is a dataset {location.dataset_id} at {location.folder} already; name another one")
    # The dataset gets its name when all of it is there.
    work = Location(location.dataset_id, location.folder / f".import.{os.getpid()}")
    try:
        dataset = _import(files, work, suite, orientation, advance)
        work.data.rename(location.data)
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)
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
    """The suite that is run, and the task in it."""
    stored = json.loads(data.attrs["libero_gym"]) if "libero_gym" in data.attrs else {}
    bddl = Path(str(data.attrs.get("bddl_file_name", "")).replace("\\", "/"))
    name = bddl.stem or path.name.removesuffix(SUFFIX)
    said = (
        suite
        or stored.get("suite")
        or next((part for part in (bddl.parent.name, path.parent.name) if part in SUITES), None)
    )
    suites = [load_suite(said)] if said else [load_suite(each) for each in SUITES]
    found = [(loaded, task) for loaded in suites for task in loaded.tasks if task.name == name]
    if not found:
        env = data.attrs.get("env_name") or json.loads(data.attrs.get("env_args", "{}")).get("env_name", "unknown")
        where = suites[0].name if said else "LIBERO"
        raise DatasetError(f"{path} is of the environment {env!r}, task {name!r}, which {where} does not have")
    if len(found) > 1:
        raise SuiteError(
            f"{path}: task {name!r} is in {', '.join(one.name for one, _ in found)}; name one with --suite"
        )
    return found[0]


def _header(data: Any, suite: Suite, episode: Episode, orientation: str) -> tuple[Header, EnvOptions, str]:
    """The dataset's header, the options that give its spaces, and its `assets=` argument."""
    cameras = [camera for camera, (key, _) in CAMERAS.items() if key in episode.observations]
    size = next((array.shape[1] for key, array in episode.observations.items() if key in PICTURES), 128)
    # For the spaces alone, which no asset set changes; LIBERO's own might have to be downloaded.
    options = check_options(
        suite.name, split="train", cameras=cameras, image_size=size, image_orientation=orientation, assets="builtin"
    )
    if "libero_gym" in data.attrs:
        known = json.loads(data.attrs["libero_gym"])
        header = replace(Header(**known), image_orientation=orientation, cameras=cameras)
    else:
        header = replace(
            Header.of(options, SOURCE), assets="official", assets_version="", settle_steps=0, mujoco=mujoco.__version__
        )
    built_in = header.assets.startswith(BUILTIN_PREFIX)
    return header, options, "builtin" if built_in else "official" if header.assets == "official" else "auto"


def _read(group: Any, task: Task, place: str, orientation: str) -> Episode:
    """One demonstration as an episode.

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
    seen = {"state": np.concatenate([poses, obs["gripper_states"][()]], axis=1).astype(np.float32)}
    for key, name in PICTURES.items():
        if name in obs:
            seen[key] = np.ascontiguousarray(orient(obs[name][()], orientation))
    lengths = {len(actions), len(states), *(len(array) for array in seen.values())}
    if len(lengths) > 1 or len(actions) < 2:
        raise DatasetError(f"{place} has arrays for {sorted(lengths)} control steps; expected one length, of 2 or more")
    rewards = (
        group["rewards"][()].astype(np.float64) if "rewards" in group else np.eye(1, len(actions), len(actions) - 1)[0]
    )
    unknown_state = np.full(width, np.nan)
    meant = group["meant_actions"][()] if "meant_actions" in group else None
    if meant is not None and meant.shape != actions.shape:
        raise DatasetError(f"{place} has meant_actions of shape {meant.shape}; expected {actions.shape}")
    if _seen_after(states, obs["joint_states"][()]):
        actions, rewards, states = actions[1:], rewards[1:], np.concatenate([states[1:], unknown_state[None]])
        meant = None if meant is None else meant[1:]
    else:
        last = _final(group, {key: array[-1] for key, array in seen.items()}, unknown_state, orientation)
        seen = {key: np.concatenate([array, last[key][None]]) for key, array in seen.items()}
        states = np.concatenate([states, last["sim_state"][None]])
    success = bool(rewards[-1] > 0)
    ends = np.arange(len(actions)) == len(actions) - 1
    return Episode(
        observations=seen,
        instruction=task.instruction,
        actions=actions.astype(np.float32),
        rewards=rewards,
        terminations=ends & success,
        truncations=ends & (not success),
        sim_states=states.astype(np.float64),
        meant_actions=meant,
        attributes=_attributes(group, task, success),
    )


def _seen_after(states: np.ndarray, joints: np.ndarray) -> bool:
    """Whether observations are those after the action of the same number."""
    before = np.abs(joints - states[:, JOINTS]).max()
    after = np.abs(joints[:-1] - states[1:, JOINTS]).max()
    return bool(after < before)


def _final(group: Any, last: dict[str, np.ndarray], state: np.ndarray, orientation: str) -> dict[str, np.ndarray]:
    """The observation after the last action, or the last one again."""
    known = {**last, "sim_state": state}
    if "final_obs" not in group:
        return known
    final = group["final_obs"]
    known["sim_state"] = final["sim_state"][()]
    known["state"] = np.concatenate([final["ee_states"][()], final["gripper_states"][()]]).astype(np.float32)
    for key, name in PICTURES.items():
        if name in final:
            known[key] = orient(final[name][()], orientation)
    return known


def _attributes(group: Any, task: Task, success: bool) -> dict[str, Any]:
    if "libero_gym" in group.attrs:
        known = json.loads(group.attrs["libero_gym"])
        lists = {key: np.array(value) for key, value in known.items() if isinstance(value, list)}
        return {key: value for key, value in known.items() if key not in ("id", "file")} | lists
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
    """Where a recorded MJCF model has the fixtures; LIBERO draws their poses anew at every reset."""
    names, positions, quaternions = [], [], []
    with contextlib.suppress(ElementTree.ParseError):
        bodies = {body.get("name", ""): body for body in ElementTree.fromstring(model).iter("body")} if model else {}
        for instance in task_definition(task).fixtures:
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
