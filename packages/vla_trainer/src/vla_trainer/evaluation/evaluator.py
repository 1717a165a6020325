"""Evaluation of the present weights as a config says, in environments of its own."""

from gymnasium.vector import VectorEnv

from vla_trainer.config.schema import Config
from vla_trainer.evaluation.evaluate import OnEpisode, evaluate
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.protocols import Policy
from vla_trainer.rollout.envs import evaluation_env, make_envs
from vla_trainer.rollout.initial_states import evaluation_states, init_state_counts
from vla_trainer.types import Video, VideoRequest
from vla_trainer.update.policy_gradient import Autocast


class Evaluator:
    """Makes the environments when they are first asked for."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._envs: VectorEnv | None = None

    @property
    def envs(self) -> VectorEnv:
        """Those of `config.eval`."""
        if self._envs is None:
            env, settings = self._config.env, self._config.eval
            self._envs = make_envs(evaluation_env(env, settings), settings.num_envs or env.num_envs)
        return self._envs

    def evaluate(
        self,
        policy: Policy,
        autocast: Autocast,
        videos: VideoRequest | None = None,
        on_episode: OnEpisode | None = None,
        *,
        version: int = 0,
    ) -> tuple[Evaluation, list[Video]]:
        """See `vla_trainer.evaluation.evaluate.evaluate`."""
        config, settings = self._config, self._config.eval
        return evaluate(
            policy,
            self.envs,
            evaluation_states(init_state_counts(self.envs), settings.episodes),
            deterministic=settings.deterministic,
            temperature=settings.temperature,
            seed=config.trainer.seed,
            split=evaluation_env(config.env, settings).get("split"),
            notices=[*config.notices(), *config.evaluation_notices()],
            videos=videos,
            on_episode=on_episode,
            autocast=autocast,
            version=version,
        )

    def close(self) -> None:
        """Close the environments, if they were made."""
        if self._envs is not None:
            self._envs.close()
