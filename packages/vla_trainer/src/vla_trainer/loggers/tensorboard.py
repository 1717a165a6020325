"""TensorBoard event files."""

import time
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

CHARTS: dict[str, tuple[str, ...]] = {
    "success": ("rollout/success_rate", "env/success_rate", "eval/success_rate"),
    "return of an episode": ("rollout/reward_mean", "eval/reward_mean"),
    "length of an episode, environment steps": ("rollout/episode_length",),
    "share of useful environment slots": ("rollout/useful_step_fraction",),
    "policy loss": ("actor/loss",),
    "value loss": ("actor/value_loss", "critic/loss"),
    "explained variance": ("actor/explained_variance",),
    "entropy, nats a token": ("actor/entropy",),
    "KL from the behavior policy, nats": ("actor/approx_kl", "actor/update_kl"),
    "share of clipped ratios": ("actor/clip_fraction",),
    "gradient norm": ("actor/grad_norm",),
    "learning rate": ("actor/lr", "actor/critic_lr"),
    "seconds of an iteration": ("time/iteration", "time/rollout", "time/update"),
}
"""The page "Custom scalars": by title, what a chart has."""


class TensorboardLogger:
    """Writes a scalar for each metric, and a page with the charts to watch; the step is the iteration."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        if self._writer is None:
            _wait_for_a_later_name(self._folder)
            # after a resume TensorBoard forgets what an interrupted run wrote from here on
            self._writer = SummaryWriter(str(self._folder), purge_step=iteration)
            charts = {title: ["Multiline", [f"^{name}$" for name in names]] for title, names in CHARTS.items()}
            self._writer.add_custom_scalars({"vla-train": charts})
        try:
            for name, value in metrics.items():
                self._writer.add_scalar(name, value, iteration)
            self._writer.flush()
        except Exception:
            # its thread has ended; the next call begins another file
            self._writer = None
            raise

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _wait_for_a_later_name(folder: Path) -> None:
    """Wait, at most a second, until a new event file would be read after those in `folder`.

    TensorBoard reads files in the order of their names, which begin with the second that they were made in; what
    follows the second (host, process, a count) has no order in time.
    """
    made = {file.name.split(".")[3] for file in folder.glob("events.out.tfevents.*")}
    while f"{int(time.time()):010d}" in made:
        time.sleep(0.02)
