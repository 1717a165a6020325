"""What the ray backend costs and how it scales, on this machine's cores: LIBERO with the tiny policy.

1. The collector on Ray, everything on one node, against the `local` backend: the same recipe, weights and episodes, in
   turns. Bar: at least 0.9 of local's environment steps a second.
2. The three shapes of a placement on four logical devices of a Ray cluster of two nodes, and one, two and four env
   processes: seconds of collecting and of updating, and bytes of a weight sync. All of them share this machine's cores,
   so that these are times of the mechanism and not of devices.

    LIBERO_GYM_ASSETS=builtin python benchmarks/scaling.py --json benchmarks/results/scaling.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import vla_trainer.cluster  # noqa: F401  # before ray, which reads its settings when it is imported
from vla_trainer.advantage.batch import BATCHES
from vla_trainer.backend import make_backend
from vla_trainer.config.load import load_config

RECIPE = "tiny_spatial_grpo"
BAR = 0.9
LAYOUTS = {
    "collocated": '{"env,rollout,actor": all}',
    "hybrid": "{env: 0-1, rollout: 2-3, actor: 0-3}",
    "separated": "{env: 0-1, rollout: 2, actor: 3}",
    "1 env process": "{env: 0, rollout: 1, actor: 2}",
    "4 env processes": "{env: 0-3, rollout: 1, actor: 2}",
}
"""The hybrid and the separated one have two env processes."""


def against_local(rounds: int, episodes: int) -> dict[str, Any]:
    """Both backends collect the same episodes in turns; nothing is learned in between."""
    amounts = [f"rollout.episodes={episodes}", "cluster.gpus_per_node=0"]
    config = load_config(RECIPE, amounts)
    backends = {
        name: make_backend(load_config(RECIPE, [*amounts, f"cluster.backend={name}"])) for name in ("local", "ray")
    }
    speeds: dict[str, list[float]] = {name: [] for name in backends}
    try:
        for each in range(rounds + 1):
            for name, backend in backends.items():
                begin = time.perf_counter()
                rollout = backend.collect()
                speed = rollout.env_steps / (time.perf_counter() - begin)
                if each:  # the first one compiles and fills caches
                    speeds[name].append(speed)
    finally:
        for backend in backends.values():
            backend.close()
    ratios = [ray / local for ray, local in zip(speeds["ray"], speeds["local"], strict=True)]
    print(
        f"collector: local {statistics.median(speeds['local']):.0f} env steps/s, "
        f"ray {statistics.median(speeds['ray']):.0f}, ratio {statistics.median(ratios):.3f} (bar {BAR})"
    )
    return {
        "num_envs": config.env.num_envs,
        "episodes": episodes,
        "env_steps_per_second": speeds,
        "ray_over_local": {"median": statistics.median(ratios), "all": ratios, "bar": BAR},
    }


def layouts(chosen: list[str], iterations: int, episodes: int) -> list[dict[str, Any]]:
    """Iterations on a cluster of two nodes with two logical devices each."""
    from ray.cluster_utils import Cluster

    cores = os.cpu_count() or 1
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": cores})
    cluster.add_node(num_cpus=cores)
    results = []
    try:
        for name in chosen:
            config = load_config(
                RECIPE,
                [
                    f"rollout.episodes={episodes}",
                    "cluster.backend=ray",
                    "cluster.num_nodes=2",
                    "cluster.gpus_per_node=2",
                    f"cluster.address={cluster.address}",
                    f"cluster.component_placement={LAYOUTS[name]}",
                    "trainer.threads=1",
                ],
            )
            results.append({"layout": name, "component_placement": LAYOUTS[name], **measure(config, iterations)})
            last = results[-1]
            print(
                f"{name}: started in {last['start']:.1f} s, collect {last['collect']:.2f} s, update "
                f"{last['update']:.2f} s, {last['env_steps_per_second']:.0f} env steps/s, {last['sync_bytes']:,} bytes "
                "a weight sync"
            )
    finally:
        cluster.shutdown()
    return results


def measure(config: Any, iterations: int) -> dict[str, Any]:
    """Medians over iterations, after one that warms up."""
    begin = time.perf_counter()
    backend = make_backend(config)
    start = time.perf_counter() - begin
    collect, update, speed = [], [], []
    try:
        for iteration in range(1, iterations + 2):
            begin = time.perf_counter()
            rollout = backend.collect()
            collected = time.perf_counter()
            batch = BATCHES[config.algorithm.name](rollout, config.algorithm)
            backend.update(batch, iteration)
            updated = time.perf_counter()
            if iteration > 1:
                collect.append(collected - begin)
                update.append(updated - collected)
                speed.append(rollout.env_steps / (collected - begin))
        sent, trained = backend.sync_bytes, backend.trainable_bytes()
    finally:
        backend.close()
    return {
        "start": start,
        "collect": statistics.median(collect),
        "update": statistics.median(update),
        "env_steps_per_second": statistics.median(speed),
        "sync_bytes": sent,
        "trainable_bytes": trained,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="pairs of collections of the first part")
    parser.add_argument("--iterations", type=int, default=3, help="timed iterations of a layout")
    parser.add_argument("--episodes", type=int, default=32, help="of a collection")
    parser.add_argument(
        "--layouts", nargs="*", choices=LAYOUTS, default=list(LAYOUTS), help="none: only the first part"
    )
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result: dict[str, Any] = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "recipe": RECIPE,
        "collector": against_local(args.rounds, args.episodes),
    }
    if args.layouts:
        result["layouts"] = layouts(args.layouts, args.iterations, args.episodes)
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
