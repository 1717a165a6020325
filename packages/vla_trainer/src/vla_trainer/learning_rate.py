"""A learning rate that follows how far updates move the policy.

As rsl_rl's adaptive schedule (Schwarke et al. 2025, arXiv:2509.10771, after Schulman et al. 2017, section 4), but once
an iteration, by as much as the KL is off, and with steps back.
"""

from dataclasses import dataclass

from vla_trainer.config.schema import Actor

MOST = 1.5
"""Most that the rates change by in an iteration."""
RANGE = (0.02, 50.0)
"""What they stay within, times the config's."""


@dataclass
class LearningRateFollower:
    """What the learning rates are multiplied by, iteration by iteration."""

    actor: Actor
    factor: float = 1.0

    def follow(self, kl: float, *, undone: bool) -> None:
        """Change the factor after an update.

        KL grows with the square of the step, so the factor is multiplied by sqrt(update_kl / kl), within
        [1 / 1.5, 1.5]; after an update that was undone by 1 / 2.

        Args:
            kl: `actor/update_kl`, at least 0.
            undone: whether the update was taken back.
        """
        assert self.actor.update_kl is not None
        if undone:
            change = 0.5
        else:
            wanted = (self.actor.update_kl / kl) ** 0.5 if kl > 0 else MOST
            change = min(max(wanted, 1 / MOST), MOST)
        self.factor = min(max(self.factor * change, RANGE[0]), RANGE[1])
