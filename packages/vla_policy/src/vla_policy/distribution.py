"""The distribution of action tokens: one object samples and scores.

Axes: B batch, K = C A action tokens, V bins.

RL on VLAs has gone wrong where log-probs were computed on another distribution than the one that was sampled from
(another temperature, another order of top-k and temperature, another slice of the vocabulary). Here `sample`, `mode`,
`median`, `log_prob` and `entropy` read the same normalized log-probabilities, made once in float32
(float64 stays float64, for gradient checks).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vla_policy.errors import ConfigError, NumbersError, TokenError
from vla_policy.precision import widen


class ActionTokenDistribution:
    """Independent categorical distributions over the V action ids, one for each of K tokens.

    Logits are divided by the temperature first, then cut to the `top_k` largest, then normalized.

    Args:
        logits: (B, K, V), in id order.
        temperature: above 0; greedy decoding is `mode`, not temperature 0.
        top_k: keep only the k most likely ids; None keeps all. A token outside has log-prob -inf.
        first_id: the vocabulary id of index 0.
    """

    def __init__(
        self, logits: Tensor, temperature: float = 1.0, top_k: int | None = None, *, first_id: int = 0
    ) -> None:
        if not (temperature > 0 and math.isfinite(temperature)):
            raise ConfigError(f"temperature is {temperature}; it must be a positive number (for greedy, use mode)")
        bins = logits.shape[-1]
        if top_k is not None and not 1 <= top_k <= bins:
            raise ConfigError(f"top_k is {top_k}; it must be 1 to {bins}, or None")
        scaled = widen(logits) / temperature
        if top_k is not None and top_k < bins:
            kept = scaled.topk(top_k, dim=-1).indices
            outside = torch.ones_like(scaled, dtype=torch.bool).scatter_(-1, kept, False)
            scaled = scaled.masked_fill(outside, -torch.inf)
        self.log_probs = torch.log_softmax(scaled, dim=-1)
        """(B, K, V)"""
        self.first_id = first_id

    def sample(self, generator: torch.Generator | Sequence[torch.Generator] | None = None) -> Tensor:
        """Sample (B, K) ids by a race: with q from Exp(1), the id with the largest p / q wins with probability p.

        Two computations of p that differ by rounding choose differently with a probability of about that rounding.
        Inverting the cumulative sum would add up the roundings of all ids, and a run on several machines would differ
        from a run on a single machine within a rollout.

        Args:
            generator: the source of randomness; B of them, one a row, make a row's sample independent of the other
                rows. Samples do not depend on the logits' device, so that a seed gives the same on CPU and GPU.

        Raises:
            ConfigError: another number of generators than rows.
            NumbersError: logits are not finite.
        """
        log_probs = self.log_probs.detach()
        if generator is None or isinstance(generator, torch.Generator):
            device = generator.device if generator is not None else log_probs.device
            race = torch.empty(log_probs.shape, device=device).exponential_(generator=generator)
        else:
            if len(generator) != len(log_probs):
                raise ConfigError(f"{len(generator)} generators for {len(log_probs)} rows; allowed: one, or one a row")
            race = torch.empty(log_probs.shape, device=generator[0].device if generator else None)
            for row, source in zip(race, generator, strict=True):
                row.exponential_(generator=source)
        # 0 is a possible sample, and an id with no mass must not win by it
        race.clamp_(min=torch.finfo(race.dtype).tiny)
        return self._ids((log_probs - race.log_().to(log_probs.device)).argmax(-1))

    def sample_correlated(
        self,
        correlation: float,
        action_dim: int,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Sample (B, K) ids whose deviations from their medians are correlated over the actions of a chunk.

        Each token has its own distribution as in `sample`; what differs is how they go together. With r = 1 the noise
        of an action number is the same in all C actions, so that the robot is pushed one way for the whole chunk;
        independent noise of C actions cancels out but for 1 / sqrt(C) of it. A Gaussian copula:
        z_ca = sqrt(r) s_a + sqrt(1 - r) e_ca with s and e normal, and the id is the quantile Phi(z_ca) of its token.

        `log_prob` stays that of each token. With Q the return and noise of covariance S, E[Q sum of grad log p] is
        then S grad Q: the gradient of independent noise, smoothed over the chunk, which still ascends.

        Args:
            correlation: r of the noise of two actions of a chunk, 0 to 1.
            action_dim: A; tokens are (C, A), flattened.
            generator: see `sample`.

        Raises:
            ConfigError: another number of generators than rows, or a correlation outside 0 to 1.
            NumbersError: logits are not finite.
        """
        if not 0 <= correlation <= 1:
            raise ConfigError(f"chunk_correlation is {correlation}; allowed: 0 to 1")
        log_probs = self.log_probs.detach()
        rows, tokens, bins = log_probs.shape
        size = (rows, action_dim + tokens)
        if generator is None or isinstance(generator, torch.Generator):
            device = generator.device if generator is not None else log_probs.device
            normal = torch.randn(size, generator=generator, device=device, dtype=torch.float64)
        else:
            if len(generator) != rows:
                raise ConfigError(f"{len(generator)} generators for {rows} rows; allowed: one, or one a row")
            normal = torch.empty(size, device=generator[0].device if generator else None, dtype=torch.float64)
            for row, source in zip(normal, generator, strict=True):
                row.normal_(generator=source)
        shared = normal[:, :action_dim].repeat(1, tokens // action_dim)
        noise = correlation**0.5 * shared + (1 - correlation) ** 0.5 * normal[:, action_dim:]
        below = log_probs.double().exp().cumsum(-1)
        # of what the probabilities sum up to, which is 1 but for rounding
        quantile = torch.special.ndtr(noise).to(below.device).unsqueeze(-1) * below[..., -1:]
        return self._ids((below < quantile).sum(-1).clamp(max=bins - 1))

    def mode(self) -> Tensor:
        """Return the most likely ids (B, K), the lowest of equal ones. Raises NumbersError as `sample` does."""
        return self._ids(self.log_probs.argmax(-1))

    def median(self) -> Tensor:
        """Return the first ids (B, K) up to which half of the probability lies.

        Ids stand in the order of their actions, so that this has the least expected absolute error. Where many
        neighbours are nearly equally likely, which of them leads is chance, and the mode jumps between them.
        Raises NumbersError as `sample` does.
        """
        below = self.log_probs.exp().cumsum(-1) < 0.5
        # rounding may leave the sum of all below a half only where nothing has mass
        return self._ids(below.sum(-1).clamp(max=self.log_probs.shape[-1] - 1))

    def _ids(self, index: Tensor) -> Tensor:
        """Return the ids of chosen indices (B, K). A logit that is NaN or +inf makes all log-probs of its token NaN, so
        that those of the chosen ids show it; B or K may be 0."""
        chosen = self.log_probs.detach().gather(-1, index.unsqueeze(-1)).squeeze(-1)
        if not bool((usable := chosen > -torch.inf).all()):
            row, token = (~usable).nonzero()[0].tolist()
            raise NumbersError(
                f"the logits of token {token} of row {row} (of {len(chosen)}) are not finite: no id can be chosen"
            )
        return index + self.first_id

    def log_prob(self, tokens: Tensor) -> Tensor:
        """Return the log-probabilities (B, K) of ids (B, K).

        Raises:
            TokenError: a wrong shape or dtype, or an id that is no action id.
        """
        if tokens.shape != self.log_probs.shape[:-1]:
            raise TokenError(
                f"tokens have shape {tuple(tokens.shape)}; (B, K) is {tuple(self.log_probs.shape[:-1])} here"
            )
        if tokens.is_floating_point() or tokens.dtype == torch.bool:
            raise TokenError(f"tokens have dtype {tokens.dtype}; integers are needed")
        index = tokens.long() - self.first_id
        bins = self.log_probs.shape[-1]
        if index.device.type == "cpu" and index.numel() and (index.min() < 0 or index.max() >= bins):
            raise TokenError(
                f"tokens span {int(tokens.min())} to {int(tokens.max())}; "
                f"action ids are {self.first_id} to {self.first_id + bins - 1}"
            )
        return self.log_probs.gather(-1, index.to(self.log_probs.device).unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        """Return -sum p log p, (B, K), in nats; ids with no mass add nothing."""
        # -inf would make p log p NaN, and its gradient too: cut it before the product.
        finite = self.log_probs.clamp_min(torch.finfo(torch.float32).min)
        return -(finite.exp() * finite).sum(-1)
