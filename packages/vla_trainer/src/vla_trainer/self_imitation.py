"""Keep the successes of recent iterations, for an update to imitate.

    rollout --policy steps of episodes that ended in it with success--> the last iterations' --> batch.imitated

Axes: B policy steps that were taken, K tokens of one.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

import numpy as np
import torch

from vla_trainer.algorithms.self_imitation import SelfImitationSettings
from vla_trainer.errors import ConfigError
from vla_trainer.types import Batch, Imitated, Rollout, Rows


class SelfImitation:
    """The policy steps of the successes of the last iterations."""

    def __init__(self, settings: SelfImitationSettings) -> None:
        """`settings`: its section of the config."""
        self._recent: deque[Imitated] = deque(maxlen=settings.memory)

    def add_to(self, batch: Batch, rollout: Rollout) -> Batch:
        """Return the batch with what is to be imitated beside it, this rollout's successes among it.

        Of an episode that began in an earlier rollout, the policy steps of this one count alone.

        Raises:
            ConfigError: the environment does not say whether an episode succeeded.
        """
        if any(episode.success is None for episode in rollout.episodes.values()):
            raise ConfigError("algorithm.self_imitation: this environment does not report success; allowed: null")
        won = [number for number, episode in rollout.episodes.items() if episode.success]
        rows = torch.from_numpy(np.flatnonzero(np.isin(rollout.episode[rollout.mask], won)))
        if len(rows):
            inputs = {key: value[rows] for key, value in rollout.inputs.items()}
            lengths = torch.from_numpy(rollout.lengths[rollout.mask])[rows]
            self._recent.append(Imitated(inputs, rollout.tokens[rows], lengths))
        return replace(batch, imitated=tuple(self._recent))

    def state(self) -> list[dict[str, Any]]:
        """Return what a checkpoint keeps: of each iteration the observations, tokens and lengths."""
        return [
            {
                "inputs": {key: _read(value) for key, value in part.inputs.items()},
                "tokens": part.tokens,
                "lengths": part.lengths,
            }
            for part in self._recent
        ]

    def load(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Go on from a `state`."""
        self._recent.clear()
        self._recent.extend(Imitated(part["inputs"], part["tokens"], part["lengths"]) for part in state)


class _Elsewhere(Protocol):
    """Rows in other processes, which can be read as long as those run."""

    def read(self) -> torch.Tensor:
        """Return all of them."""


def _read(rows: Rows) -> torch.Tensor:
    return rows if isinstance(rows, torch.Tensor) else cast(_Elsewhere, rows).read()
