"""What the trainer has to know of a run's environments, wherever they are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gymnasium import spaces
from gymnasium.vector import VectorEnv

from vla_trainer.errors import EnvError
from vla_trainer.initial_states import init_state_counts
from vla_trainer.provenance import Provenance, provenance_of, renderer_of
from vla_trainer.video import fps_of


@dataclass(frozen=True)
class EnvSpec:
    """Spaces and metadata of one environment of a vector environment."""

    observation_space: spaces.Space[Any]
    action_space: spaces.Space[Any]
    init_states: Mapping[int, int] | None
    """See `vla_trainer.initial_states.init_state_counts`."""
    provenance: Provenance
    fps: float
    """Policy steps a second at the robot's own speed, for videos."""

    @property
    def action_dim(self) -> int:
        """A, numbers of one action.

        Raises:
            EnvError: the action space is no Box.
        """
        if self.action_space.shape is None:
            raise EnvError(
                f"{self.provenance.env_id}: its action space is {self.action_space}; the trainer needs a Box"
            )
        return self.action_space.shape[-1] if self.action_space.shape else 1

    def rendered_by(self, renderer: str | None) -> "EnvSpec":
        """Return the same with the name of what renders."""
        return replace(self, provenance=replace(self.provenance, renderer=renderer))


def env_spec_of(envs: VectorEnv, *, rendering: bool = False) -> EnvSpec:
    """Return the spec of the environments of `envs`; with `rendering` what renders is named, and begins to."""
    spec = EnvSpec(
        envs.single_observation_space,
        envs.single_action_space,
        init_state_counts(envs),
        provenance_of(envs),
        fps_of(envs),
    )
    return spec.rendered_by(renderer_of(envs)) if rendering else spec
