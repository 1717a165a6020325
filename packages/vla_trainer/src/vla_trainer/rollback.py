"""What is done about a collapse, as `trainer.on_collapse` says: a line, the end of the run, or a way back.

signs --> warn: a line
      --> stop: a line, CollapseError that names a checkpoint
      --> rollback: weights and optimizer of the best checkpoint, smaller learning rate; after `max_rollbacks`: stop
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from vla_trainer import checkpoint
from vla_trainer.collapse import CollapseGuard, Sign
from vla_trainer.config.trainer import Trainer
from vla_trainer.errors import CollapseError

LR_FACTOR = 0.3
"""Where `trainer.rollback_lr_factor` is null."""
MAX_ROLLBACKS = 3
"""Where `trainer.max_rollbacks` is null."""


class Restorable(Protocol):
    """What a rollback asks of a trainer."""

    def restore_weights(self, path: Path) -> None:
        """See `vla_trainer.trainer.Trainer`."""

    def scale_lr(self, scale: float) -> None:
        """See `vla_trainer.trainer.Trainer`."""


def respond(
    settings: Trainer,
    guard: CollapseGuard,
    trainer: Restorable,
    folder: Path,
    iteration: int,
    signs: Sequence[Sign],
    say: Callable[[str], None],
) -> CollapseError | None:
    """Print the signs that are new and do what is configured.

    Args:
        settings: section `trainer` of the config.
        guard: of the run; a rollback is noted in it.
        trainer: gets the weights of a rollback.
        folder: of the run's checkpoints.
        iteration: that the signs are of.
        signs: all of the iteration.
        say: takes lines for the user.

    Returns:
        What ends the run, once the iteration's metrics are logged; None: it goes on.
    """
    new = [sign for sign in signs if sign.new]
    for sign in new:
        say(f"warning: iteration {iteration}: {sign}")
    if not new or settings.on_collapse == "warn":
        return None
    collapsed = f"the run collapsed in iteration {iteration} ({', '.join(sign.metric for sign in new)}); "
    collapsed += f"iteration {guard.last_good} was the last without a sign; " if guard.last_good else ""
    target, kind = good_checkpoint(folder, settings.best_metric, guard.last_good)
    if target is None:
        return CollapseError(f"{collapsed}no checkpoint was written before; set trainer.save_every")
    if settings.on_collapse == "stop":
        return CollapseError(f"{collapsed}the {kind} checkpoint is {target}")
    allowed = settings.max_rollbacks or MAX_ROLLBACKS
    if guard.rollbacks >= allowed:
        return CollapseError(
            f"{collapsed}trainer.max_rollbacks={allowed} are used up; the {kind} checkpoint is {target}"
        )
    trainer.restore_weights(target)
    guard.rolled_back(settings.rollback_lr_factor or LR_FACTOR)
    trainer.scale_lr(guard.lr_scale)
    say(
        f"note: iteration {iteration}: rolled back to {target}, learning rates are {guard.lr_scale:.3g} of the "
        f"config's from now on (rollback {guard.rollbacks} of {allowed})"
    )
    return None


def good_checkpoint(folder: Path, metric: str, last_good: int) -> tuple[Path | None, str]:
    """The checkpoint with the best score, and "best"; where none has one, the newest up to iteration `last_good`, and
    "last good"; None where there is none."""
    if (best := checkpoint.best(folder, metric)) is not None:
        return best, "best"
    good = [path for path in checkpoint.found(folder) if checkpoint.step_of(path) <= last_good]
    return (good[-1] if good else None), "last good"
