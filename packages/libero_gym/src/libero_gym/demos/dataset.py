"""A Minari dataset that grows by whole episodes and can be read at every moment, also after a SIGKILL.

    NAME/dataset_statistics.json
    NAME/data/metadata.json         Minari's, and what was recorded how, under "libero_gym"
              main_data.hdf5        episode_0, episode_1, ...: attributes, and links to the arrays in
              episodes/*.hdf5       a file each; one that main_data.hdf5 does not link yet is pending

An HDF5 file is lost when its writer is killed. Here no file is ever changed: an episode's file gets its name when it is
whole, then a new main_data.hdf5 of some KB replaces the old one, then metadata.json. Minari reads
HDF5's external links like anything else; the folder must stay together.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.envs.registration import spec as registered

from libero_gym import spaces
from libero_gym.demos.episode_file import (
    GROUP,
    MEMBERS,
    Demonstration,
    check_group,
    plain,
    read_attributes,
    read_episode,
    sync,
)
from libero_gym.demos.extra import extra_module
from libero_gym.demos.header import HEADER_KEY, Header, read_header
from libero_gym.demos.location import Location
from libero_gym.demos.statistics import FILE_NAME, dataset_statistics, write_statistics
from libero_gym.errors import DatasetError, LiberoGymError
from libero_gym.options import EnvOptions
from libero_gym.provenance import same_assets
from libero_gym.tasks.own import OWN_ENV_ID, OWN_LIMIT, OWN_SUITE
from libero_gym.tasks.suites import RUNNABLE

#: What h5py raises on a damaged file, DatasetError (a ValueError) apart.
_DAMAGED = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


@dataclass(frozen=True)
class DemoRecord:
    """The metadata of an episode."""

    id: int
    attributes: dict[str, Any] = field(repr=False)

    @property
    def steps(self) -> int:
        """Control steps."""
        return int(self.attributes["total_steps"])


class DemoDataset:
    """A dataset on the disk."""

    def __init__(self, location: Location, header: Header, records: list[DemoRecord]) -> None:
        """Do not call it; use `create` or `open`."""
        self.location, self.header, self.records = location, header, records
        self.episodes_folder = location.data / "episodes"
        self._main = location.data / "main_data.hdf5"

    @classmethod
    def create(cls, location: Location, header: Header, options: EnvOptions, assets: str) -> DemoDataset:
        """Make a new dataset without episodes, whole or not at all.

        Args:
            location: of the dataset; the folder may exist, its `data` must not.
            header: what its episodes have in common.
            options: of the environment.
            assets: the `assets=` argument with which `recover_environment` finds the asset set.

        Raises:
            LiberoGymError: it cannot be written.
        """
        storage = extra_module("minari.dataset.minari_storage").MinariStorage
        h5py, minari = extra_module("h5py"), extra_module("minari")
        env_spec = _env_spec(header, assets)
        temporary = location.folder / f".data.{os.getpid()}"
        try:
            for stale in location.folder.glob(".data.*"):
                shutil.rmtree(stale, ignore_errors=True)
            temporary.mkdir(parents=True)
            storage.new(
                temporary,
                spaces.observation_space(options),
                spaces.action_space(options),
                env_spec,
                data_format="hdf5",
                jpeg_encoding=False,
            )
            h5py.File(temporary / "main_data.hdf5", "w", track_order=True).close()
            (temporary / "episodes").mkdir()
            metadata = json.loads((temporary / "metadata.json").read_text())
            eval_spec = _env_spec(header, assets, split="eval")
            metadata |= {
                "dataset_id": location.dataset_id,
                "minari_version": minari.__version__,
                "eval_env_spec": eval_spec.to_json(),
                "algorithm_name": header.source,
                "description": f"Demonstrations of {header.suite} on the asset set {header.assets}",
                "requirements": [f"libero-gym>={_version()}", f"mujoco=={header.mujoco}"],
                HEADER_KEY: asdict(header),
            }
            (temporary / "metadata.json").write_text(json.dumps(metadata))
            for name in ("metadata.json", "main_data.hdf5"):
                sync(temporary / name)
            temporary.rename(location.data)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise LiberoGymError(f"the dataset {location.folder} cannot be written ({error.strerror})") from error
        return cls(location, header, [])

    @classmethod
    def open(cls, location: Location) -> DemoDataset:
        """Open a dataset, after a check that every episode is whole.

        Raises:
            DatasetError: there is none, it is damaged, or of another environment or action size; it says which.
        """
        h5py = extra_module("h5py")
        metadata = _read_metadata(location)
        header = read_header(location, metadata)
        main = location.data / "main_data.hdf5"
        records: list[DemoRecord] = []
        try:
            with h5py.File(main, "r") as file:
                while (name := f"episode_{len(records)}") in file:
                    records.append(_read_record(file[name], len(records), location.data))
        except DatasetError:
            raise
        except _DAMAGED as error:
            raise DatasetError(f"{main} is cut off or damaged ({_short(error)})") from error
        if len(records) < metadata["total_episodes"]:
            raise DatasetError(
                f"{main} has {len(records)} episodes, {location.data / 'metadata.json'} speaks of "
                f"{metadata['total_episodes']}; the dataset is not whole"
            )
        return cls(location, header, records)

    def check_header(self, wanted: Header) -> None:
        """Check that episodes with another header can be added.

        Raises:
            DatasetError: they were recorded differently; it names the first difference.
        """
        have, want = asdict(self.header), asdict(wanted)
        for name in have:
            # a task is known by its hash: its file may have been moved
            if name in ("assets", "assets_version", "task_spec") or have[name] == want[name]:
                continue
            raise DatasetError(
                f"the dataset {self.location.dataset_id} has {name} {have[name]!r}, requested is {want[name]!r}; name "
                "another dataset, or request the same"
            )
        self.check_assets(wanted.assets, wanted.assets_version)

    def check_assets(self, name: str, version: str | None) -> None:
        """Check that an asset set is the dataset's.

        Raises:
            DatasetError: it is not.
        """
        if not same_assets((self.header.assets, self.header.assets_version), (name, version)):
            raise DatasetError(
                f"the dataset {self.location.dataset_id} is of the asset set {self.header.assets!r} (version "
                f"{self.header.assets_version or 'unknown'}), this is {name!r} (version {version or 'unknown'}); name "
                "the same set with --assets"
            )

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock for adding episodes.

        Raises:
            DatasetError: another process holds it.
        """
        with (self.location.data / ".lock").open("w") as file:
            try:
                import fcntl
            except ImportError:  # Windows has no such lock; there the user has to avoid two writers
                yield
                return
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise DatasetError(f"another process is recording into {self.location.dataset_id}") from None
            yield

    def add(self, file: Path) -> None:
        """Add an episode, whose file is in `episodes_folder` already.

        Raises:
            DatasetError: the file is not whole; LiberoGymError: the dataset cannot be written.
        """
        h5py = extra_module("h5py")
        record = DemoRecord(len(self.records), read_attributes(file) | {"file": file.name})
        temporary = self._main.with_name(f".{self._main.name}.{os.getpid()}")
        try:
            shutil.copyfile(self._main, temporary)
            with h5py.File(temporary, "a", track_order=True) as main:
                group = main.create_group(f"episode_{record.id}")
                group.attrs.update({"id": record.id, **record.attributes})
                for member in MEMBERS:
                    group[member] = h5py.ExternalLink(f"{self.episodes_folder.name}/{file.name}", f"/{GROUP}/{member}")
            sync(temporary)
            temporary.replace(self._main)
            self.records.append(record)
            self.write_metadata()
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise LiberoGymError(f"{self._main} cannot be written ({error})") from error

    def write_metadata(self) -> None:
        """Update the numbers of episodes and steps in Minari's metadata."""
        path = self.location.data / "metadata.json"
        size = sum(file.stat().st_size for file in self.location.data.rglob("*") if file.is_file())
        metadata = json.loads(path.read_text()) | {
            "total_episodes": len(self.records),
            "total_steps": sum(record.steps for record in self.records),
            "dataset_size": round(size / 1e6, 1),
        }
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(metadata))
        sync(temporary)
        temporary.replace(path)

    def pending_files(self) -> dict[str, Path]:
        """Return whole episodes that are not in the dataset yet, by file name, and remove unfinished files."""
        for path in self.location.data.glob(".*.[0-9]*"):
            path.unlink(missing_ok=True)
        linked = {str(record.attributes["file"]) for record in self.records}
        pending = {}
        for path in self.episodes_folder.iterdir():
            if path.name in linked:
                continue
            try:
                read_attributes(path)
            except DatasetError:
                path.unlink(missing_ok=True)
            else:
                pending[path.name] = path
        return pending

    def episode(self, number: int) -> Demonstration:
        """Read an episode with all of its arrays.

        Raises:
            DatasetError: its file is damaged.
        """
        with self._reading(number) as group:
            return read_episode(group)

    def trajectories(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the actions (T, 7) of each episode and the proprioception (T, 8) before each action.

        Raises:
            DatasetError: a file is damaged.
        """
        for record in self.records:
            with self._reading(record.id) as group:
                trajectory = group["actions"][()], group["observations"]["state"][:-1]
            yield trajectory

    @contextlib.contextmanager
    def _reading(self, number: int) -> Iterator[Any]:
        """Open the group of an episode; convert what HDF5 raises on damage to a DatasetError."""
        try:
            with extra_module("h5py").File(self._main, "r") as file:
                yield file[f"episode_{number}"]
        except _DAMAGED as error:
            raise DatasetError(
                f"{self._main}, episode {number}, is damaged ({_short(error)}); record it again"
            ) from error

    def statistics(self) -> dict[str, Any]:
        """Return the statistics of actions and proprioception, under the suite's name."""
        return dataset_statistics(self.header.suite, self.trajectories())

    def write_statistics(self) -> Path:
        """Compute the statistics and write them beside the data; return the file."""
        path = self.location.folder / FILE_NAME
        write_statistics(path, self.statistics())
        return path


def _env_spec(header: Header, assets: str, **changes: Any) -> EnvSpec:
    env_id, limit = (OWN_ENV_ID, OWN_LIMIT) if header.suite == OWN_SUITE else RUNNABLE[header.suite]
    env_spec = EnvSpec.from_json(registered(env_id).to_json())
    keys = ("suite", "split", "cameras", "image_size", "image_orientation", "render_quality", "settle_steps")
    env_spec.kwargs = {key: getattr(header, key) for key in keys} | {"assets": assets} | changes
    if header.task_spec is not None:
        env_spec.kwargs["task_spec"] = header.task_spec
    if header.max_episode_steps != limit:
        env_spec.kwargs["max_episode_steps"] = env_spec.max_episode_steps = header.max_episode_steps
    return env_spec


def _read_metadata(location: Location) -> dict[str, Any]:
    path = location.data / "metadata.json"
    try:
        metadata = json.loads(path.read_text())
        if not isinstance(metadata, dict) or not isinstance(metadata["total_episodes"], int):
            raise ValueError("not Minari's")
    except FileNotFoundError as error:
        raise DatasetError(f"there is no dataset {location.dataset_id} at {location.folder}") from error
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"{path} is cut off or damaged ({error})") from error
    return metadata


def _read_record(group: Any, number: int, data: Path) -> DemoRecord:
    link = group.get("actions", getlink=True)
    place = str(data / getattr(link, "filename", "main_data.hdf5"))
    try:
        check_group(group, place)
    except DatasetError:
        raise
    except _DAMAGED as error:
        raise DatasetError(f"{place}, episode {number}, is missing, cut off or damaged ({_short(error)})") from error
    return DemoRecord(number, {key: plain(value) for key, value in group.attrs.items()} | {"file": Path(place).name})


def _short(error: BaseException) -> str:
    return (str(error).strip("'\"").splitlines() or [type(error).__name__])[0][:200]


def _version() -> str:
    import libero_gym

    return libero_gym.__version__
