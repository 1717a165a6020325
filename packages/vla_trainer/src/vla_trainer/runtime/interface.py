"""What the training loop asks of a backend."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vla_trainer.checkpoint import Unpublished
from vla_trainer.provenance import Provenance
from vla_trainer.types import Batch, Rollout, Video, VideoRequest

if TYPE_CHECKING:
    from vla_trainer.evaluation.evaluate import OnEpisode
    from vla_trainer.evaluation.result import Evaluation
    from vla_trainer.sft.dataset import Demonstrations
    from vla_trainer.sft.policy_steps import OnEpisode as OnDemonstration


class Common(Protocol):
    """Policy and optimizer, and environments to evaluate in, wherever they are."""

    @property
    def fps(self) -> float:
        """Policy steps a second at the robot's own speed, for videos."""

    @property
    def provenance(self) -> Provenance:
        """What the environments say about themselves."""

    def evaluate(
        self, videos: VideoRequest | None = None, on_episode: "OnEpisode | None" = None
    ) -> "tuple[Evaluation, list[Video]]":
        """Evaluate the present weights as `config.eval` says; `on_episode` is told after each episode."""

    def save(self, folder: Path, iteration: int, progress: dict[str, Any], score: float | None) -> Unpublished:
        """Write a checkpoint that the loop publishes in `folder`.

        `progress` is what the loop wants back, in plain types; `score` the value of `trainer.best_metric`, if measured.
        """

    def load(self, checkpoint: Path) -> tuple[int, dict[str, Any]]:
        """Continue from a checkpoint; returns its iteration and the loop's progress."""

    def restore_weights(self, path: Path) -> None:
        """Put weights and optimizer of a checkpoint in the place of the present ones; all else stays as it is.

        Raises:
            CheckpointError: as `load`.
        """

    def scale_lr(self, scale: float) -> None:
        """Multiply what the config says about learning rates by this from now on; not what was set before."""

    def close(self) -> None:
        """Release the environments."""


class Backend(Common, Protocol):
    """For reinforcement learning: environments that train, too. `load` continues the episodes that were running."""

    @property
    def env_steps(self) -> int:
        """Environment steps collected since the run began, resumes included."""

    def collect(self, videos: VideoRequest | None = None, iteration: int | None = None) -> Rollout:
        """One iteration's rollout with the present weights, or with those of before as `rollout.max_staleness` says.

        `videos` asks for images of the next episodes. `iteration` says what temperature it is sampled at (None: that
        of the first), and is needed to begin its update early.
        """

    def update(self, batch: Batch, iteration: int) -> dict[str, float]:
        """Move the weights; returns `actor/*`."""


class Imitating(Common, Protocol):
    """For supervised fine-tuning."""

    def open_demonstrations(self) -> "Demonstrations":
        """Find the dataset and check that it fits the environment."""

    def read_demonstrations(self, demonstrations: "Demonstrations", on_episode: "OnDemonstration | None" = None) -> int:
        """Read it, after `load`; returns how many policy steps there are. Needed once before `fit`."""

    def fit(self, iteration: int) -> dict[str, float]:
        """Take an iteration's optimizer steps; returns metrics."""
