"""Open a Minari dataset and refuse what was not recorded in the environment that the policy will act in.

Axes: C actions a chunk, A action dimensions, T steps of an episode.
"""

import importlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from vla_trainer.algorithms import SFT
from vla_trainer.errors import DatasetError, MissingExtraError
from vla_trainer.finite import first_bad, float_arrays, index_text
from vla_trainer.provenance import provenance_of

STATISTICS_FILE = "dataset_statistics.json"
"""Beside a dataset's folder `data`, in the layout of published OpenVLA checkpoints."""
INTENDED_KEYS = ("intended_action", "meant_action")
"""Entries of an episode's infos that hold the intended actions: the present name, and the one before it."""
BROKEN = (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, AssertionError)
"""What Minari and h5py raise on damaged files."""


@dataclass(frozen=True)
class Demonstration:
    """One episode of T steps."""

    observations: Any
    """(T, ...), an array or a dict of them: the observation before each action."""
    actions: NDArray[np.floating]
    """(T, A), as executed."""
    intended: NDArray[np.floating] | None = None
    """(T, A), without the noise and disturbances that were added; None where the dataset does not have them."""


@dataclass(frozen=True)
class Demonstrations:
    """The episodes of a dataset that are learned from."""

    name: str
    dataset: Any
    """minari.MinariDataset"""
    episodes: tuple[int, ...]
    """Their ids."""
    steps: int
    """Of all episodes."""
    tasks: int
    """How many; 1 where episodes name none."""
    split: str | None
    """Of the initial states, where all episodes name the same."""
    statistics: tuple[str, dict[str, Any]] | None
    """Name and entry of its `dataset_statistics.json`, if there is one."""

    def __iter__(self) -> Iterator[Demonstration]:
        """Read one episode after another.

        Raises:
            DatasetError: an episode is missing, cut off or damaged, or has a number that is not finite.
        """
        for number in self.episodes:
            try:
                (episode,) = self.dataset.iterate_episodes([number])
                actions = np.asarray(episode.actions)
                if lost := set(_parts(self.dataset.observation_space)) - set(_parts(episode.observations)):
                    raise KeyError(f"no observations[{lost.pop()!r}]")
                observations = _until(episode.observations, len(actions))
                key, intended = _intended(episode.infos, actions)
            except BROKEN as error:
                raise DatasetError(f"{self.name}: episode {number} is cut off or damaged ({_short(error)})") from error
            recorded = [("actions", actions), (f'infos["{key}"]', intended)]
            for name, values in [*recorded, *float_arrays(observations, "observations")]:
                if values is not None and (bad := first_bad(values)) is not None:
                    raise DatasetError(
                        f"{self.name}: episode {number}, step {bad[0]}: {name}{index_text(bad)} is {values[bad]}; "
                        "demonstrations must be finite"
                    )
            yield Demonstration(observations, actions, intended)

    def __str__(self) -> str:
        return f"{self.name}: {len(self.episodes)} demonstrations of {self.tasks} task(s), {self.steps:,} steps"


def open_demonstrations(settings: SFT, envs: VectorEnv) -> Demonstrations:
    """Find the dataset and check that it fits `envs`.

    Raises:
        MissingExtraError: Minari is not installed.
        DatasetError: there is no such dataset, it is damaged, has fewer episodes than asked for, or is of another
            environment, action size, observation or asset set.
    """
    dataset = _open(settings)
    name = settings.dataset
    _check_env(name, dataset, envs)
    _check_actions(name, dataset, envs)
    _check_observations(name, dataset, envs)
    try:
        metadata = [dict(entry) for entry in dataset.storage.get_episode_metadata(dataset.episode_indices)]
        numbers = [int(number) for number in dataset.episode_indices]
    except BROKEN as error:
        raise DatasetError(f"{name}: its episodes cannot be listed ({_short(error)})") from error
    _check_assets(name, metadata, envs)
    chosen, tasks = _choose(name, metadata, settings.episodes_per_task, envs)
    splits = {_plain(metadata[row].get("split")) for row in chosen}
    return Demonstrations(
        name=name,
        dataset=dataset,
        episodes=tuple(numbers[row] for row in chosen),
        steps=sum(int(metadata[row].get("total_steps", 0)) for row in chosen),
        tasks=tasks,
        split=str(splits.pop()) if len(splits) == 1 and None not in splits else None,
        statistics=_statistics(Path(dataset.storage.data_path).parent / STATISTICS_FILE),
    )


def check_opens(settings: SFT) -> None:
    """Check, without environments, that there is such a dataset.

    Raises:
        MissingExtraError, DatasetError: as `open_demonstrations`.
    """
    _open(settings)


def _open(settings: SFT) -> Any:
    try:
        minari = importlib.import_module("minari")
        importlib.import_module("h5py")
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "demos") from error
    name = settings.dataset
    advice = f"; record it: {settings.recorded_by}" if settings.recorded_by else ""
    folder = Path(name).expanduser()
    is_path = name.startswith(("/", ".", "~")) or folder.is_dir()
    if is_path:
        data = folder if folder.name == "data" else folder / "data"
        if not (data / "metadata.json").is_file():
            raise DatasetError(f"algorithm.dataset={name}: there is no Minari dataset in this folder{advice}")
    try:
        return minari.MinariDataset(data) if is_path else minari.load_dataset(name)
    except FileNotFoundError as error:
        raise DatasetError(f"algorithm.dataset={name}: there is no such dataset here{advice}") from error
    except BROKEN as error:
        raise DatasetError(f"algorithm.dataset={name} cannot be opened: {_short(error)}{advice}") from error


