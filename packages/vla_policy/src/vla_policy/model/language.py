"""Llama with attention in both directions.

Axes: B batch, S sequence, K outputs, h heads, d head width, D width.

A wiring of our own, some hundred lines, because OpenVLA-OFT needs what a stock Llama does not offer: no causal mask
(with it the published success rate falls from 98% to 60%), rotary angles that stay float32 in a bfloat16 network, and
a last layer that answers only at the K positions that are read. Names are transformers'
(`model.layers.0.self_attn.q_proj`, ...), so published weights load as they are; the tests compare it with
transformers' own Llama.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts

from vla_policy.model.attention import attend
from vla_policy.model.config import LlamaSizes
from vla_policy.model.recomputation import KEPT, Recompute
from vla_policy.precision import widen, without_autocast


class RMSNorm(nn.Module):
    """x / rms(x) * weight, with the mean square in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        # Llama rounds x / rms(x) to the network's dtype before it multiplies by the weight.
        wide = widen(x)
        return self.weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)).to(x.dtype)


def rotary_angles(length: int, sizes: LlamaSizes, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return cos and sin, (S, d) each, for positions 0 .. S-1, computed in float32, then cast to `dtype`."""
    half = torch.arange(0, sizes.head_dim, 2, device=device, dtype=torch.float32)
    frequencies = 1.0 / (sizes.rope_theta ** (half / sizes.head_dim))
    positions = torch.arange(length, device=device, dtype=torch.float32)
    angles = torch.outer(positions, frequencies).repeat(1, 2)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply the rotary embedding to (B, h, S, d), halves paired as in transformers' Llama."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Attention(nn.Module):
    """Attention of `queries` positions over the whole sequence."""

    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = sizes.num_attention_heads, sizes.num_key_value_heads, sizes.head_dim
        self.q_proj = nn.Linear(sizes.hidden_size, self.heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(sizes.hidden_size, self.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(sizes.hidden_size, self.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * self.head_dim, sizes.hidden_size, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, valid: Tensor | None, queries: Tensor | None) -> Tensor:
        batch = x.shape[0]
        k = self.k_proj(x).view(batch, -1, self.kv_heads, self.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(batch, -1, self.kv_heads, self.head_dim).transpose(1, 2)
        k = rotate(k, cos, sin)
        if queries is not None:
            x = take(x, queries)
            cos, sin = cos[queries].unsqueeze(1), sin[queries].unsqueeze(1)  # (B, 1, K, d)
        q = rotate(self.q_proj(x).view(batch, -1, self.heads, self.head_dim).transpose(1, 2), cos, sin)
        out = attend(q, k, v, valid)
        projected: Tensor = self.o_proj(out.transpose(1, 2).reshape(batch, -1, self.heads * self.head_dim))
        return projected


class FeedForward(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x))."""

    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(sizes.hidden_size, sizes.intermediate_size, bias=False)
        self.up_proj = nn.Linear(sizes.hidden_size, sizes.intermediate_size, bias=False)
        self.down_proj = nn.Linear(sizes.intermediate_size, sizes.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class DecoderLayer(nn.Module):
    """Pre-norm attention and feed-forward; with `queries`, only those positions come out."""

    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.recompute: Recompute = False
        """Which of its activations the backward pass computes again."""
        self.input_layernorm = RMSNorm(sizes.hidden_size, sizes.rms_norm_eps)
        self.self_attn = Attention(sizes)
        self.post_attention_layernorm = RMSNorm(sizes.hidden_size, sizes.rms_norm_eps)
        self.mlp = FeedForward(sizes)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, valid: Tensor | None, queries: Tensor | None = None
    ) -> Tensor:
        if not self.recompute or not torch.is_grad_enabled():
            return self._compute(x, cos, sin, valid, queries)
        # inside the module, so that what compiles or shards it has it as a whole
        if self.recompute == "selective":
            contexts = partial(create_selective_checkpoint_contexts, KEPT)
            kept: Tensor = checkpoint(
                self._compute, x, cos, sin, valid, queries, use_reentrant=False, context_fn=contexts
            )
            return kept
        out: Tensor = checkpoint(self._compute, x, cos, sin, valid, queries, use_reentrant=False)
        return out

    def _compute(self, x: Tensor, cos: Tensor, sin: Tensor, valid: Tensor | None, queries: Tensor | None) -> Tensor:
        residual = x if queries is None else take(x, queries)
        x = residual + self.self_attn(self.input_layernorm(x), cos, sin, valid, queries)
        return x + self.mlp(self.post_attention_layernorm(x))


class LlamaStack(nn.Module):
    """Embeddings, layers and the final norm."""

    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embed_tokens = nn.Embedding(sizes.vocab_size, sizes.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(sizes) for _ in range(sizes.num_hidden_layers))
        self.norm = RMSNorm(sizes.hidden_size, sizes.rms_norm_eps)

    def gradient_checkpointing_enable(self, recompute: Recompute = True) -> None:
        """Recompute each layer's activations in the backward pass instead of keeping them: all, or those of
        "selective"."""
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            layer.recompute = recompute

    def forward(self, embeddings: Tensor, valid: Tensor | None, queries: Tensor) -> Tensor:
        """Return the final hidden states at some positions.

        Args:
            embeddings: (B, S, D).
            valid: (B, S) bool, False at padding, which nothing may attend to; None where there is none.
            queries: (B, K) positions to answer at.

        Returns:
            (B, K, D)
        """
        cos, sin = rotary_angles(embeddings.shape[1], self.sizes, embeddings.device, embeddings.dtype)
        x, last = embeddings, len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            x = layer(x, cos, sin, valid, queries if i == last else None)
        out: Tensor = self.norm(x)
        return out


class BidirectionalLlama(nn.Module):
    """The stack and the output matrix, of which only the action ids' rows are ever multiplied."""

    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.model = LlamaStack(sizes)
        self.lm_head = nn.Linear(sizes.hidden_size, sizes.vocab_size, bias=False)

    def logits(self, hidden: Tensor, first_id: int, count: int) -> Tensor:
        """Return the (B, K, count) float32 logits of ids first_id .. first_id + count - 1 for hidden (B, K, D).

        The product is float32 also in a bfloat16 or float16 network and under `torch.autocast`: a bfloat16 logit near
        20 is rounded to 1/8, and log-probs that are compared between updates need better.
        """
        rows = self.lm_head.weight[first_id : first_id + count]
        with without_autocast(hidden.device):
            return F.linear(widen(hidden), widen(rows))


def take(x: Tensor, index: Tensor) -> Tensor:
    """Return the (B, K, D) entries of x (B, S, D) at the positions (B, K)."""
    return x.gather(1, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
