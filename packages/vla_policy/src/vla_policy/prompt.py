"""Convert instructions into prompt tokens.

Axes: N samples, L tokens of the longest prompt that is allowed.

A prompt is `[BOS] template [prompt end]`. Ids come from the network's config; the tokenizer is any `tokenizers` file:
Llama 2's `tokenizer.json` beside a published checkpoint, or the toy's, which this package carries.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Formatter

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from vla_policy.errors import CheckpointError, ConfigError, ObservationError, clip

PUBLISHED_TEMPLATE = "In: What action should the robot take to {instruction}?\nOut:"
"""openvla-oft 213c5ff, `openvla_utils.py::get_vla_action`."""

TOY_VOCAB = 576
"""Text ids of the toy: 4 special ones, 256 bytes, and enough for a token a word of LIBERO (519 are used)."""
TOY_SPECIAL = ("<unk>", "<s>", "</s>", "<prompt-end>")
"""Ids 0 to 3; BOS and stop are 1 and 2 as in Llama 2."""


@dataclass
class PromptTokenizer:
    """Makes prompts of a fixed size for a batch of instructions."""

    tokenizer: Tokenizer
    _: KW_ONLY
    template: str
    max_length: int
    bos_token_id: int
    prompt_end_token_id: int
    pad_token_id: int
    normalize_instructions: bool = False

    def __post_init__(self) -> None:
        _check_template(self.template)
        self._known: dict[str, list[int]] = {}
        self._warned = False

    def tokens(self, instruction: str) -> list[int]:
        """Return BOS, the template with the instruction in lower case, and the prompt-end id unless it is last already.

        Warns once about an instruction with blanks or a full stop that a trained sentence does not have, or takes them
        out, as `PolicyConfig.normalize_instructions` says.

        Raises:
            ObservationError: an empty instruction, or a prompt longer than `max_length`.
        """
        found = self._known.get(instruction) if isinstance(instruction, str) else None
        if found is not None:
            return found
        if not isinstance(instruction, str) or not instruction.strip():
            raise ObservationError(f"observation['instruction'] has {clip(repr(instruction))}; a sentence is needed")
        text = self.template.format(instruction=self._in_training_form(instruction).lower())
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ObservationError(
                f"observation['instruction'] {clip(ascii(instruction))} is no valid Unicode: {error.reason}"
            ) from error
        ids = [self.bos_token_id, *self.tokenizer.encode(text, add_special_tokens=False).ids]
        if ids[-1] != self.prompt_end_token_id:
            ids.append(self.prompt_end_token_id)
        if len(ids) > self.max_length:
            raise ObservationError(
                f"observation['instruction'] {clip(repr(instruction))} of {len(instruction)} characters makes a prompt "
                f"of {len(ids)} tokens; max_prompt_length is {self.max_length}"
            )
        if len(self._known) < 4096:  # a suite has at most 90 sentences; this only bounds a pathological caller
            self._known[instruction] = ids
        return ids

    def _in_training_form(self, instruction: str) -> str:
        plain = normalize_instruction(instruction)
        if plain == instruction or not plain:
            return instruction
        if self.normalize_instructions:
            return plain
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"instruction {clip(repr(instruction), 120)} has blanks or a full stop that make other tokens than "
                f"{clip(repr(plain), 120)}; normalize_instructions=True of the policy takes them out",
                stacklevel=2,
            )
        return instruction

    def __call__(self, instructions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return (N, max_length) int64 ids, padded on the right, and (N,) int64 lengths."""
        rows = [self.tokens(text) for text in instructions]
        ids = torch.full((len(rows), self.max_length), self.pad_token_id, dtype=torch.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        return ids, torch.tensor([len(row) for row in rows], dtype=torch.int64)


def normalize_instruction(instruction: str) -> str:
    """Return the sentence in the form of LIBERO's and most datasets' sentences: without blanks and line ends at either
    end, repeated blanks between words, and full stops at the end.

    Upstream only lowers the case (openvla-oft 213c5ff, `openvla_utils.py::get_vla_action`), in training as in
    evaluation, so that a policy trained on sentences with full stops wants them.
    """
    return " ".join(instruction.split()).rstrip(". ")


def _check_template(template: str) -> None:
    try:
        found = [part[1:] for part in Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise ConfigError(f"prompt template {clip(repr(template))}: {error}") from error
    if found != [("instruction", "", None)]:
        raise ConfigError(f"prompt template {clip(repr(template))} has no '{{instruction}}' or more than that, once")


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read the checkpoint's own tokenizer: `tokenizer.json`, or Llama's `tokenizer.model` converted in memory.

    Raises:
        CheckpointError: there is neither; or only the latter, and what reads it is not installed.
    """
    file, model = folder / "tokenizer.json", folder / "tokenizer.model"
    if file.is_file():
        try:
            return Tokenizer.from_file(str(file))
        except Exception as error:  # tokenizers raises Exception itself
            raise CheckpointError(
                f"{file} is no tokenizer of the `tokenizers` library: {clip(str(error), 160)}"
            ) from error
    if model.is_file():
        return _convert(model)
    raise CheckpointError(f"checkpoint {folder} has neither tokenizer.json nor tokenizer.model, which prompts need")


def _convert(model: Path) -> Tokenizer:
    if find_spec("sentencepiece") is None or find_spec("google.protobuf") is None:
        raise CheckpointError(
            f"{model} needs sentencepiece and protobuf to be read: pip install 'vla-policy[sentencepiece]'; or put "
            "Llama 2's tokenizer.json beside it"
        )
    from transformers import LlamaTokenizer  # seconds of imports

    try:
        converted = LlamaTokenizer.from_pretrained(model.parent)
    except Exception as error:  # transformers and sentencepiece raise unrelated classes
        raise CheckpointError(f"{model} is no SentencePiece model: {clip(str(error), 160)}") from error
    backend: Tokenizer = converted.backend_tokenizer
    return backend


def toy_tokenizer() -> Tokenizer:
    """Return the toy's tokenizer, as shipped."""
    return Tokenizer.from_str(files("vla_policy").joinpath("toy_tokenizer.json").read_text(encoding="utf-8"))


def train_toy_tokenizer(sentences: Iterable[str]) -> Tokenizer:
    """Train byte-level BPE: a word of the training sentences is about one token, and any other text can be spelled.

    `toy_tokenizer.json` was trained by it on the instructions of LIBERO's 130 tasks and the published prompt's own
    words.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TOY_VOCAB,
        special_tokens=list(TOY_SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences, trainer)
    return tokenizer
