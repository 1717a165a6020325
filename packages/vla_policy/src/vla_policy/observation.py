"""Convert observations of an env into the tensors that the network reads and a trainer stores.

Axes: N samples, n images a sample, H W pixels, P proprioception dims, L tokens of the longest prompt allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vla_policy.action_stats import ActionStats
from vla_policy.errors import ObservationError, names
from vla_policy.preprocess import ImagePipeline
from vla_policy.prompt import PromptTokenizer
from vla_policy.spaces import IMAGE_KEYS, INSTRUCTION_KEY, KNOWN_KEYS, STATE_KEY

Inputs = dict[str, Tensor]
"""Tensors, all with leading axis N and trailing shapes that never change between calls of one policy:
`images` (N, n, H, W, 3) uint8, `input_ids` (N, L) int64 padded on the right, `prompt_length` (N,) int64, and where the
network has proprioception `proprio` (N, P) float32, normalized."""


@dataclass(frozen=True)
class ObservationReader:
    """Check batched observations and make `Inputs` of them."""

    image_keys: tuple[str, ...]
    pipeline: ImagePipeline
    prompts: PromptTokenizer
    stats: ActionStats
    proprio_dim: int | None
    device: torch.device | str = "cpu"
    """Where images are resized and cropped, and where they are in the result; the rest is on the CPU."""

    def __call__(self, observation: Mapping[str, Any]) -> Inputs:
        """Read `image` (N, H, W, 3) uint8, `wrist_image`, `state` (N, P) and `instruction`, N sentences.

        Keys of this list that the policy does not read are left alone, any other is an error.

        Raises:
            ObservationError: a key is missing or unknown; a wrong dtype or shape; a state that is not finite; an empty
                instruction.
        """
        if not isinstance(observation, Mapping):
            raise ObservationError(f"observation is a {type(observation).__name__}; a dict of arrays is needed")
        needed = (*self.image_keys, INSTRUCTION_KEY) + (() if self.proprio_dim is None else (STATE_KEY,))
        missing = [k for k in needed if k not in observation]
        unknown = [k for k in observation if k not in KNOWN_KEYS]
        if missing or unknown:
            raise ObservationError(
                f"observation: missing keys {names(missing)}; unknown keys {names(unknown)}; "
                f"this policy reads {names(needed)}"
            )
        images = [self.pipeline.prepare(np.asarray(observation[k]), k, self.device) for k in self.image_keys]
        count = images[0].shape[0]
        instructions = _instructions(observation[INSTRUCTION_KEY], count)
        sizes = {k: len(v) for k, v in zip(self.image_keys, images, strict=True)} | {INSTRUCTION_KEY: len(instructions)}
        if len(set(sizes.values())) != 1:
            raise ObservationError(f"observation: numbers of samples differ: {sizes}")
        input_ids, prompt_length = self.prompts(instructions)
        inputs = {"images": torch.stack(images, dim=1), "input_ids": input_ids, "prompt_length": prompt_length}
        if self.proprio_dim is not None:
            inputs["proprio"] = self._proprio(observation[STATE_KEY], count)
        return inputs

    def _proprio(self, state: Any, count: int) -> Tensor:
        values = np.asarray(state)
        if values.shape != (count, self.proprio_dim) or not np.issubdtype(values.dtype, np.floating):
            raise ObservationError(
                f"observation['state'] has shape {values.shape} and dtype {values.dtype}; "
                f"{(count, self.proprio_dim)} floats are needed"
            )
        if not np.isfinite(values).all():
            row, dim = np.argwhere(~np.isfinite(values))[0]
            raise ObservationError(
                f"observation['state'][{row}, {dim}] is {values[row, dim]}; all values must be finite"
            )
        return torch.from_numpy(self.stats.normalize_proprio(values))


def batch_of_one(observation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the observation of one environment with a batch axis.

    Raises:
        ObservationError: it has one already, or its instruction is no sentence.
    """
    if not isinstance(observation, Mapping):
        raise ObservationError(f"observation is a {type(observation).__name__}; a dict of arrays is needed")
    batch: dict[str, Any] = {}
    for key, value in observation.items():
        if key == INSTRUCTION_KEY:
            if not isinstance(value, str):
                raise ObservationError(
                    f"observation[{key!r}] is a {type(value).__name__}; one observation has a sentence (str). act() "
                    "takes batches"
                )
            batch[key] = [str(value)]
            continue
        array = np.asarray(value)
        axes = 3 if key in IMAGE_KEYS else 1
        if key in KNOWN_KEYS and array.ndim != axes:
            shape = "(H, W, 3)" if key in IMAGE_KEYS else "(P,)"
            raise ObservationError(
                f"observation[{key!r}] has shape {array.shape}; one observation has {shape}, without a batch axis. "
                "act() takes batches"
            )
        batch[key] = array[None]
    return batch


def _instructions(value: Any, count: int) -> Sequence[str]:
    """Return N sentences; a single string stands for all samples."""
    if isinstance(value, str):
        return [value] * count
    if isinstance(value, (bytes, Mapping)) or not hasattr(value, "__len__"):
        raise ObservationError(f"observation['instruction'] is a {type(value).__name__}; {count} strings are needed")
    return [str(v) if isinstance(v, np.str_) else v for v in value]
