"""PPO of vla-trainer beside Stable-Baselines3's, on Gymnasium's own environments.

    OMP_NUM_THREADS=1 uv run python benchmarks/ppo_peer.py [--tasks Pendulum-v1] [--seeds 5] [--json FILE]

Both train the same network (two trunks of 64 and 64 with tanh, one deviation for all observations) with the same
hyper-parameters, which are read from the recipe `pendulum_ppo`, for the same number of environment steps. Both are
judged alike: the mean action, clipped to the action space, in 50 episodes of the same seeds, which training has not met
but by chance.

What still differs is each trainer's own way: Stable-Baselines3 normalizes advantages within each minibatch, ours over
the whole batch.

The bar: our mean over the seeds is not below Stable-Baselines3's by more than one standard error of the difference.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import stable_baselines3
import torch
from compact_json import write_json
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import configure

from vla_trainer import run
from vla_trainer.algorithms import PPO
from vla_trainer.config import Config
from vla_trainer.policy import GaussianPolicy
from vla_trainer.trainer import make_trainer

RECIPE = "pendulum_ppo"
LOGGERS = ("console", "jsonl", "tensorboard")
EPISODES = 50
FIRST_SEED = 10_000
"""Of the episodes that judge."""
#: What a task changes in the recipe. InvertedPendulum has Stable-Baselines3's own defaults, with four environments.
TASKS: dict[str, list[str]] = {
    "Pendulum-v1": [],
    "InvertedPendulum-v5": [
        "env.id=InvertedPendulum-v5",
        "algorithm.gamma=0.99",
        "actor.lr=3e-4",
        "rollout.horizon=512",
        "trainer.iterations=40",
    ],
}
Act = Callable[[np.ndarray], np.ndarray]


def train_ours(overrides: list[str], seed: int) -> tuple[Act, float]:
    """The trained policy, and the seconds that it took; through the recipe, as `vla-train` does."""
    quiet = ["eval.episodes=null", *(f"trainer.logger.{name}.enable=false" for name in LOGGERS)]
    with tempfile.TemporaryDirectory() as folder:
        spec = run.new_run(RECIPE, [*overrides, *quiet, f"trainer.seed={seed}", f"output_dir={folder}"])
        begin = time.perf_counter()
        backend = make_trainer(spec.config)
        try:
            run.run_training(spec, backend, lambda _: None)
        finally:
            backend.close()
        seconds = time.perf_counter() - begin
        policy = GaussianPolicy.from_pretrained(run.existing_run(Path(folder), []).checkpoint or folder)
    return lambda obs: policy.act(obs, deterministic=True).actions[:, 0], seconds


def train_theirs(config: Config, seed: int) -> tuple[Act, float]:
    """As `train_ours`, by Stable-Baselines3, with what `config` says."""
    algorithm, actor = config.algorithm, config.actor
    assert isinstance(algorithm, PPO)
    assert config.rollout.horizon is not None
    assert actor.global_batch_size is not None
    assert algorithm.clip_low == algorithm.clip_high
    # which it has not, or has in another way
    assert algorithm.dual_clip is algorithm.value_clip is algorithm.huber_delta is None
    begin = time.perf_counter()
    envs = make_vec_env(config.env.id, n_envs=config.env.num_envs, seed=seed)
    model = stable_baselines3.PPO(
        "MlpPolicy",
        envs,
        learning_rate=actor.lr,
        n_steps=config.rollout.horizon,
        batch_size=actor.global_batch_size,
        n_epochs=algorithm.epochs,
        gamma=algorithm.gamma,
        gae_lambda=algorithm.lam,
        clip_range=algorithm.clip_low,
        ent_coef=algorithm.entropy_coef,
        # its value loss is the mean of x^2, ours of x^2 / 2
        vf_coef=algorithm.value_coef / 2,
        max_grad_norm=actor.max_grad_norm,
        policy_kwargs={"optimizer_kwargs": {"eps": actor.eps}},
        seed=seed,
        device="cpu",
    )
    model.set_logger(configure(None, []))
    model.learn(env_steps(config))
    envs.close()
    return lambda obs: model.predict(obs, deterministic=True)[0], time.perf_counter() - begin


def env_steps(config: Config) -> int:
    """Environment steps of a whole training."""
    assert config.rollout.horizon is not None
    return config.trainer.iterations * config.rollout.horizon * config.env.num_envs


def judge(env_id: str, act: Act) -> float:
    """Mean undiscounted return of `EPISODES` episodes, one for each seed from `FIRST_SEED`."""
    envs = SyncVectorEnv([lambda: gymnasium.make(env_id)] * EPISODES, autoreset_mode=AutoresetMode.NEXT_STEP)
    obs, _ = envs.reset(seed=[FIRST_SEED + n for n in range(EPISODES)])
    total, running = np.zeros(EPISODES), np.ones(EPISODES, dtype=bool)
    while running.any():
        obs, rewards, terminated, truncated, _ = envs.step(act(obs))
        total += rewards * running
        running &= ~(terminated | truncated)
    envs.close()
    return float(total.mean())


def measure(task: str, seeds: int, console: Console) -> dict[str, Any]:
    overrides = TASKS[task]
    config = run.new_run(RECIPE, overrides).config
    sides: dict[str, Callable[[int], tuple[Act, float]]] = {
        "ours": lambda seed: train_ours(overrides, seed),
        "sb3": lambda seed: train_theirs(config, seed),
    }
    figures: dict[str, Any] = {"env_steps": env_steps(config)}
    returns: dict[str, list[float]] = {side: [] for side in sides}
    times: dict[str, list[float]] = {side: [] for side in sides}
    # in turn, so that whatever else the machine does meets both alike
    for seed in range(seeds):
        for side, train in sides.items():
            act, seconds = train(seed)
            returns[side].append(judge(task, act))
            times[side].append(seconds)
            console.print(f"{task} {side} seed {seed}: {returns[side][-1]:.1f} after {seconds:.0f} s")
    for side in sides:
        figures[side] = {
            "returns": returns[side],
            "mean": statistics.mean(returns[side]),
            "standard_error": standard_error(returns[side]),
            "train_seconds": statistics.median(times[side]),
        }
    ours, theirs = figures["ours"], figures["sb3"]
    figures["difference"] = ours["mean"] - theirs["mean"]
    figures["difference_standard_error"] = float(np.hypot(ours["standard_error"], theirs["standard_error"]))
    figures["at_level"] = figures["difference"] >= -figures["difference_standard_error"]
    return figures


def standard_error(values: list[float]) -> float:
    """Of the mean; 0 for a single value."""
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


def report(tasks: dict[str, dict[str, Any]], console: Console) -> None:
    table = Table(
        "task", "env steps", "ours", "Stable-Baselines3", "difference", "seconds, ours / theirs", "at its level"
    )
    for task, figures in tasks.items():
        ours, theirs = figures["ours"], figures["sb3"]
        table.add_row(
            task,
            f"{figures['env_steps']:,}",
            f"{ours['mean']:.1f} ± {ours['standard_error']:.1f}",
            f"{theirs['mean']:.1f} ± {theirs['standard_error']:.1f}",
            f"{figures['difference']:+.1f} ± {figures['difference_standard_error']:.1f}",
            f"{ours['train_seconds']:.0f} / {theirs['train_seconds']:.0f}",
            "yes" if figures["at_level"] else "no",
        )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=tuple(TASKS), default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where the figures go")
    given = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=130)
    tasks = {task: measure(task, given.seeds, console) for task in given.tasks}
    report(tasks, console)
    figures = {
        "seeds": given.seeds,
        "episodes": EPISODES,
        "tasks": tasks,
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "stable_baselines3": stable_baselines3.__version__,
        "gymnasium": gymnasium.__version__,
    }
    if given.json:
        write_json(given.json, figures)


if __name__ == "__main__":
    main()
