"""The keys of imitating own successes beside the policy gradient."""

from pydantic import PositiveFloat, PositiveInt

from vla_trainer.section import Section


class SelfImitationSettings(Section):
    """Imitation of the policy's own recent successes (self-imitation learning, Oh et al. 2018, arXiv:1806.05635).

    Each optimizer step adds -coef times the mean log-probability of the tokens of policy steps from episodes that
    succeeded. It keeps what was learned from being lost, and uses a success more than once. Their observations are kept
    in memory and in checkpoints.
    """

    coef: PositiveFloat = 0.3
    """Weight of its loss."""
    memory: PositiveInt = 4
    """Iterations whose successes are imitated, the latest ones."""
    share: PositiveFloat = 1.0
    """Policy steps that are imitated in an optimizer step, as a multiple of its own."""
