"""Evaluate one point of a sweep, block by block, so that a kill costs one block."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium import spaces

from vla_trainer.algorithms.queues import ListOrder
from vla_trainer.config.schema import Config, Env
from vla_trainer.errors import EnvError, TrainerError
from vla_trainer.evaluation.evaluate import OnEpisode, summarize
from vla_trainer.evaluation.facts import config_facts
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.evaluation.sweep.parts import SweepParts
from vla_trainer.initial_states import evaluation_states, init_state_counts
from vla_trainer.rollout.env_spec import EnvSpec, env_spec_of
from vla_trainer.rollout.envs import evaluation_env, make_envs
from vla_trainer.types import EvaluationRollout, InitialState

if TYPE_CHECKING:
    from vla_trainer.runtime.interface import Runtime

ROUNDS = 4
"""A block has at least this many episodes for each environment, so that few environments wait at its end."""


def check_environment(config: Config, point: str, made_for: EnvSpec) -> None:
    """Make one environment of a point and close it again, so that a value that it refuses is known before any episode.

    Args:
        config: that of the point.
        point: its name, which messages begin with.
        made_for: what the policy is made for.

    Raises:
        EnvError: it cannot be made, takes other actions than the policy's, or has other observations.
        ConfigError: `eval.episodes` is missing, or more than there are.
    """
    env = evaluation_env(config.env, config.eval)
    try:
        envs = make_envs(env, 1)
    except (ValueError, gymnasium.error.Error) as error:
        raise EnvError(f"{point}: {error}") from error
    try:
        _check_spaces(env, env_spec_of(envs, config.algorithm.critic_key), made_for)
        evaluation_states(init_state_counts(envs), config.eval.episodes)
    except TrainerError as error:
        raise type(error)(f"{point}: {error}") from error
    finally:
        envs.close()


def evaluate_point(
    config: Config, runtime: "Runtime", parts: SweepParts, point: int, on_episode: OnEpisode | None = None
) -> Evaluation:
    """Run the episodes of a point that `parts` lacks with the present weights, and summarize all of them.

    Episodes have the same numbers, initial states and seeds as in `evaluate_run` under the same config.

    Args:
        config: that of the point.
        runtime: has the policy; its environments of evaluations are replaced.
        parts: keep what is done.
        point: the point's index in the sweep.
        on_episode: called after each episode; its counts are those of the point, with what was done before.

    Raises:
        ConfigError: `eval.episodes` is missing, or more than there are.
        SweepError: what is done already is of other episodes.
        EnvError: the environment at this point takes other actions than the policy's, or has other observations.
        PolicyError, TrainingDivergedError: as `vla_trainer.rollout.collector.Collector`.
    """
    settings = config.eval
    env = evaluation_env(config.env, settings)
    env_spec = runtime.open_evaluation(env)
    _check_spaces(env, env_spec, runtime.env_spec)
    initial_states = evaluation_states(env_spec.init_states, settings.episodes)
    done = parts.episodes(point, initial_states, env_spec.provenance)
    missing = [number for number in range(len(initial_states)) if number not in done]
    num_envs = settings.num_envs or config.env.num_envs
    for numbers in blocks(initial_states, missing, ROUNDS * num_envs):
        order = ListOrder([initial_states[number] for number in numbers], config.trainer.seed, numbers)
        successes = sum(bool(episode.success) for episode in done.values())
        counting = _behind(on_episode, len(done), len(initial_states), successes)
        episodes = runtime.evaluate(order, None, counting).episodes
        parts.add(point, episodes, env_spec.provenance)
        done |= episodes
    return summarize(
        EvaluationRollout(done, []),
        env_spec,
        deterministic=settings.deterministic,
        split=env.get("split"),
        notices=[*config.notices(), *config.evaluation_notices()],
        facts=[*runtime.policy_facts(), *config_facts(config)],
    )


def blocks(initial_states: Sequence[InitialState], missing: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield the missing numbers task by task, as many whole tasks at a time as have at least `size` episodes."""
    by_task: dict[int | None, list[int]] = {}
    for number in missing:
        by_task.setdefault(initial_states[number].task, []).append(number)
    block: list[int] = []
    for numbers in by_task.values():
        block += numbers
        if len(block) >= size:
            yield sorted(block)
            block = []
    if block:
        yield sorted(block)


def _check_spaces(env: Env, found: EnvSpec, made_for: EnvSpec) -> None:
    if found.action_space != made_for.action_space:
        raise EnvError(
            f"{env.name}: its action space is {found.action_space}; the policy is made for {made_for.action_space}"
        )
    there, wanted = (_keys_or_shape(of.observation_space) for of in (found, made_for))
    if there != wanted:
        raise EnvError(f"{env.name}: its observations have {there}; the policy is made for {wanted}")


def _keys_or_shape(space: spaces.Space[Any]) -> str:
    """Return what may not differ in observations; images may have another size, as far as the policy takes it."""
    return f"the keys {', '.join(sorted(space.spaces))}" if isinstance(space, spaces.Dict) else f"shape {space.shape}"


def _behind(on_episode: OnEpisode | None, ended: int, total: int, successes: int) -> OnEpisode | None:
    """Return what counts on from the episodes that ended before."""
    if on_episode is None:
        return None
    count = on_episode
    return lambda more, _, further: count(ended + more, total, successes + further)
