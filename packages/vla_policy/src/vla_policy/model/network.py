"""OpenVLA-OFT's network: images, a prompt and proprioception to a chunk of actions in a single forward pass.

Axes: B batch, L prompt tokens, n images, H W pixels, P patches of all images, S sequence, C actions a chunk, A action
dims, K = C A action tokens, V bins, D width.

    input_ids (B, L) -----------> embed ------> (B, L, D) -----+
    pixel_values (B, 6n, H, W) -> trunks, projector (B, P, D) -+-> sequence -> Llama -> hidden (B, K, D) -+-> logits
    proprio (B, 8) -------------> projector --> (B, 1, D) -----+                                          +-> L1 actions

    sequence: [BOS][P patches][proprio?][prompt without BOS][K placeholders][stop?][padding]

Outputs are read a position before, as next-token logits are: the prompt's last token yields the first action token.
Source: openvla-oft 213c5ff, `modeling_prismatic.py::OpenVLAForActionPrediction`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vla_policy.errors import ObservationError, clip
from vla_policy.model.config import OpenVLAOFTConfig
from vla_policy.model.heads import L1ActionHead
from vla_policy.model.language import BidirectionalLlama
from vla_policy.model.projector import Projector, ProprioProjector
from vla_policy.model.recomputation import Recompute
from vla_policy.model.vision import CHANNELS, VisionBackbone


@dataclass(frozen=True)
class OpenVLAOFTOutput:
    """Result of a forward pass."""

    logits: Tensor
    """(B, K, V) float32, whatever the network computes in, over the action ids in id order (31744 .. 31999 for Llama
    2)."""
    hidden: Tensor
    """(B, K, D) final hidden states that the logits were made of."""
    actions: Tensor | None
    """(B, C, A) normalized actions of the L1 head, in the dtype that it computes in, as upstream's; None where the
    checkpoint has none."""


class OpenVLAOFTNetwork(nn.Module):
    """The network at any size; all sizes are read from the config."""

    def __init__(self, config: OpenVLAOFTConfig) -> None:
        super().__init__()
        self.config = config
        width = config.text.hidden_size
        self.vision_backbone = VisionBackbone(config.trunks, config.stem)
        self.projector = Projector(self.vision_backbone.width, width, fused=len(config.trunks) == 2)
        self.language_model = BidirectionalLlama(config.text)
        self.proprio_projector = None if config.proprio_dim is None else ProprioProjector(config.proprio_dim, width)
        self.action_head = L1ActionHead(width, config.action_dim) if config.action_head == "l1" else None
        self.placeholders = nn.Parameter(torch.zeros(config.num_tokens, width)) if config.learned_placeholders else None

    @property
    def first_action_id(self) -> int:
        """The token id of logits[..., 0]."""
        return self.config.vocab_size - self.config.bins

    @property
    def dtype(self) -> torch.dtype:
        return self.language_model.model.embed_tokens.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.language_model.model.embed_tokens.weight.device

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the network with `torch.compile`, whose arguments these are; it is one graph.

        The checks and the padding to the right in `forward` stay eager, because they depend on the data. Prompt lengths
        vary, so a second length makes torch compile once more, for any length.
        """
        self._decode_compiled = torch.compile(self.decode, *args, **{"fullgraph": True, **kwargs})

    def compile_blocks(self, **kwargs: Any) -> None:
        """Compile each language layer by itself, in place, with `torch.compile`'s arguments.

        Unlike `compile`, this works where blocks are sharded one by one: gathering and freeing stay outside, and what
        is computed again is inside. All layers share the compiled code. Names of weights stay; a copy is not compiled.
        What cannot be compiled runs as it is, unless `fullgraph=True`. Trunk blocks, a fourteenth of the published
        network's arithmetic, stay eager: timm computes them again from outside, where torch may select other compiled
        code than in the forward pass, and then fails.
        """
        for layer in self.language_model.model.layers:
            layer.compile(**{"dynamic": True, **kwargs})

    def gradient_checkpointing_enable(self, recompute: Recompute = True) -> None:
        """Keep fewer activations inside trunk blocks and language layers: the backward pass computes them again."""
        self.language_model.model.gradient_checkpointing_enable(recompute)
        self.vision_backbone.gradient_checkpointing_enable(bool(recompute))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_decode_compiled"}

    def forward(
        self,
        input_ids: Tensor,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        proprio: Tensor | None = None,
        prompt_length: Tensor | None = None,
    ) -> OpenVLAOFTOutput:
        """Decode a chunk in parallel.

        Args:
            input_ids: (B, L) integer prompt tokens with BOS first and the prompt-end token last.
            pixel_values: (B, 6n, H, W) float, normalized; 6 channels an image, one normalization for each trunk.
            attention_mask: (B, L), true at real tokens, padding on either side; None reads it from `pad_token_id`.
            proprio: (B, 8) normalized; needed if, and only if, the checkpoint has a projector for it.
            prompt_length: (B,) real tokens of each row, on the CPU, where padding is on the right: it takes the
                place of `attention_mask`, and a GPU is never waited for.

        Raises:
            ObservationError: shapes that do not fit the config.
        """
        self._check(input_ids, pixel_values, attention_mask, proprio)
        if prompt_length is None:
            real = input_ids != self.config.pad_token_id if attention_mask is None else attention_mask.bool()
            prompt_length = real.sum(1)
            # Real tokens to the front, in order: padding on the left becomes padding on the right.
            input_ids = input_ids.gather(1, (~real).to(torch.int8).argsort(dim=1, stable=True))
        shortest, longest = int(prompt_length.min()), int(prompt_length.max())
        if shortest < 2 or longest > input_ids.shape[1]:
            raise ObservationError(
                f"input_ids: prompts have {clip(prompt_length.tolist())} real tokens of {input_ids.shape[1]}; BOS "
                "and the prompt-end token are the least"
            )
        decode = getattr(self, "_decode_compiled", self.decode)
        lengths = prompt_length.to(input_ids.device)
        logits, hidden, actions = decode(input_ids[:, :longest], lengths, pixel_values, proprio, shortest < longest)
        return OpenVLAOFTOutput(logits, hidden, actions)

    def decode(
        self, input_ids: Tensor, lengths: Tensor, pixel_values: Tensor, proprio: Tensor | None, padded: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Run `forward` without its checks: nothing here depends on the values of a tensor.

        Args:
            input_ids: (B, L) padded on the right, if at all.
            lengths: (B,) real tokens of each row, on the network's device.
            pixel_values, proprio: see `forward`.
            padded: whether any row has padding.

        Returns:
            Logits (B, K, V), hidden states (B, K, D), and the L1 head's actions (B, C, A) or None.
        """
        embeddings, valid, queries = self._sequence(input_ids, lengths, pixel_values, proprio, padded)
        hidden = self.language_model.model(embeddings, valid, queries)
        logits = self.language_model.logits(hidden, self.first_action_id, self.config.bins)
        return logits, hidden, None if self.action_head is None else self.action_head(hidden)

    def _sequence(
        self, input_ids: Tensor, lengths: Tensor, pixel_values: Tensor, proprio: Tensor | None, padded: bool
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return embeddings (B, S, D), which of them are real (B, S; None: all), and where actions are read (B, K)."""
        config, embed = self.config, self.language_model.model.embed_tokens
        prompt = embed(input_ids)
        prefix = [prompt[:, :1], self.projector(self.vision_backbone(pixel_values.to(self.dtype)))]
        if self.proprio_projector is not None and proprio is not None:
            prefix.append(self.proprio_projector(proprio.to(self.dtype)).unsqueeze(1))
        prefix_length = sum(p.shape[1] for p in prefix)
        batch, tokens, width = prompt.shape[0], config.num_tokens, prompt.shape[-1]

        # The tail has the placeholders right after each row's own prompt, then the stop token, then padding.
        tail_start = lengths - 1  # position in [prompt without BOS] where the placeholders begin
        steps = torch.arange(tokens, device=prompt.device)
        slots = (tail_start[:, None] + steps).unsqueeze(-1).expand(-1, -1, width)
        end = tokens + config.stop_token
        tail = torch.cat((prompt[:, 1:], prompt.new_zeros(batch, end, width)), dim=1)
        placeholders = prompt.new_zeros(tokens, width) if self.placeholders is None else self.placeholders
        tail = tail.scatter(1, slots, placeholders.to(prompt.dtype).expand(batch, -1, -1))
        if config.stop_token:
            stop = embed.weight[config.stop_token_id].expand(batch, 1, -1)
            tail = tail.scatter(1, (tail_start + tokens)[:, None, None].expand(-1, -1, width), stop)

        embeddings = torch.cat((*prefix, tail), dim=1)
        valid = None
        if padded:
            positions = torch.arange(embeddings.shape[1], device=prompt.device)
            valid = positions < (prefix_length + tail_start + end)[:, None]
        queries = (prefix_length + tail_start - 1)[:, None] + steps
        return embeddings, valid, queries

    def _check(
        self, input_ids: Tensor, pixel_values: Tensor, attention_mask: Tensor | None, proprio: Tensor | None
    ) -> None:
        config = self.config
        batch = input_ids.shape[0]
        if input_ids.ndim != 2 or input_ids.is_floating_point():
            raise ObservationError(
                f"input_ids: shape {tuple(input_ids.shape)}, {input_ids.dtype}; (B, L) integers are needed"
            )
        if 0 in input_ids.shape:
            raise ObservationError(
                f"input_ids: shape {tuple(input_ids.shape)}; at least one row, of at least two tokens, is needed"
            )
        channels = CHANNELS * len(config.trunks) * config.num_images
        allowed = (batch, channels, config.image_size, config.image_size)
        if tuple(pixel_values.shape) != allowed:
            raise ObservationError(
                f"pixel_values: shape {tuple(pixel_values.shape)}; {allowed} is needed for "
                f"{config.num_images} image(s) of {channels // config.num_images} channels"
            )
        if attention_mask is not None and attention_mask.shape != input_ids.shape:
            raise ObservationError(
                f"attention_mask: shape {tuple(attention_mask.shape)}; that of input_ids is {tuple(input_ids.shape)}"
            )
        if config.proprio_dim is None and proprio is not None:
            raise ObservationError("proprio was given, but this checkpoint has no proprioception projector")
        if config.proprio_dim is not None and (proprio is None or tuple(proprio.shape) != (batch, config.proprio_dim)):
            got = "None" if proprio is None else f"shape {tuple(proprio.shape)}"
            raise ObservationError(f"proprio is {got}; this checkpoint needs {(batch, config.proprio_dim)}")