def _check_env(name: str, dataset: Any, envs: VectorEnv) -> None:
    recorded, acting = dataset.env_spec, envs.spec
    if recorded is None or acting is None:
        return
    if recorded.id != acting.id:
        raise DatasetError(f'{name} is of the environment "{recorded.id}"; env.id is "{acting.id}"')
    for key, value in recorded.kwargs.items():
        if key in envs.metadata and envs.metadata[key] != value and key != "assets":
            raise DatasetError(f"{name} was recorded with {key}={value!r}; the environment has {envs.metadata[key]!r}")


def _check_actions(name: str, dataset: Any, envs: VectorEnv) -> None:
    space = envs.single_action_space
    assert space.shape is not None
    recorded = dataset.action_space
    if not isinstance(recorded, spaces.Box) or recorded.shape != space.shape[-1:]:
        raise DatasetError(
            f"{name} has actions {_described(recorded)}; the environment takes actions of {space.shape[-1]} numbers, "
            f"one a step: Box of shape {space.shape[-1:]}"
        )


def _check_observations(name: str, dataset: Any, envs: VectorEnv) -> None:
    recorded, acting = _parts(dataset.observation_space), _parts(envs.single_observation_space)
    for key, space in acting.items():
        where = "observations" if key is None else f'observations["{key}"]'
        if key not in recorded:
            raise DatasetError(
                f"{name} has no {where}, which the environment gives; it has {sorted(map(str, recorded))}"
            )
        if isinstance(space, spaces.Box) and (found := recorded[key].shape) != space.shape:
            raise DatasetError(
                f"{name} has {where} of shape {found}; the environment gives {space.shape}: make them equal, images "
                "by env.image_size"
            )


def _check_assets(name: str, metadata: list[dict[str, Any]], envs: VectorEnv) -> None:
    env, task = provenance_of(envs), envs.metadata.get("task_sha256")
    if env.assets is None:
        return
    for episode in metadata:
        if (recorded := _plain(episode.get("task_sha256"))) != task:
            raise DatasetError(
                f"{name} is of another task (SHA-256 {recorded or 'none'}) than the environment (SHA-256 "
                f"{task or 'none'}): choose the same task file"
            )
        assets, version = _plain(episode.get("asset_set")), _plain(episode.get("asset_version"))
        if assets is None:
            continue
        # a folder and the downloaded set are the same where their contents, and so their versions, are
        same = assets == env.assets or (bool(version) and version == env.assets_version)
        if not same or (version and env.assets_version and version != env.assets_version):
            raise DatasetError(
                f'{name} is of the asset set "{assets}" (version {version or "unknown"}); the environment has '
                f'"{env.assets}" (version {env.assets_version or "unknown"}): choose it by env.assets'
            )


def _choose(name: str, metadata: list[dict[str, Any]], per_task: int | None, envs: VectorEnv) -> tuple[list[int], int]:
    """Return the rows of the episodes that are used, and how many tasks they are of."""
    available = envs.metadata.get("init_states")
    taken: Counter[Any] = Counter()
    rows = []
    for row, episode in enumerate(metadata):
        task = _plain(episode.get("task_id"))
        if available is not None and task is not None and task not in available:
            continue  # of a task that env.task leaves out
        if per_task is None or taken[task] < per_task:
            taken[task] += 1
            rows.append(row)
    if not rows:
        raise DatasetError(f"{name} has no episodes" + (" of the tasks of the environment" if metadata else ""))
    missing = sorted(set(available or ()) - set(taken)) if None not in taken else []
    if missing:
        raise DatasetError(f"{name} has no demonstration of task {missing[0]}; it has tasks {sorted(taken)}")
    for task, count in taken.items():
        if per_task is not None and count < per_task:
            of_task = "" if task is None else f" of task {task}"
            raise DatasetError(f"{name} has {count} episodes{of_task}; algorithm.episodes_per_task={per_task}")
    return rows, len(taken)


def _statistics(path: Path) -> tuple[str, dict[str, Any]] | None:
    if not path.is_file():
        return None
    try:
        ((key, entry),) = json.loads(path.read_text(encoding="utf-8")).items()
    except BROKEN as error:
        raise DatasetError(f"{path} is not one dataset's statistics ({_short(error)})") from error
    return str(key), entry


def _intended(infos: Any, actions: NDArray[np.floating]) -> tuple[str, NDArray[np.floating] | None]:
    """Return the intended actions and the key that they were found at; None where there are none."""
    for key in INTENDED_KEYS:
        if infos and key in infos:
            intended = np.asarray(infos[key])
            if intended.shape != actions.shape:
                raise ValueError(f'infos["{key}"] has shape {intended.shape}, actions have {actions.shape}')
            return key, intended
    return INTENDED_KEYS[0], None


def _until(observations: Any, steps: int) -> Any:
    """Return observations without the one after the last action."""
    if isinstance(observations, Mapping):
        return {key: _until(value, steps) for key, value in observations.items()}
    if len(observations) < steps:
        raise ValueError(f"{len(observations)} observations of {steps} steps")
    return observations[:steps]


def _parts(space: Any) -> Mapping[Any, Any]:
    """Return the parts of a space or of observations by key, which is None where they are no dict."""
    if isinstance(space, spaces.Dict):
        return space.spaces
    return space if isinstance(space, Mapping) else {None: space}


def _described(space: spaces.Space) -> str:
    return f"of shape {space.shape}" if isinstance(space, spaces.Box) else f"of {space}"


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return value.decode() if isinstance(value, bytes) else value


def _short(error: BaseException) -> str:
    lines = str(error).strip("'\"").splitlines()
    return lines[0][:200] if lines else type(error).__name__
