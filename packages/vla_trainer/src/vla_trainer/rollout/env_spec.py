"""What the trainer has to know of a run's environments, wherever they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gymnasium import spaces
from gymnasium.vector import VectorEnv

from vla_trainer.errors import EnvError
from vla_trainer.facts import Fact, facts_of_env
from vla_trainer.initial_states import init_state_counts
from vla_trainer.provenance import Provenance, provenance_of, renderer_of
from vla_trainer.video import fps_of


@dataclass(frozen=True)
class EnvSpec:
    """Spaces and metadata of one environment of a vector environment."""

    observation_space: spaces.Space[Any]
    """What the policy is given."""
    action_space: spaces.Space[Any]
    init_states: Mapping[int, int] | None
    """See `vla_trainer.initial_states.init_state_counts`."""
    provenance: Provenance
    fps: float
    """Policy steps a second at the robot's own speed, for videos."""
    critic_space: spaces.Space[Any] | None = None
    """Of what the critic alone is given; None where there is no such observation."""
    saves_states: bool = False
    """Whether episodes can begin at states that were saved in others; see `protocols.EnvMetadata`."""
    facts: tuple[Fact, ...] = field(default=(), compare=False)
    """What the environment says that decides a result."""

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


def env_spec_of(envs: VectorEnv, critic_key: str | None = None, *, rendering: bool = False) -> EnvSpec:
    """Return the spec of the environments of `envs`.

    Args:
        envs: of `make_envs`.
        critic_key: of an observation that the policy is not given; see `PolicyGradient.critic_key`.
        rendering: name what renders, which begins to.
    """
    space, critic_space = envs.single_observation_space, None
    if critic_key is not None and isinstance(space, spaces.Dict) and critic_key in space.spaces:
        critic_space = space[critic_key]
        space = spaces.Dict({key: value for key, value in space.items() if key != critic_key})
    spec = EnvSpec(
        space,
        envs.single_action_space,
        init_state_counts(envs),
        provenance_of(envs),
        fps_of(envs),
        critic_space,
        saves_states=bool(envs.metadata.get("saves_states", False)),
        facts=facts_of_env(envs),
    )
    return spec.rendered_by(renderer_of(envs)) if rendering else spec
