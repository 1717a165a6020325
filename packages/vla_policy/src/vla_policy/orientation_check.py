"""Test on demonstrations whether a policy gets its images the way up that it was trained on.

A policy that was trained finds the actions of demonstrations likelier in images of its own orientation than in turned
ones. An untrained policy cannot tell, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from vla_policy.errors import ObservationError
from vla_policy.orientation import ORIENTATIONS, Orientation, turned

if TYPE_CHECKING:
    from vla_policy.policy import OpenVLAOFTPolicy

CLEAR = 3.0
"""Standard errors of the mean difference from which a difference counts: by chance in 1 of 700."""


@dataclass(frozen=True)
class OrientationCheck:
    """The score of each orientation that the environment's images may have."""

    given: Orientation
    """What the policy takes the images to be."""
    scores: dict[Orientation, float]
    """Mean over demonstrated chunks, higher is better: log-probability of a token, nats, of the actions; of an L1 head
    minus the mean distance of normalized actions."""
    best: Orientation
    """The orientation with the highest score."""
    distance: float
    """Of the best from the given one or, where they are the same, from the second: mean difference over its standard
    error."""

    @property
    def clear(self) -> bool:
        """Return whether the demonstrations tell orientations apart."""
        return self.distance >= CLEAR

    @property
    def passed(self) -> bool:
        """Return whether the images are clearly the way up that the policy expects."""
        return self.clear and self.best == self.given

    def __str__(self) -> str:
        """Describe the outcome in a line, with what to do."""
        scores = ", ".join(f"{name} {score:.3f}" for name, score in self.scores.items())
        if not self.clear:
            verdict = f"not clear: {self.given} and the others are within {CLEAR:g} standard errors"
        elif self.passed:
            verdict = f"passed: images are {self.given}"
        else:
            verdict = f"failed: images are {self.best}, not {self.given}; policy.use_orientation({self.best!r})"
        return f"orientation check {verdict} ({scores})"


@torch.no_grad()
def check_orientation(
    policy: OpenVLAOFTPolicy, observation: Mapping[str, Any], actions: ArrayLike, batch: int = 16
) -> OrientationCheck:
    """Score demonstrated actions under each orientation that images of an environment may have.

    Args:
        policy: a trained one.
        observation: batched, N of them, as the environment returned them in demonstrations; some 32 are enough.
        actions: (N, C, A) of the demonstrations from there on, in env units.
        batch: observations that the network sees at a time.

    Raises:
        ObservationError: fewer than 2 observations, or another number of actions; else as `policy.act`.
        ActionError: actions of another shape.
    """
    values = np.asarray(actions, dtype=np.float64)
    count = len(next(iter(observation.values()))) if observation else 0
    if count < 2 or len(values) != count:
        raise ObservationError(
            f"check_orientation: {count} observations and {len(values)} chunks of actions; as many of both, and at "
            "least 2, are needed"
        )
    wanted, given = policy.config.image_orientation, policy.image_orientation
    rows: dict[Orientation, np.ndarray] = {}
    for orientation in ORIENTATIONS:
        # As if the environment's images were of that orientation; the policy itself turns from `given`.
        images = turned(observation, policy.config.image_keys, orientation, wanted)
        images = turned(images, policy.config.image_keys, wanted, given)
        parts = []
        for start in range(0, count, batch):
            rows_of = slice(start, start + batch)
            part = {key: value[rows_of] for key, value in images.items()}
            parts.append(_scores(policy, part, values[rows_of]))
        rows[orientation] = np.concatenate(parts)
    scores = {name: float(row.mean()) for name, row in rows.items()}
    best = max(scores, key=scores.__getitem__)
    rest = {name: score for name, score in scores.items() if name != best}
    other = given if best != given else max(rest, key=rest.__getitem__)
    difference = rows[best] - rows[other]
    error = float(difference.std(ddof=1)) / math.sqrt(count)
    distance = float(difference.mean()) / error if error > 0 else (math.inf if difference.mean() > 0 else 0.0)
    return OrientationCheck(given, scores, best, distance)


def _scores(policy: OpenVLAOFTPolicy, observation: Mapping[str, Any], actions: np.ndarray) -> np.ndarray:
    """Return (B,) scores of demonstrated chunks."""
    inputs = policy.observe(observation)
    if policy.model.action_head is not None:
        distance = (policy.regress(inputs).cpu().float() - policy.normalize_actions(actions)).abs()
        return -distance.flatten(1).mean(1).double().numpy()
    log_probs = policy.evaluate(inputs, policy.encode(actions)).log_probs
    return log_probs.mean(1).double().cpu().numpy()
