"""What the ray backend costs, how it scales and how well that is predicted, on this machine's cores: LIBERO with the
tiny policy.

1. The collector on Ray, everything on one node, against the `local` backend: the same recipe, weights and episodes, in
   turns. Bar: at least 0.9 of local's environment steps a second.
2. The three shapes of a placement on four logical devices of a Ray cluster of two nodes, and one, two and four env
   processes: seconds of collecting and of updating, and bytes of a weight sync. All of them share this machine's cores,
   so that these are times of the mechanism and not of devices.
3. Stage times, measured on the same cluster before the layouts (stage_times.py), and beside each layout's seconds those
   that `vla_trainer.planner` makes of the stage times. Bar: within 15% of the measured iteration.

    LIBERO_GYM_ASSETS=builtin python benchmarks/scaling.py --json benchmarks/results/scaling.json \
        --stage-times runs/stage_times.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import stage_times
from compact_json import write_json

from vla_trainer import placement
from vla_trainer.config.load import load_config
from vla_trainer.config.schema import Config
from vla_trainer.planner import Amounts, StageTimes, amounts_of, predict
from vla_trainer.trainer import make_trainer

RECIPE = "tiny_spatial_grpo"
BAR = 0.9
NEAR = 0.15
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
        name: make_trainer(load_config(RECIPE, [*amounts, f"cluster.backend={name}"])) for name in ("local", "ray")
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


def layouts(chosen: list[str], iterations: int, episodes: int, rounds: int) -> tuple[StageTimes, dict[str, Any]]:
    """Stage times, and iterations measured and predicted, on a cluster of two nodes with two logical devices each."""
    from ray.cluster_utils import Cluster

    processors = os.cpu_count() or 1
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": processors})
    cluster.add_node(num_cpus=processors)

    def config_of(component_placement: str, *more: str) -> Config:
        return load_config(
            RECIPE,
            [
                f"rollout.episodes={episodes}",
                "cluster.backend=ray",
                "cluster.num_nodes=2",
                "cluster.gpus_per_node=2",
                f"cluster.address={cluster.address}",
                f"cluster.component_placement={component_placement}",
                "trainer.threads=1",
                *more,
            ],
        )

    results = []
    try:
        times, cores = measured_stages(config_of(stage_times.PLACEMENT, stage_times.ONE_THREAD), rounds)
        for name in chosen:
            config = config_of(LAYOUTS[name])
            measured, amounts = measure(config, iterations)
            predicted = predicted_parts(times, config, amounts, cores)
            ratio = {part: predicted[part] / measured[part] for part in predicted}
            results.append(
                {
                    "layout": name,
                    "component_placement": LAYOUTS[name],
                    **measured,
                    "predicted": predicted,
                    "predicted_over_measured": ratio,
                }
            )
            print(
                f"{name}: started in {measured['start']:.1f} s, "
                f"{measured['env_steps_per_second']:.0f} env steps/s, {measured['sync_bytes']:,} bytes a weight sync"
            )
            for part in predicted:
                print(
                    f"  {part}: measured {measured[part]:.2f} s, predicted {predicted[part]:.2f} s, "
                    f"ratio {ratio[part]:.2f}"
                )
    finally:
        cluster.shutdown()
    within = sum(abs(each["predicted_over_measured"]["iteration"] - 1) <= NEAR for each in results)
    print(f"prediction: {within} of {len(results)} iterations within {NEAR:.0%}")
    return times, {"cores": cores, "bar": NEAR, "within_bar": within, "layouts": results}


def measured_stages(config: Config, rounds: int) -> tuple[StageTimes, float]:
    """Stage times of the processes of a backend, and cores; see `stage_times.measure`."""
    backend: Any = make_trainer(config)
    try:
        times, cores = stage_times.measure(backend, config, rounds)
    finally:
        backend.close()
    print(f"stage times in seconds; the processors do {cores:.2f} times what one does alone")
    for name, value in asdict(times).items():
        print(f"  {name}: {json.dumps(value)}")
    return times, cores


def measure(config: Config, iterations: int) -> tuple[dict[str, Any], list[Amounts]]:
    """Medians over iterations, after one that warms up, and what each iteration did."""
    begin = time.perf_counter()
    backend: Any = make_trainer(config)
    started = time.perf_counter() - begin
    seconds: dict[str, list[float]] = {"collect": [], "update": [], "iteration": []}
    speed, amounts = [], []
    try:
        for iteration in range(1, iterations + 2):
            begin = time.perf_counter()
            rollout = backend.collect()
            collected = time.perf_counter()
            batch = config.algorithm.batch(rollout)
            backend.update(batch, iteration)
            updated = time.perf_counter()
            if iteration > 1:
                for part, taken in zip(seconds, (collected - begin, updated - collected, updated - begin), strict=True):
                    seconds[part].append(taken)
                speed.append(rollout.env_steps / (collected - begin))
                lengths = [rollout.episodes[number].policy_steps for number in sorted(rollout.episodes)]
                done = amounts_of(config, lengths, learned=len(batch) / sum(lengths))
                amounts.append(replace(done, seed=None, workers=config.env.workers or os.cpu_count()))
        sent, trained = backend.runtime.sync_bytes, backend.runtime.trainable_bytes()
    finally:
        backend.close()
    measured = {
        "start": started,
        **{part: statistics.median(taken) for part, taken in seconds.items()},
        "all": seconds,
        "env_steps_per_second": statistics.median(speed),
        "sync_bytes": sent,
        "trainable_bytes": trained,
    }
    return measured, amounts


def predicted_parts(times: StageTimes, config: Config, amounts: list[Amounts], cores: float) -> dict[str, float]:
    """Medians over iterations of these amounts; nodes and devices are names, cores those of this machine."""
    placed = placement.place(config)
    of = [predict(times, each, placed, cores_per_node=cores, one_machine=True) for each in amounts]
    return {
        "collect": statistics.median(each.rollout for each in of),
        "update": statistics.median(each.update + each.sync for each in of),
        "iteration": statistics.median(each.total for each in of),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="pairs of collections of the first part; 0: none")
    parser.add_argument("--iterations", type=int, default=3, help="timed iterations of a layout")
    parser.add_argument("--episodes", type=int, default=32, help="of a collection")
    parser.add_argument(
        "--layouts", nargs="*", choices=LAYOUTS, default=list(LAYOUTS), help="none: only the first part"
    )
    parser.add_argument("--stage-rounds", type=int, default=5, help="repetitions of each stage in the third part")
    parser.add_argument("--stage-times", type=Path, help="where stage times are written, for `plan.times`")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result: dict[str, Any] = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "recipe": RECIPE,
    }
    if args.rounds:
        result["collector"] = against_local(args.rounds, args.episodes)
    if args.layouts:
        times, found = layouts(args.layouts, args.iterations, args.episodes, args.stage_rounds)
        result |= {"stage_times": asdict(times), **found}
        if args.stage_times is not None:
            times.write(args.stage_times)
    if args.json is not None:
        write_json(args.json, result)


if __name__ == "__main__":
    main()
