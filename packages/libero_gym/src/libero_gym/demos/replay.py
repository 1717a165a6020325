"""Execute a dataset's actions again, without rendering, and compare."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from libero_gym.demos.attempts import EpisodeRunner
from libero_gym.demos.dataset import DemoDataset
from libero_gym.demos.episode_file import Demonstration
from libero_gym.demos.location import Location
from libero_gym.demos.worker_pool import WorkerPool
from libero_gym.engine.world import World
from libero_gym.errors import DatasetError, LiberoGymError
from libero_gym.options import check_options
from libero_gym.scene.fixtures import FixturePoses


@dataclass(frozen=True)
class ReplayResult:
    """The outcome of an episode that was executed again."""

    id: int
    task_id: int
    instruction: str
    steps: int
    recorded_success: bool
    success: bool
    difference: float
    """Largest difference of a joint position (metres, radians, parts of a quaternion) at any step; 0 where the episode
    was repeated to the last bit."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


class Replayer:
    """Executes episodes, in a process of its own."""

    def __init__(self, location: Location, assets: str | Path) -> None:
        """
        Args:
            location: of the dataset.
            assets: see `LiberoEnv`.

        Raises:
            DatasetError: the dataset is damaged, or of another asset set.
        """
        self._dataset = DemoDataset.open(location)
        header = self._dataset.header
        options = check_options(
            header.suite,
            split=header.split,
            cameras=(),
            assets=assets,
            settle_steps=header.settle_steps,
            max_episode_steps=-1,
            task_spec=header.task_spec,
        )
        self._dataset.check_assets(options.scenes.name, options.scenes.version)
        self._runner = EpisodeRunner(options)

    def __call__(self, number: int) -> ReplayResult:
        """Execute the episode with this number.

        Raises:
            DatasetError: it does not fit the scene.
        """
        recorded = self._dataset.episode(number)
        attributes = recorded.attributes
        task = int(attributes["task_id"])
        if "init_state" in attributes:
            episode = self._runner.begin(task, int(attributes["seed"]), init_state=int(attributes["init_state"]))
        else:
            state = recorded.sim_states[0]
            try:
                episode = self._runner.begin(task, int(attributes.get("seed", 0)), sim_state=state)
                episode.world.reset(state, _fixture_poses(episode.world, recorded))
            except LiberoGymError as error:
                raise DatasetError(f"episode {number} does not fit its scene: {error}") from error
        world = episode.world
        _check_size(number, world, recorded)
        qpos = slice(1, 1 + world.model.nq)
        difference = 0.0
        for step, action in enumerate(recorded.actions):
            if not step:
                difference = _largest_difference(world.get_sim_state()[qpos], recorded.sim_states[0][qpos])
            episode.advance(action)
            difference = max(
                difference, _largest_difference(world.get_sim_state()[qpos], recorded.sim_states[step + 1][qpos])
            )
            if episode.over:
                break
        return ReplayResult(
            id=number,
            task_id=task,
            instruction=str(attributes["instruction"]),
            steps=episode.elapsed_steps,
            recorded_success=bool(attributes["success"]),
            success=episode.success,
            difference=difference,
        )

    def close(self) -> None:
        """Do nothing: no resource is held."""


def replay(
    dataset: DemoDataset, assets: str | Path, workers: int, advance: Callable[[object], None] = lambda _: None
) -> list[ReplayResult]:
    """Execute all episodes and return their outcomes in order.

    Args:
        dataset: what to execute.
        assets: see `LiberoEnv`; the dataset's asset set.
        workers: processes; with 1, this process does the work.
        advance: called for each episode.

    Raises:
        DatasetError: another asset set, or an episode that does not fit its scene.
    """
    header = dataset.header
    scenes = check_options(header.suite, cameras=(), assets=assets, task_spec=header.task_spec).scenes
    dataset.check_assets(scenes.name, scenes.version)
    pool = WorkerPool(workers, Replayer, dataset.location, assets)
    remaining = [record.id for record in reversed(dataset.records)]
    results: list[ReplayResult] = []
    try:
        while remaining or pool.pending:
            while remaining and pool.free:
                pool.submit(remaining.pop())
            results.append(pool.collect())
            advance(None)
    finally:
        pool.close()
    return sorted(results, key=lambda result: result.id)


def _largest_difference(now: np.ndarray, recorded: np.ndarray) -> float:
    """Return the largest difference; 0 where an imported dataset does not know the state, which is NaN then."""
    return 0.0 if np.isnan(recorded).any() else float(np.abs(now - recorded).max(initial=0.0))


def _check_size(number: int, world: World, recorded: Demonstration) -> None:
    if recorded.sim_states.shape[1] != world.state_size:
        raise DatasetError(
            f"episode {number} has states of {recorded.sim_states.shape[1]} values; {world.scene.table.task_name} with "
            f"assets {world.scene.table.assets!r} has {world.state_size}"
        )


def _fixture_poses(world: World, recorded: Demonstration) -> FixturePoses:
    """Return the poses of an imported episode's fixtures, as far as it has them."""
    bodies, indices = [], []
    for index, name in enumerate(json.loads(recorded.attributes.get("fixtures", "[]"))):
        body = mujoco.mj_name2id(world.model, mujoco.mjtObj.mjOBJ_BODY, name)
        if body >= 0:
            bodies.append(body)
            indices.append(index)
    positions = np.asarray(recorded.attributes.get("fixture_positions", np.zeros((0, 3)))).reshape(-1, 3)
    quaternions = np.asarray(recorded.attributes.get("fixture_quaternions", np.zeros((0, 4)))).reshape(-1, 4)
    return FixturePoses(np.array(bodies, dtype=np.int64), positions[indices], quaternions[indices])
