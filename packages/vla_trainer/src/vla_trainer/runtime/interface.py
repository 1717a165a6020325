"""What a trainer asks of a runtime: the processes that hold the policy, its optimizer and the environments.

A runtime carries out; which episodes, at what temperature, with which weights and seeds is the trainer's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vla_trainer.algorithms.queues import GroupOrder, HorizonOrder, ListOrder
from vla_trainer.config.schema import Env
from vla_trainer.facts import Fact
from vla_trainer.rollout.env_spec import EnvSpec
from vla_trainer.types import Batch, EvaluationRollout, Rollout, VideoRequest

if TYPE_CHECKING:
    from torch import Tensor

    from vla_trainer.evaluation.evaluate import OnEpisode


class Runtime(Protocol):
    """Policy and optimizer, and environments to evaluate in, wherever they are."""

    @property
    def env_spec(self) -> EnvSpec:
        """The environments that the policy is made for."""

    def open_evaluation(self, env: Env | None = None) -> EnvSpec:
        """Make the environments of evaluations, if there are none of `env` yet; others are closed.

        `env`: what `rollout.envs.evaluation_env` gives for another section `env`; None: for that of the run.
        """

    def evaluate(
        self, order: ListOrder, videos: VideoRequest | None = None, on_episode: "OnEpisode | None" = None
    ) -> EvaluationRollout:
        """Run the episodes of `order` as `config.eval` says, after `open_evaluation`; call `on_episode` after each."""

    def policy_facts(self) -> tuple[Fact, ...]:
        """Return what the policy says that decides how it acts."""

    def write_weights(self, folder: Path, name: Path, *, export: bool = True) -> dict[str, Any]:
        """Write the policy into `folder`; return what the trainer's state keeps of it.

        `name` is what the checkpoint will be called; `export` whether it is also written so that others load it.

        Raises:
            TrainingDivergedError: weights are not finite.
        """

    def load_weights(self, path: Path, state: dict[str, Any]) -> None:
        """Put weights and optimizer of checkpoint `path` in the place of the present ones.

        `state` is what `checkpoint.read_state` gave; what is used of it is taken out.

        Raises:
            CheckpointError: the checkpoint is damaged, or holds another policy or optimizer.
        """

    def take_into_mean(self, *, first: bool, last: bool) -> None:
        """Take the weights into their mean, see `vla_trainer.update.averaging.take_into_mean`."""

    def scale_lr(self, scale: float) -> None:
        """Multiply what the config says about learning rates by this from now on; not what was set before."""

    def close(self) -> None:
        """Release environments and processes."""


class RLRuntime(Runtime, Protocol):
    """Environments that train, too."""

    def name_renderer(self) -> str | None:
        """Return what renders the images of the environments that train, and keep it in `env_spec`; None: unknown.

        Raises:
            EnvError, gymnasium.error.Error, ValueError: what the environments raise that cannot render.
        """

    def collect(
        self,
        order: HorizonOrder | GroupOrder,
        temperature: float,
        videos: VideoRequest | None = None,
        eager_iteration: int | None = None,
    ) -> Rollout:
        """Run the episodes of `order` with the weights of the last `sync`.

        Args:
            order: which episodes.
            temperature: of what is sampled.
            videos: asks for images of the next episodes.
            eager_iteration: the iteration whose update may begin while other groups are still running; None: none.
        """

    def update(
        self, batch: Batch, iteration: int, shuffles: "Tensor", importance_cap: float | None
    ) -> "tuple[dict[str, float], Tensor]":
        """Move the weights of what learns.

        Args:
            batch: what is learned from.
            iteration: of the run, from 1; the learning rates depend on it.
            shuffles: state of the generator that shuffles.
            importance_cap: see `vla_trainer.update.policy_gradient.Update.run`.

        Returns:
            metrics: `actor/*`.
            shuffles: what the state became.
        """

    def sync(self, version: int) -> None:
        """Act with the weights that were learned from now on, as number `version`."""

    def running(self) -> tuple[list[dict[str, Any]], list[int]]:
        """For each environment of the run's grid, in plain types: the running episode, {} for none, and how many
        episodes have begun in it."""

    def continue_episodes(self, running: Sequence[Mapping[str, Any]], begun: Sequence[int]) -> None:
        """Bring the environments to where `running` was called."""
