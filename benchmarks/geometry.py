"""What depth and segmentation cost: `python benchmarks/geometry.py --json benchmarks/results/geometry.json`.

An environment with two cameras steps beside the same one without depth and segmentation, A B A B ...; reported is the
median ratio of the pairs with its quartiles. All of them take the same actions from the same initial state. Processor
time is counted, which is what software OpenGL takes and what other programs on the machine change least.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
from compact_json import write_json

import libero_gym  # noqa: F401  # registers the environments
from libero_gym.render.gl import choose_backend

EXTRAS: dict[str, dict[str, bool]] = {
    "depth": {"depth": True},
    "segmentation": {"segmentation": True},
    "depth_and_segmentation": {"depth": True, "segmentation": True},
    "camera_parameters": {"camera_parameters": True},
}
CHUNK, CHUNKS = 8, 3


def make(assets: str, size: int, quality: str, **extras: bool) -> gymnasium.Env[Any, Any]:
    """Make libero_spatial task 0 with chunks of 8 actions, reset once."""
    env = gymnasium.make(
        "libero/Spatial-v0",
        task=0,
        assets=assets,
        image_size=size,
        render_quality=quality,
        action_chunk=CHUNK,
        disable_env_checker=True,
        **extras,
    )
    env.reset(seed=0)
    return env


def seconds(env: gymnasium.Env[Any, Any], actions: np.ndarray) -> float:
    """Return the processor time of some chunks from the same initial state, without the reset."""
    env.reset(seed=0, options={"init_state": 0})
    begin = time.process_time()
    for chunk in actions:
        env.step(chunk)
    return time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", default="builtin")
    parser.add_argument("--size", type=int, default=128, help="height and width of the images, pixels")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    actions = np.random.default_rng(0).uniform(-1, 1, (CHUNKS, CHUNK, 7)).astype(np.float32)
    results: dict[str, Any] = {
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "versions": {"mujoco": mujoco.__version__, "gymnasium": gymnasium.__version__, "opengl": choose_backend()},
        "assets": given.assets,
        "image_size": given.size,
    }
    for quality in ("reference", "fast"):
        plain = make(given.assets, given.size, quality)
        for name, extras in EXTRAS.items():
            env = make(given.assets, given.size, quality, **extras)
            seconds(env, actions), seconds(plain, actions)
            rows = [(seconds(plain, actions), seconds(env, actions)) for _ in range(given.pairs)]
            ratios = [wanted / without for without, wanted in rows]
            results[f"{name}_{quality}"] = {
                "ratio": statistics.median(ratios),
                "quartiles": [float(value) for value in np.quantile(ratios, [0.25, 0.75])],
                "plain_seconds_a_chunk": statistics.median(without for without, _ in rows) / CHUNKS,
            }
            print(f"{name}, {quality}: {results[f'{name}_{quality}']}", flush=True)
            env.close()
        plain.close()
    if given.json is not None:
        write_json(given.json, results)


if __name__ == "__main__":
    main()
