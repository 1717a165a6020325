"""The harness's own benchmark, runner and connection against our server: `inside_vla_eval.py URL OUT ASSETS`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
import numpy as np

from libero_gym.scene.libero_import import import_libero

STEPS = 18


async def main(url: str, out: str) -> None:
    from vla_eval.benchmarks.libero.benchmark import LIBEROBenchmark
    from vla_eval.connection import Connection
    from vla_eval.runners.sync_runner import SyncEpisodeRunner

    connection = Connection(url, timeout=120.0)
    await connection.connect(benchmark="libero")
    assert connection.server_info["model_server"] == "OpenVLAOFTServer"
    asked = connection.server_info["observation_params"]
    assert asked == {"env_seed": 0, "quat_no_antipodal": True, "send_wrist_image": True, "send_state": True}

    # two sessions at once are answered by one batch, each with what it sees
    other = Connection(url, timeout=120.0)
    await other.connect(benchmark="libero")
    rng, answers = np.random.default_rng(0), {}
    shown = [
        {
            "images": {name: rng.integers(0, 256, (256, 256, 3), dtype=np.uint8) for name in ("agentview", "wrist")},
            "states": rng.normal(size=8),
            "task_description": "open the drawer",
        }
        for _ in range(2)
    ]

    async def ask(session: Connection, observation: dict, name: str) -> None:
        await session.start_episode({"task": {"name": "open the drawer"}})
        answers[name] = np.asarray((await session.act(observation))["actions"])
        await session.end_episode({"metrics": {"success": False}, "steps": 1})

    async with anyio.create_task_group() as group:
        group.start_soon(ask, connection, shown[0], "first")
        group.start_soon(ask, other, shown[1], "second")
    await ask(other, shown[0], "again")
    assert answers["first"].shape == answers["second"].shape == (7,)
    np.testing.assert_allclose(answers["again"], answers["first"], atol=1e-5)
    assert not np.allclose(answers["second"], answers["first"], atol=1e-5)
    await other.close()

    seen: list[tuple[dict, np.ndarray]] = []

    class Recorded(LIBEROBenchmark):
        def make_obs(self, raw_obs, task):
            self.observed = super().make_obs(raw_obs, task)
            return self.observed

        def step(self, action):
            seen.append((self.observed, np.asarray(action["actions"])))
            return super().step(action)

    benchmark = Recorded(suite="libero_spatial", **asked)
    assert benchmark.get_action_spec().keys() == connection.server_info["action_spec"].keys()
    assert benchmark.get_observation_spec().keys() == connection.server_info["observation_spec"].keys()
    task = benchmark.get_tasks()[2] | {"episode_idx": 0}
    result = await SyncEpisodeRunner().run_episode(benchmark, task, connection, max_steps=STEPS)
    assert result["steps"] == STEPS, result
    assert result["metrics"] == {"success": False}, result

    parts = {
        "image": [observed["images"]["agentview"] for observed, _ in seen],
        "wrist_image": [observed["images"]["wrist"] for observed, _ in seen],
        "state": [observed["states"] for observed, _ in seen],
        "instruction": [observed["task_description"] for observed, _ in seen],
        "actions": [action for _, action in seen],
    }
    np.savez(out, **{key: np.array(values) for key, values in parts.items()})
    await connection.close()
    benchmark.cleanup()
    print("done")


if __name__ == "__main__":
    import_libero(Path(sys.argv[3]), os.environ["MUJOCO_GL"])
    import libero.libero

    # LIBERO reads its paths again whenever it looks for a file
    libero.libero.config_file = str(Path(os.environ["LIBERO_CONFIG_PATH"]) / "config.yaml")
    anyio.run(main, *sys.argv[1:3])
