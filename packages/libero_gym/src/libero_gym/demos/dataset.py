"""A Minari dataset that grows by whole episodes and can be read at every moment, a SIGKILL's too.

    NAME/dataset_statistics.json
    NAME/data/metadata.json         Minari's, and what was recorded how, under "libero_gym"
              main_data.hdf5        episode_0, episode_1, ...: attributes, and links to the arrays in
              episodes/*.hdf5       a file each; one that main_data.hdf5 does not name yet waits for its turn

HDF5 files that are being written are lost when the writer is killed. Here no file is ever changed: an episode's gets
its name when it is whole, then a new main_data.hdf5 of some KB replaces the old one, then metadata.json. Minari reads
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
    Episode,
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
from libero_gym.tasks.suites import RUNNABLE

#: What h5py raises on a damaged file, DatasetError (a ValueError) apart.
_DAMAGED = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


@dataclass(frozen=True)
class Record:
    """An episode without its arrays."""

    id: int
    attributes: dict[str, Any] = field(repr=False)

    @property
    def steps(self) -> int:
        """Control steps."""
        return int(self.attributes["total_steps"])


class DemoDataset:
    """A dataset on the disk."""

    def __init__(self, location: Location, header: Header, records: list[Record]) -> None:
        """Use `create` or `open`."""
        self.location, self.header, self.records = location, header, records
        self.episodes_folder = location.data / "episodes"
        self._main = location.data / "main_data.hdf5"

    @classmethod
    def create(cls, location: Location, header: Header, options: EnvOptions, assets: str) -> DemoDataset:
        """A new dataset without episodes, whole or not at all.

        Args:
            location: where; the folder may exist, its `data` must not.
            header: what its episodes have in common.
            options: of the environment.
            assets: the `assets=` argument with which `recover_environment` finds the asset set.

        Raises:
            LiberoGymError: it cannot be written.
        """
        storage = extra_module("minari.dataset.minari_storage").MinariStorage
        h5py, minari = extra_module("h5py"), extra_module("minari")
        env_spec = _env_spec(header, assets)
        work = location.folder / f".data.{os.getpid()}"
        try:
            for left in location.folder.glob(".data.*"):
                shutil.rmtree(left, ignore_errors=True)
            work.mkdir(parents=True)
            storage.new(
                work,
                spaces.observation_space(options),
                spaces.action_space(options),
                env_spec,
                data_format="hdf5",
                jpeg_encoding=False,
            )
            h5py.File(work / "main_data.hdf5", "w", track_order=True).close()
            (work / "episodes").mkdir()
            metadata = json.loads((work / "metadata.json").read_text())
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
            (work / "metadata.json").write_text(json.dumps(metadata))
            for name in ("metadata.json", "main_data.hdf5"):
                sync(work / name)
            work.rename(location.data)
        except OSError as error:
            shutil.rmtree(work, ignore_errors=True)
            raise LiberoGymError(f"the dataset {location.folder} cannot be written ({error.strerror})") from error
        return cls(location, header, [])

    @classmethod
    def open(cls, location: Location) -> DemoDataset:
        """A dataset with all of its episodes, each of which is found to be whole.

        Raises:
            DatasetError: there is none, it is damaged, or of another environment or action size; it says which.
        """
        h5py = extra_module("h5py")
        metadata = _read_metadata(location)
        header = read_header(location, metadata)
        main = location.data / "main_data.hdf5"
        records: list[Record] = []
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
        """Refuse to add what was recorded differently.

        Raises:
            DatasetError: it names the first difference.
        """
        have, want = asdict(self.header), asdict(wanted)
        for name in have:
            if name in ("assets", "assets_version") or have[name] == want[name]:
                continue
            raise DatasetError(
                f"the dataset {self.location.dataset_id} has {name} {have[name]!r}, asked for is {want[name]!r}; name "
                "another dataset, or ask for the same"
            )
        self.check_assets(wanted.assets, wanted.assets_version)

    def check_assets(self, name: str, version: str | None) -> None:
        """Refuse another asset set.

        Raises:
            DatasetError: the sets differ.
        """
        if not same_assets((self.header.assets, self.header.assets_version), (name, version)):
            raise DatasetError(
                f"the dataset {self.location.dataset_id} is of the asset set {self.header.assets!r} (version "
                f"{self.header.assets_version or 'unknown'}), this is {name!r} (version {version or 'unknown'}); name "
                "the same set with --assets"
            )

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from adding episodes.

        Raises:
            DatasetError: another process does.
        """
        with (self.location.data / ".lock").open("w") as lock:
            try:
                import fcntl
            except ImportError:  # no such thing on Windows; two writers are then the user's to avoid
                yield
                return
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise DatasetError(f"another process is recording into {self.location.dataset_id}") from None
            yield

    def add(self, file: Path) -> None:
        """Take over an episode's file, which lies in `episodes_folder`.

        Raises:
            DatasetError: it is not whole; LiberoGymError: the dataset cannot be written.
        """
        h5py = extra_module("h5py")
        record = Record(len(self.records), read_attributes(file) | {"file": file.name})
        work = self._main.with_name(f".{self._main.name}.{os.getpid()}")
        try:
            shutil.copyfile(self._main, work)
            with h5py.File(work, "a", track_order=True) as main:
                group = main.create_group(f"episode_{record.id}")
                group.attrs.update({"id": record.id, **record.attributes})
                for member in MEMBERS:
                    group[member] = h5py.ExternalLink(f"{self.episodes_folder.name}/{file.name}", f"/{GROUP}/{member}")
            sync(work)
            work.replace(self._main)
            self.records.append(record)
            self.write_metadata()
        except OSError as error:
            work.unlink(missing_ok=True)
            raise LiberoGymError(f"{self._main} cannot be written ({error})") from error

    def write_metadata(self) -> None:
        """Have Minari's metadata count the episodes that there are."""
        path = self.location.data / "metadata.json"
        size = sum(file.stat().st_size for file in self.location.data.rglob("*") if file.is_file())
        metadata = json.loads(path.read_text()) | {
            "total_episodes": len(self.records),
            "total_steps": sum(record.steps for record in self.records),
            "dataset_size": round(size / 1e6, 1),
        }
        work = path.with_name(f".{path.name}.{os.getpid()}")
        work.write_text(json.dumps(metadata))
        sync(work)
        work.replace(path)

    def waiting(self) -> dict[str, Path]:
        """Whole episodes that are not in the dataset yet, by file name; what is left of unfinished files is removed."""
        for path in self.location.data.glob(".*.[0-9]*"):
            path.unlink(missing_ok=True)
        taken = {str(record.attributes["file"]) for record in self.records}
        found = {}
        for path in self.episodes_folder.iterdir():
            if path.name in taken:
                continue
            try:
                read_attributes(path)
            except DatasetError:
                path.unlink(missing_ok=True)
            else:
                found[path.name] = path
        return found

    def episode(self, number: int) -> Episode:
        """Read an episode with all of its arrays.

        Raises:
            DatasetError: its file is damaged.
        """
        with self._reading(number) as group:
            return read_episode(group)

    def motions(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield of each episode the actions (T, 7), and the proprioception (T, 8) before each of them.

        Raises:
            DatasetError: a file is damaged.
        """
        for record in self.records:
            with self._reading(record.id) as group:
                motion = group["actions"][()], group["observations"]["state"][:-1]
            yield motion

    @contextlib.contextmanager
    def _reading(self, number: int) -> Iterator[Any]:
        """The open group of an episode; what HDF5 raises on damage becomes a DatasetError."""
        try:
            with extra_module("h5py").File(self._main, "r") as file:
                yield file[f"episode_{number}"]
        except _DAMAGED as error:
            raise DatasetError(
                f"{self._main}, episode {number}, is damaged ({_short(error)}); record it again"
            ) from error

    def statistics(self) -> dict[str, Any]:
        """Of actions and proprioception, under the suite's name."""
        return dataset_statistics(self.header.suite, self.motions())

    def write_statistics(self) -> Path:
        """Compute them and write them beside the data."""
        path = self.location.folder / FILE_NAME
        write_statistics(path, self.statistics())
        return path


def _env_spec(header: Header, assets: str, **changes: Any) -> EnvSpec:
    env_id, limit = RUNNABLE[header.suite]
    made = EnvSpec.from_json(registered(env_id).to_json())
    keys = ("suite", "split", "cameras", "image_size", "image_orientation", "render_quality", "settle_steps")
    made.kwargs = {key: getattr(header, key) for key in keys} | {"assets": assets} | changes
    if header.max_episode_steps != limit:
        made.kwargs["max_episode_steps"] = made.max_episode_steps = header.max_episode_steps
    return made


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


def _read_record(group: Any, number: int, data: Path) -> Record:
    link = group.get("actions", getlink=True)
    place = str(data / getattr(link, "filename", "main_data.hdf5"))
    try:
        check_group(group, place)
    except DatasetError:
        raise
    except _DAMAGED as error:
        raise DatasetError(f"{place}, episode {number}, is missing, cut off or damaged ({_short(error)})") from error
    return Record(number, {key: plain(value) for key, value in group.attrs.items()} | {"file": Path(place).name})


def _short(error: BaseException) -> str:
    return (str(error).strip("'\"").splitlines() or [type(error).__name__])[0][:200]


def _version() -> str:
    import libero_gym

    return libero_gym.__version__
