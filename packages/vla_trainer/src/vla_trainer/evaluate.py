"""How often a policy succeeds: which start states, per task and in all, and how sure that is."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from gymnasium.vector import VectorEnv

from vla_trainer.interfaces import Policy
from vla_trainer.metrics import PER_TASK, mean, wilson_interval
from vla_trainer.provenance import Provenance, provenance_of
from vla_trainer.records import Episode, Film, FilmRequest, Start
from vla_trainer.rollout.collector import Collector


@dataclass(frozen=True)
class TaskCount:
    """Successes of one task."""

    task: str
    episodes: int
    successes: int
    success_rate: float
    interval: tuple[float, float]
    """95% Wilson interval."""


@dataclass(frozen=True)
class Evaluation:
    """What `eval.json` holds."""

    heading: str | None
    """"not a benchmark result: ..." where the environment says why; it stands over what is printed, too."""
    episodes: int
    successes: int
    success_rate: float | None
    """None if the environment does not report success."""
    interval: tuple[float, float]
    """95% Wilson interval."""
    reward_mean: float
    """Mean undiscounted return."""
    tasks: list[TaskCount]
    env_id: str
    split: str | None
    assets: str | None
    """Which asset set the pictures were rendered from, where the environment says so."""
    assets_version: str | None
    """What tells asset sets of one name apart."""
    deterministic: bool
    notices: list[str]
    states: list[dict[str, Any]]
    """One entry an episode: task, init state, seed, success, steps, return."""

    @property
    def asset_set(self) -> str | None:
        """Name and version."""
        return Provenance(self.env_id, self.assets, self.assets_version, ()).asset_set

    def metrics(self) -> dict[str, float]:
        """`eval/*`."""
        metrics = {"eval/reward_mean": self.reward_mean}
        if self.success_rate is not None:
            low, high = self.interval
            metrics |= {
                "eval/success_rate": self.success_rate,
                "eval/success_rate_low": low,
                "eval/success_rate_high": high,
            }
            metrics |= {PER_TASK + task.task: task.success_rate for task in self.tasks}
        return metrics

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def evaluate(
    policy: Policy,
    envs: VectorEnv,
    starts: Sequence[Start],
    *,
    deterministic: bool,
    temperature: float = 1.0,
    seed: int = 0,
    split: str | None = None,
    notices: Sequence[str] = (),
    films: FilmRequest | None = None,
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> tuple[Evaluation, list[Film]]:
    """Run one episode from each start and count.

    Args:
        policy: what acts.
        envs: of `make_envs`.
        starts: at least one.
        deterministic: take the most probable actions; else sample at `temperature` from a generator seeded with `seed`.
        split, notices: written into the result.
        films: also return pictures of episodes.
        autocast: makes the context that the policy acts in.
    """
    collector = Collector(
        envs,
        policy,
        generator=torch.Generator().manual_seed(seed),
        temperature=temperature,
        deterministic=deterministic,
        record=False,
        autocast=autocast,
    )
    collector.film(films)
    rollout = collector.episodes(starts)
    episodes = [rollout.episodes[number] for number in range(len(starts))]
    counted = [episode for episode in episodes if episode.success is not None]
    successes = sum(bool(episode.success) for episode in counted)
    provenance = provenance_of(envs)
    evaluation = Evaluation(
        heading=provenance.heading,
        episodes=len(episodes),
        successes=successes,
        success_rate=successes / len(counted) if counted else None,
        interval=wilson_interval(successes, len(counted)),
        reward_mean=mean([episode.episode_return for episode in episodes]),
        tasks=_per_task(counted),
        env_id=provenance.env_id,
        split=split,
        assets=provenance.assets,
        assets_version=provenance.assets_version,
        deterministic=deterministic,
        notices=list(notices),
        states=[_state(episode) for episode in episodes],
    )
    return evaluation, rollout.films


def _per_task(episodes: Sequence[Episode]) -> list[TaskCount]:
    by_task: dict[str, list[bool]] = {}
    for episode in episodes:
        name = episode.task_name if episode.task_name is not None else episode.task_id
        if name is not None:
            by_task.setdefault(str(name), []).append(bool(episode.success))
    return [
        TaskCount(name, len(won), sum(won), mean(won), wilson_interval(sum(won), len(won)))
        for name, won in by_task.items()
    ]


def _state(episode: Episode) -> dict[str, Any]:
    return {
        "task_id": episode.task_id,
        "task_name": episode.task_name,
        "init_state_id": episode.init_state_id,
        "seed": episode.start.seed,
        "success": episode.success,
        "env_steps": episode.env_steps,
        "return": episode.episode_return,
    }
