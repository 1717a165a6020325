"""Measure how often a policy succeeds: on listed initial states, per task and in all, with intervals."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

from gymnasium.vector import VectorEnv

from vla_trainer.algorithms.queues import ListOrder
from vla_trainer.evaluation.facts import decoding_facts, episode_facts
from vla_trainer.evaluation.result import Evaluation, TaskCount
from vla_trainer.facts import Fact, facts_of_policy, merged
from vla_trainer.metrics import mean, wilson_interval
from vla_trainer.protocols import Policy
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.env_spec import EnvSpec, env_spec_of
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.row_threads import RowThreads
from vla_trainer.types import Episode, EvaluationRollout, InitialState, Video, VideoRequest

OnEpisode: TypeAlias = Callable[[int, int, int], None]
"""Called with the number of ended episodes, of all episodes, and of successes so far."""


def evaluate(
    policy: Policy,
    envs: VectorEnv,
    initial_states: Sequence[InitialState],
    *,
    deterministic: bool,
    temperature: float = 1.0,
    seed: int = 0,
    split: str | None = None,
    notices: Sequence[str] = (),
    videos: VideoRequest | None = None,
    on_episode: OnEpisode | None = None,
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    version: int = 0,
) -> tuple[Evaluation, list[Video]]:
    """Run one episode from each initial state and count successes.

    Args:
        policy: what acts.
        envs: of `make_envs`.
        initial_states: at least one.
        deterministic: take the most probable actions; else sample at `temperature` from a generator seeded with `seed`.
        split, notices: written into the result.
        videos: which episodes to record; their videos are returned.
        on_episode: called after each episode.
        autocast: makes the context that the policy acts in.
        version: how often its weights have been updated: 0 makes numbers that are not finite a PolicyError, else
            training diverged.

    Raises:
        EnvError, PolicyError, TrainingDivergedError: as `vla_trainer.rollout.collector.Collector`.
    """
    rollout = run_list(
        policy,
        envs,
        ListOrder(initial_states, seed),
        deterministic=deterministic,
        temperature=temperature,
        videos=videos,
        on_episode=on_episode,
        autocast=autocast,
        version=version,
    )
    spec = env_spec_of(envs, rendering=True)
    facts = merged(facts_of_policy(policy), decoding_facts(deterministic, temperature))
    evaluation = summarize(rollout, spec, deterministic=deterministic, split=split, notices=notices, facts=facts)
    return evaluation, rollout.videos


def run_list(
    policy: Policy,
    envs: VectorEnv,
    order: ListOrder,
    *,
    deterministic: bool,
    temperature: float,
    videos: VideoRequest | None,
    on_episode: OnEpisode | None,
    autocast: Callable[[], AbstractContextManager[object]],
    version: int,
    critic_key: str | None = None,
    threads: RowThreads | None = None,
) -> EvaluationRollout:
    """Run the episodes of `order`; see `evaluate`. The policy is not given the observation `critic_key`."""
    sampler = PolicySampler(
        policy, temperature=temperature, deterministic=deterministic, autocast=autocast, threads=threads
    )
    sampler.version = version
    collector = Collector(envs, sampler, record=False, critic_key=critic_key)
    collector.video(videos)
    counting = _counting(on_episode, len(order.initial_states))
    rollout = collector.episodes(order.queue(counting))
    return EvaluationRollout(rollout.episodes, rollout.videos)


def summarize(
    rollout: EvaluationRollout,
    env_spec: EnvSpec,
    *,
    deterministic: bool,
    split: str | None = None,
    notices: Sequence[str] = (),
    facts: Sequence[Fact] = (),
) -> Evaluation:
    """Summarize the results of episodes.

    Args:
        rollout: of a list of initial states; at least one episode.
        env_spec: of the environments that it was collected in.
        deterministic, split, notices: see `evaluate`.
        facts: what decides the result besides the environments, which `env_spec` has.
    """
    episodes = [rollout.episodes[number] for number in range(len(rollout.episodes))]
    provenance = env_spec.provenance
    available = None if env_spec.init_states is None else sum(env_spec.init_states.values())
    counted = [episode for episode in episodes if episode.success is not None]
    successes = sum(bool(episode.success) for episode in counted)
    return Evaluation(
        heading=_heading(provenance.heading, len(episodes), available),
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
        renderer=provenance.renderer,
        deterministic=deterministic,
        notices=list(notices),
        states=[_state(episode) for episode in episodes],
        available=available,
        facts=merged(env_spec.facts, facts, episode_facts(episodes, provenance.renderer)),
    )


def _counting(on_episode: OnEpisode | None, total: int) -> Callable[[Episode], None] | None:
    if on_episode is None:
        return None
    ended = [0, 0]

    def count(episode: Episode) -> None:
        ended[0] += 1
        ended[1] += bool(episode.success)
        on_episode(ended[0], total, ended[1])

    return count


def _heading(heading: str | None, episodes: int, available: int | None) -> str | None:
    """Return the heading of an evaluation: a subset is no benchmark result either."""
    if available is None or episodes == available:
        return heading
    first = f"{heading};" if heading else "not a benchmark result:"
    return f"{first} a subset, {episodes} of {available} initial states"


def _per_task(episodes: Sequence[Episode]) -> list[TaskCount]:
    by_task: dict[str, list[Episode]] = {}
    for episode in episodes:
        name = episode.task_name if episode.task_name is not None else episode.task_id
        if name is not None:
            by_task.setdefault(str(name), []).append(episode)
    counts = []
    for name, ended in by_task.items():
        n, successes = len(ended), sum(bool(episode.success) for episode in ended)
        length = mean([episode.env_steps for episode in ended])
        counts.append(TaskCount(name, n, successes, successes / n, wilson_interval(successes, n), length))
    return counts


def _state(episode: Episode) -> dict[str, Any]:
    # only where an environment has variants
    variant = {} if episode.variant is None else {"variant": episode.variant}
    return {
        "task_id": episode.task_id,
        "task_name": episode.task_name,
        "init_state_id": episode.init_state_id,
        "seed": episode.initial_state.seed,
        "success": episode.success,
        "env_steps": episode.env_steps,
        "return": episode.episode_return,
        **variant,
    }
