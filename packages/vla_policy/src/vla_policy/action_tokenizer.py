"""Encode actions in [-1, 1] as token ids of the language model's vocabulary, and decode them.

Axes: any shape; the functions are elementwise.

The published formula (openvla `prismatic/vla/action_tokenizer.py`, 213c5ff): 256 edges `linspace(-1, 1, 256)`, hence
255 centres between them; the last 256 ids of the unpadded vocabulary are the action ids, in descending order of the
action. The two lowest ids decode to the same centre, the highest one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vla_policy.errors import ActionError, ConfigError, TokenError


class ActionTokenizer:
    """Map actions to ids and back.

    `encode`: id = V - digitize(clip(a, -1, 1)); `decode`: a = centres[clip(V - id - 1, 0, bins - 2)].

    Args:
        bins: number of edges, and of action ids.
        vocab_size: V, the size of the vocabulary without padding rows (32000 for Llama 2).
    """

    def __init__(self, bins: int = 256, vocab_size: int = 32000) -> None:
        if bins < 2:
            raise ConfigError(f"ActionTokenizer: bins is {bins}; at least 2 are needed")
        if vocab_size < bins:
            raise ConfigError(f"ActionTokenizer: vocab_size is {vocab_size}; it must hold the {bins} action ids")
        self.bins = bins
        self.vocab_size = vocab_size
        self.edges: NDArray[np.float64] = np.linspace(-1.0, 1.0, bins)
        self.centres: NDArray[np.float64] = (self.edges[:-1] + self.edges[1:]) / 2.0

    @property
    def first_id(self) -> int:
        """The lowest action id; action ids are first_id .. vocab_size - 1."""
        return self.vocab_size - self.bins

    @property
    def id_values(self) -> NDArray[np.float64]:
        """(bins,) the action that each id decodes to, in id order (so, descending)."""
        return self.decode(np.arange(self.first_id, self.vocab_size))

    def encode(self, actions: ArrayLike) -> NDArray[np.int64]:
        """Return token ids of normalized actions, same shape; values outside [-1, 1] are clipped.

        Raises:
            ActionError: a value is NaN.
        """
        values = np.asarray(actions, dtype=np.float64)
        if np.isnan(values).any():
            raise ActionError("ActionTokenizer.encode: actions contain NaN; every value must be a number")
        digits = np.digitize(np.clip(values, -1.0, 1.0), self.edges)
        return (self.vocab_size - digits).astype(np.int64)

    def decode(self, ids: ArrayLike) -> NDArray[np.float64]:
        """Return normalized actions of token ids, same shape; an id that is no action id decodes to the nearest centre.

        Raises:
            TokenError: the ids are not integers.
        """
        tokens = np.asarray(ids)
        if not np.issubdtype(tokens.dtype, np.integer):
            raise TokenError(f"ActionTokenizer.decode: ids have dtype {tokens.dtype}; integers are needed")
        index = np.clip(self.vocab_size - tokens.astype(np.int64) - 1, 0, self.bins - 2)
        return self.centres[index]
