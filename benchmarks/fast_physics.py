"""What `physics_quality` "fast" and "soft" give, and change: `python benchmarks/fast_physics.py [--policy CHECKPOINT]`.

Control steps a second without pictures, the qualities in turn, A B C A B C ..., as ratios to "reference", medians with
their ranges; the scripted expert on published states of each task of libero_spatial, with each; and, with a checkpoint
of a tiny recipe, `vla-eval` of the suite's published states with each. That is what training with them rests on: what
solves a task in one solves it in the others.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from compact_json import write_json
from learning import processor

from libero_gym.env import LiberoEnv
from libero_gym.expert import Expert

SUITE, STATES = "libero_spatial", 50
QUALITIES = ("reference", "fast", "soft")
RECIPE = "tiny_spatial_grpo_from_sft"


def play(env: LiberoEnv, state: int) -> tuple[bool, int, float]:
    """The expert's episode from a published state: success, control steps, seconds of them."""
    env.reset(seed=state, options={"init_state": state})
    steps, seconds, solved = 0, 0.0, False
    for action in Expert(env.world, np.random.default_rng(state)).actions():
        begin = time.perf_counter()
        *_, solved, truncated, _ = env.step(action.astype(np.float32))
        seconds += time.perf_counter() - begin
        steps += 1
        if solved or truncated:
            break
    return bool(solved), steps, seconds


def expert(assets: str, per_task: int) -> dict[str, Any]:
    """The qualities in turn, state by state; a state's ratio is of its control steps a second."""
    solved: dict[str, list[int]] = {quality: [] for quality in QUALITIES}
    steps: dict[str, list[int]] = {quality: [] for quality in QUALITIES}
    ratios: dict[str, list[float]] = {quality: [] for quality in QUALITIES[1:]}
    for task in range(10):
        envs = {
            quality: LiberoEnv(SUITE, task=task, cameras=(), assets=assets, physics_quality=quality)
            for quality in QUALITIES
        }
        won = dict.fromkeys(QUALITIES, 0)
        for state in (round(i * STATES / per_task) for i in range(per_task)):
            rate = {}
            for quality, env in envs.items():
                success, taken, seconds = play(env, state)
                won[quality] += success
                steps[quality] += [taken] if success else []
                rate[quality] = taken / seconds
            for quality, of_states in ratios.items():
                of_states.append(rate[quality] / rate["reference"])
        for quality, env in envs.items():
            solved[quality].append(won[quality])
            env.close()
    return {
        "control_steps_a_second_over_reference": {
            quality: {
                "median": statistics.median(of_states),
                "range": [min(of_states), max(of_states)],
                "pairs": len(of_states),
            }
            for quality, of_states in ratios.items()
        },
        "states_a_task": per_task,
        "solved_by_task": solved,
        "mean_steps": {quality: statistics.mean(steps[quality]) for quality in QUALITIES},
    }


def policy(checkpoint: Path, assets: str, states: int) -> dict[str, Any]:
    """Successes of `vla-eval` with each."""
    found: dict[str, Any] = {}
    for quality in QUALITIES:
        with tempfile.TemporaryDirectory() as folder:
            command = [
                str(Path(sys.executable).parent / "vla-eval"),
                RECIPE,
                f"policy.checkpoint={checkpoint}",
                f"eval.episodes={states}",
                f"eval.physics_quality={quality}",
                "video_cfg.save_video=false",
                f"output_dir={folder}",
            ]
            subprocess.run(command, check=True, env={**os.environ, "LIBERO_GYM_ASSETS": assets})
            read = json.loads(next(Path(folder).rglob("eval.json")).read_text())
            found[quality] = {
                **{key: read[key] for key in ("episodes", "successes", "interval")},
                "by_task": [task["successes"] for task in read["tasks"]],
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", default="builtin")
    parser.add_argument("--per-task", type=int, default=5, help="published states of a task that the expert plays")
    parser.add_argument("--policy", type=Path, help="a checkpoint's folder")
    parser.add_argument("--states", type=int, default=500, help="published states that the policy plays")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    figures: dict[str, Any] = {
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "assets": given.assets,
        "expert": expert(given.assets, given.per_task),
    }
    if given.policy is not None:
        figures["policy"] = policy(given.policy, given.assets, given.states)
    print(json.dumps(figures, indent=2))
    if given.json is not None:
        write_json(given.json, figures)


if __name__ == "__main__":
    main()
