"""The files of a checkpoint that other loaders read: kept byte for byte from the source, or written where it has none.

Upstream's evaluation (openvla-oft 213c5ff, `openvla_utils.py::get_processor`) makes an `AutoProcessor` of the folder,
which needs `preprocessor_config.json` and `tokenizer_config.json`, with transformers 4.40.1 and tokenizers 0.19.1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from vla_policy.model.config import OpenVLAOFTConfig
from vla_policy.preprocess import TRUNK_MEAN, TRUNK_STD

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
)
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
DOCUMENTS = ("README.md", "LICENSE*", "NOTICE*")
KEPT = (*TOKENIZER_FILES, *PROCESSOR_FILES, "generation_config.json", "*.py", *DOCUMENTS)
"""Files that a saved checkpoint takes over from the loaded one. Not: weights, optimizer states and adapters, which
training has changed; and scores and logs, which are of the source."""

PUBLISHED_CONFIG = {
    "architectures": ["OpenVLAForActionPrediction"],
    "vision_backbone_id": "dinosiglip-vit-so-224px",
    "llm_backbone_id": "llama2-7b-pure",
    "arch_specifier": "no-align+fused-gelu-mlp",
    "image_resize_strategy": "resize-naive",
}
"""Keys of a `config.json` that upstream's configuration class needs and this package does not read; for a network that
was not loaded from a published one (`configuration_prismatic.py`; `timm_model_ids` and `text_config` say the sizes)."""

MAX_LENGTH = 2048
"""`llm_max_length` of the published configs."""


def read_companions(folder: Path, documents: bool = True) -> dict[str, bytes]:
    """Read the files that a save shall take over, by name; `documents` are those for people."""
    patterns = [pattern for pattern in KEPT if documents or pattern not in DOCUMENTS]
    files = {file.name: file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}
    return {name: file.read_bytes() for name, file in sorted(files.items())}


def write_companions(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by name."""
    for name, content in files.items():
        (folder / name).write_bytes(content)


def processor_files(tokenizer: Tokenizer, sizes: OpenVLAOFTConfig, kept: Mapping[str, bytes]) -> dict[str, bytes]:
    """Make the files of upstream's processor that the source has not: tokenizer, its config, the images' config.

    Args:
        tokenizer: the policy's; the source's `tokenizer.json` is left out where it holds another one.
        sizes: the network's.
        kept: of the source.
    """
    own = kept.get("tokenizer.json")
    if own is None or Tokenizer.from_buffer(own).to_str() != tokenizer.to_str():
        own = _text(tokenizer_json(tokenizer, sizes.bos_token_id))
    made = {
        "tokenizer_config.json": _text(tokenizer_config(tokenizer, sizes), indent=2),
        "preprocessor_config.json": _text(preprocessor_config(sizes), indent=2),
    }
    return {"tokenizer.json": own} | {name: content for name, content in made.items() if name not in kept}


def tokenizer_json(tokenizer: Tokenizer, bos_token_id: int) -> dict[str, Any]:
    """Return a tokenizer as a `tokenizer.json` that tokenizers 0.19 reads too.

    Merges are "a b" there; since 0.20 the library writes ["a", "b"] and reads both. A tokenizer without a
    post-processor gets one that puts BOS first, as upstream's model needs of its processor.
    """
    data: dict[str, Any] = json.loads(tokenizer.to_str())
    merges = data["model"].get("merges", [])
    if all(isinstance(pair, list) and not any(" " in part for part in pair) for pair in merges):
        data["model"]["merges"] = [" ".join(pair) for pair in merges]
    bos = tokenizer.id_to_token(bos_token_id)
    if data.get("post_processor") is None and bos is not None:
        first = {"SpecialToken": {"id": bos, "type_id": 0}}
        data["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [first, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [first, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {bos: {"id": bos, "ids": [bos_token_id], "tokens": [bos]}},
        }
    return data


def tokenizer_config(tokenizer: Tokenizer, sizes: OpenVLAOFTConfig) -> dict[str, Any]:
    """Return a `tokenizer_config.json`: the general class of transformers, and the special tokens by their ids."""
    special = {
        "bos_token": tokenizer.id_to_token(sizes.bos_token_id),
        "eos_token": tokenizer.id_to_token(sizes.stop_token_id),
        "pad_token": tokenizer.id_to_token(sizes.pad_token_id),
        "unk_token": getattr(tokenizer.model, "unk_token", None),
    }
    if special["pad_token"] is None and tokenizer.get_vocab_size() == sizes.pad_token_id:
        special["pad_token"] = "<PAD>"  # as OpenVLA adds it: transformers gives a new token the next id, which is it
    return {
        "clean_up_tokenization_spaces": False,
        "model_max_length": MAX_LENGTH,
        "padding_side": "right",
        "processor_class": "PrismaticProcessor",
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{name: token for name, token in special.items() if token is not None},
    }


def preprocessor_config(sizes: OpenVLAOFTConfig) -> dict[str, Any]:
    """Return a `preprocessor_config.json` of upstream's image processor."""
    trunks = len(sizes.trunks)
    return {
        "image_processor_type": "PrismaticImageProcessor",
        "image_resize_strategy": "resize-naive",
        "input_sizes": [[3, sizes.image_size, sizes.image_size]] * trunks,
        "interpolations": ["bicubic"] * trunks,
        "means": [list(mean) for mean in TRUNK_MEAN[:trunks]],
        "processor_class": "PrismaticProcessor",
        "stds": [list(std) for std in TRUNK_STD[:trunks]],
        "use_fused_vision_backbone": trunks == 2,
    }


def _text(data: Mapping[str, Any], indent: int | None = None) -> bytes:
    separators = (",", ":") if indent is None else None
    return (json.dumps(data, indent=indent, separators=separators, ensure_ascii=False) + "\n").encode()
