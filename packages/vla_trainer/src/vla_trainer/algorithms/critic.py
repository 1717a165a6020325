"""The keys of a critic of the trainer's own, which looks at an observation that the policy is not given."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from vla_trainer.section import Section


class CriticSettings(Section):
    """A critic of the trainer's own in place of the policy's value head: an MLP over one key of the observations.

    Its inputs are scaled by the mean and deviation of all that it has seen, so they may have any units.
    The policy never gets that key, so what it may not know in the world can be in it, such as a simulator's state
    (asymmetric actor-critic, Pinto et al. 2017, arXiv:1710.06542).
    """

    source: Literal["observation"] = "observation"
    """What it looks at: an observation of the environment."""
    key: Annotated[str, Field(min_length=1)]
    """Key of that observation, a Box of numbers; the environment may need an argument to have it."""
    hidden: Annotated[tuple[PositiveInt, ...], Field(strict=False)] = (256, 256)
    """Widths of its hidden layers."""
    rate: PositiveFloat = 1e-3
    """Learning rate of its optimizer, Adam."""
    optimizer_steps: PositiveInt = 20
    """Optimizer steps an iteration. More of them fit it to the episodes that it has, not to the next ones."""
    sample_size: PositiveInt = 1024
    """Policy steps of one optimizer step, at most."""
    memory: PositiveInt = 8
    """Iterations whose policy steps it is fitted to, the latest ones."""
