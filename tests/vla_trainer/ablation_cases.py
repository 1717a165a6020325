"""Ablations without processes: plans of the toy, and records whose numbers are chosen."""

from pathlib import Path

import reach_toy

from vla_trainer.ablation.plan import AblationPlan, plan_ablation
from vla_trainer.ablation.runs import Record, Row
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.metrics import wilson_interval


def plan(folder: Path, *over: str, seeds: int = 2, grid: bool = False) -> AblationPlan:
    recipe = folder / "toy.yaml"
    recipe.write_text(reach_toy.PPO_RECIPE)
    return plan_ablation(str(recipe), [], list(over), seeds=seeds, grid=grid, out=str(folder / "out"))


def row(iteration: int, **metrics: float) -> Row:
    """An iteration of 10 episodes, 100 environment steps and half a minute; "_" in a name stands for "/"."""
    named = {name.replace("_", "/", 1): value for name, value in metrics.items()}
    return Row(iteration, named, 10 * iteration, 100 * iteration, iteration / 2)


def record(rates: list[float], evaluation: Evaluation | None = None) -> Record:
    """A run whose success rates in training are `rates`, with what is asked for at the end."""
    rows = [
        row(number, rollout_success_rate=rate, rollout_reward_mean=2 * rate) for number, rate in enumerate(rates, 1)
    ]
    if evaluation is not None:
        last = rows[-1]
        rows[-1] = Row(last.iteration, last.metrics | evaluation.metrics(), last.episodes, last.env_steps, last.minutes)
    return Record(rows, evaluation, [])


def evaluation(successes: list[bool], seed: int, first_state: int = 0) -> Evaluation:
    """An evaluation of one task, whose init states count up from `first_state`."""
    states = [
        {
            "task_id": 0,
            "task_name": "reach",
            "init_state_id": first_state + number,
            "seed": seed,
            "success": success,
            "env_steps": 5,
            "return": float(success),
        }
        for number, success in enumerate(successes)
    ]
    return Evaluation(
        heading=None,
        episodes=len(successes),
        successes=sum(successes),
        success_rate=sum(successes) / len(successes),
        interval=wilson_interval(sum(successes), len(successes)),
        reward_mean=sum(successes) / len(successes),
        tasks=[],
        env_id="toy/Reach-v0",
        split=None,
        assets=None,
        assets_version=None,
        deterministic=True,
        notices=[],
        states=states,
    )
