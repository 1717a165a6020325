"""Published evaluation loops against LIBERO: `python benchmarks/protocols.py --json benchmarks/results/protocols.json`.

Each loop is run on LIBERO's own environment as its repository has it (`tests/libero_gym/protocol_oracle.py`), and by
`gymnasium.make(..., protocol=NAME)`: three tasks of each suite, the first or second episode of each. What the policy
sees after settling and after each of two random actions is compared: images of both cameras, and the state. It takes
half an hour on 2 cores; LIBERO builds its scenes for ten seconds at each reset. A run that was broken off goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from compact_json import write_json

import libero_gym  # noqa: F401  # registers the environments
from libero_gym.assets import resolve_assets
from libero_gym.render.gl import choose_backend
from libero_gym.tasks import load_suite

ORACLE = Path(__file__).resolve().parents[1] / "tests" / "libero_gym" / "protocol_oracle.py"
TASKS = {
    "libero_spatial": (0, 3, 9),
    "libero_object": (0, 4, 8),
    "libero_goal": (0, 2, 7),
    "libero_10": (0, 2, 3),
    "libero_90": (0, 30, 70),
}
#: Loop -> the initial state that is compared; openvla-oft's second episode depends on its first.
EPISODES = {"openvla-oft": 1, "rlinf": 0, "lerobot": 0}
SIZE, STEPS = 32, 2


def published(assets: Path, episodes: list[dict[str, Any]]) -> list[dict[str, np.ndarray]]:
    """Return what LIBERO shows in each episode: images (1 + STEPS, H, W, 3) and `state` (1 + STEPS, 8)."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "rows.npz")
        request = {"assets": str(assets), "episodes": episodes, "image_size": SIZE, "steps": STEPS, "out": str(out)}
        environment = {**os.environ, "MUJOCO_GL": choose_backend()}
        command = [sys.executable, str(ORACLE)]
        subprocess.run(command, input=json.dumps(request), env=environment, text=True, check=True)
        with np.load(out) as rows:
            return [
                {key: rows[f"{number}_{key}"] for key in ("image", "wrist_image", "state")}
                for number in range(len(episodes))
            ]


def compared(assets: str | Path, episode: dict[str, Any], theirs: dict[str, np.ndarray]) -> dict[str, int]:
    """Return how many numbers of our images and states differ from LIBERO's, of how many."""
    sys.path.insert(0, str(ORACLE.parent))
    from oracle import actions

    env = gymnasium.make(
        load_suite(episode["suite"]).env_id,
        task=episode["index"],
        assets=assets,
        image_size=SIZE,
        protocol=episode["protocol"],
    )
    observations = [env.reset(seed=99, options={"init_state": episode["state"]})[0]]
    observations += [env.step(action)[0] for action in actions(STEPS)]
    env.close()
    counts = dict.fromkeys(("colours", "colours_unequal", "state_values", "state_values_unequal"), 0)
    for step, ours in enumerate(observations):
        for key in ("image", "wrist_image"):
            counts["colours"] += ours[key].size
            counts["colours_unequal"] += int((ours[key] != theirs[key][step][::-1, ::-1]).sum())
        counts["state_values"] += ours["state"].size
        counts["state_values_unequal"] += int((ours["state"] != theirs["state"][step].astype(np.float32)).sum())
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", default="official", help="asset set")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    # by their path: under its own name the built-in set shows a coarser robot than LIBERO does
    assets = resolve_assets(args.assets).folder if args.assets == "builtin" else args.assets
    done = json.loads(args.json.read_text()) if args.json.exists() else {"rows": []}
    rows = {(row["assets"], row["suite"], row["task"], row["protocol"]): row for row in done["rows"]}
    for suite, tasks in TASKS.items():
        for task in tasks:
            missing = [name for name in EPISODES if (args.assets, suite, task, name) not in rows]
            episodes = [{"suite": suite, "index": task, "protocol": name, "state": EPISODES[name]} for name in missing]
            found = published(resolve_assets(args.assets).folder, episodes) if episodes else []
            for name, episode, theirs in zip(missing, episodes, found, strict=True):
                row = {"assets": args.assets, "suite": suite, "task": task, "protocol": name}
                rows[args.assets, suite, task, name] = row | compared(assets, episode, theirs)
            machine = {"processor": platform.machine(), "cores": os.cpu_count()}
            write_json(args.json, {"machine": machine, "rows": list(rows.values())})
            print(f"{suite} {task}: {[rows[args.assets, suite, task, name] for name in EPISODES]}", flush=True)
    unequal = [row for row in rows.values() if row["colours_unequal"] or row["state_values_unequal"]]
    print(f"{len(rows)} episodes, {len(unequal)} with unequal numbers: {unequal}")


if __name__ == "__main__":
    main()
