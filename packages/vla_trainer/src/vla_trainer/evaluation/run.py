"""Evaluate a run's weights as its config says."""

from typing import TYPE_CHECKING

from vla_trainer.algorithms.queues import ListOrder
from vla_trainer.config.schema import Config
from vla_trainer.evaluation.evaluate import OnEpisode, summarize
from vla_trainer.evaluation.facts import config_facts
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.initial_states import evaluation_states, init_state_counts
from vla_trainer.rollout.envs import evaluation_env, make_envs
from vla_trainer.types import Video, VideoRequest

if TYPE_CHECKING:
    from vla_trainer.runtime.interface import Runtime


def check_episodes(config: Config) -> None:
    """Make one environment of the evaluation and close it again: refuse before training what would be refused after it.

    Raises:
        ConfigError: there are fewer initial states than `eval.episodes`.
        EnvError, gymnasium.error.Error, ValueError: what making the environment raises.
    """
    envs = make_envs(evaluation_env(config.env, config.eval), 1)
    try:
        evaluation_states(init_state_counts(envs), config.eval.episodes)
    finally:
        envs.close()


def evaluate_run(
    config: Config, runtime: "Runtime", videos: VideoRequest | None = None, on_episode: OnEpisode | None = None
) -> tuple[Evaluation, list[Video]]:
    """Run the episodes of `config.eval` with the present weights and count successes.

    Args:
        config: of the run.
        runtime: has the policy.
        videos: asks for images of episodes.
        on_episode: called after each episode.

    Raises:
        ConfigError: `eval.episodes` is missing, or more than there are.
        EnvError, PolicyError, TrainingDivergedError: as `vla_trainer.rollout.collector.Collector`.
    """
    settings = config.eval
    env_spec = runtime.open_evaluation()
    order = ListOrder(evaluation_states(env_spec.init_states, settings.episodes), config.trainer.seed)
    rollout = runtime.evaluate(order, videos, on_episode)
    evaluation = summarize(
        rollout,
        env_spec,
        deterministic=settings.deterministic,
        split=evaluation_env(config.env, settings).get("split"),
        notices=[*config.notices(), *config.evaluation_notices()],
        facts=[*runtime.policy_facts(), *config_facts(config)],
    )
    return evaluation, rollout.videos
