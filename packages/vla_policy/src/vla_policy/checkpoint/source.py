"""Find the files of a checkpoint: a whole folder, or one that changes another (its base).

A whole folder has `config.json` and weights. Reinforcement-learning and fine-tuning runs often leave less:

    openvla-oft, SimpleVLA-RL   merged weights, and `lora_adapter/` that is in them already
    openvla-oft, not merged     `lora_adapter/`, heads, statistics and tokenizer; no config and no weights
    RLinf, converted unmerged   config, tokenizer and `lora_adapter/`; no weights
    RLinf, as trained           `[actor/]model_state_dict/full_weights.pt` and nothing else
    peft                        `adapter_config.json` and `adapter_model.safetensors` alone
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vla_policy.checkpoint.adapter import BASE_KEY, CONFIG_FILE, FOLDER, adapter_folder, adapter_layers, read_adapter
from vla_policy.checkpoint.hub import resolve_folder
from vla_policy.checkpoint.json_file import read_json
from vla_policy.checkpoint.key_map import to_module
from vla_policy.checkpoint.options import HubOptions
from vla_policy.checkpoint.weight_file import file_weights
from vla_policy.errors import CheckpointError, ConfigError, names
from vla_policy.lora import Adapter, is_adapter_weight
from vla_policy.validation import typed

_FULL_WEIGHTS = ("full_weights.pt", "model_state_dict/full_weights.pt", "actor/model_state_dict/full_weights.pt")
"""RLinf a3816b5, `hybrid_engines/fsdp/strategy/base.py`: all weights of a run, from its folder or `actor` in it."""

STATISTICS_FILE = "dataset_statistics.json"


@dataclass(frozen=True)
class CheckpointFiles:
    """Where each part of a checkpoint is read from."""

    folder: Path
    """Named by the user; heads, statistics and tokenizer are read from it where it has them."""
    base: Path
    """Has `config.json` and all that `folder` lacks; the same folder where the checkpoint is whole."""
    weights: tuple[Path, ...]
    adapter: Adapter | None
    """To be merged into the weights."""
    places: tuple[str, ...]
    """Folder and base as they were named; names that follow a convention state the number of images."""
    trained: Adapter | None = None
    """To be trained on, not merged."""

    @property
    def base_name(self) -> str | None:
        """The base that an adapter of this network names; None where no checkpoint has these weights."""
        if self.adapter is not None or any(self.base not in file.parents for file in self.weights):
            return None
        return os.path.abspath(self.places[-1]) if Path(self.places[-1]).is_dir() else self.places[-1]

    @property
    def folders(self) -> tuple[Path, ...]:
        """Folders in the order in which a part is looked for."""
        return (self.folder,) if self.folder == self.base else (self.folder, self.base)

    def part_folders(self, part: str) -> tuple[Path, ...]:
        """Return the folders in the order in which a part's file is looked for: the base first if an adapter changes
        the part."""
        adapted = [layer for a in (self.adapter, self.trained) if a is not None for layer in a.layers]
        return self.folders[::-1] if any(layer.startswith(f"{part}.") for layer in adapted) else self.folders

    def holder(self, *alternatives: str) -> Path:
        """Return the first folder that has one of these files; the last folder where none has."""
        return next((f for f in self.folders if any((f / name).is_file() for name in alternatives)), self.folders[-1])

    def norm_stats(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the statistics in `dataset_statistics.json`, else those of the config."""
        file = self.holder(STATISTICS_FILE) / STATISTICS_FILE
        return read_json(file) if file.is_file() else dict(typed(config, "norm_stats", Mapping[str, Any], default={}))


def find_files(
    path: str | os.PathLike[str],
    base: str | os.PathLike[str] | None = None,
    hub: HubOptions | None = None,
) -> CheckpointFiles:
    """Find the files of a checkpoint.

    Args:
        path: a folder, or a repository of the Hugging Face Hub.
        base: what an adapter, or weights without a config, belong to; None: what the adapter itself names.
        hub: how to fetch `path`.

    Raises:
        CheckpointError: the base is needed and not known, or files are missing; the message says what to give.
        ConfigError: a base for a checkpoint that is whole.
    """
    folder = resolve_folder(path, hub)
    full = next((folder / name for name in _FULL_WEIGHTS if (folder / name).is_file()), None)
    adapter = adapter_folder(folder)
    whole = (folder / "config.json").is_file() and _has_weights(folder)
    if whole and full is not None:
        raise CheckpointError(
            f"checkpoint {folder} has weights and RLinf's {full.relative_to(folder)}; put the latter into a folder of "
            "its own and load that with base= this one"
        )
    if whole and base is not None:
        raise ConfigError(f"base is {os.fspath(base)!r}, but {os.fspath(path)!r} has a config and weights of its own")
    if whole or (full is None and adapter is None):
        read_json(folder / "config.json")  # names what is wrong with it, before the weights are looked for
        files = CheckpointFiles(folder, folder, tuple(weight_files(folder)), None, (os.fspath(path),))
        if adapter is None or not _is_base(read_json(adapter / CONFIG_FILE).get(BASE_KEY), folder):
            return files  # an adapter that lies beside the weights is merged into them, unless it says otherwise
        return replace(files, adapter=read_adapter(adapter))
    if full is not None:
        return _with_base(path, folder, base, (full,), _unmerged(full), "RLinf's actor.model.model_path")
    assert adapter is not None
    read = read_adapter(adapter)
    return _with_base(path, folder, base or read.base, None, read, "the model that the adapter was trained on")


def _with_base(
    path: str | os.PathLike[str],
    folder: Path,
    base: str | os.PathLike[str] | None,
    weights: tuple[Path, ...] | None,
    adapter: Adapter | None,
    origin: str,
) -> CheckpointFiles:
    """Complete a folder that has not all of a checkpoint by its base."""
    if base is None and weights is not None and (folder / "config.json").is_file():
        return CheckpointFiles(folder, folder, weights, adapter, (os.fspath(path),))
    needs = f"checkpoint {os.fspath(path)!r} has {'no weights of the network' if weights is None else 'weights alone'}"
    if base is None:
        raise CheckpointError(f"{needs}; name the checkpoint that it was trained from ({origin}) as base=")
    try:
        found = resolve_folder(base)
    except CheckpointError as error:
        raise CheckpointError(f"{needs}, and its base cannot be read; name another copy as base=: {error}") from error
    if weights is None:
        weights = tuple(weight_files(found))
    return CheckpointFiles(folder, found, weights, adapter, (os.fspath(path), os.fspath(base)))


def find_files_to_adapt(
    path: str | os.PathLike[str],
    base: str | os.PathLike[str] | None,
    lora: str | os.PathLike[str],
    hub: HubOptions | None,
) -> CheckpointFiles:
    """Find the files of a network and of an adapter that is trained on, not merged.

    Files beside the adapter (statistics, heads, tokenizer, value head) are taken before the network's own.

    Raises:
        CheckpointError: the adapter is merged into these weights already.
    """
    adapter = resolve_adapter(lora)
    read = read_adapter(adapter)
    beside = adapter.parent if adapter.name == FOLDER else adapter
    files = find_files(path, base, hub)
    if files.adapter is not None and files.adapter.folder is not None and _same(files.adapter.folder, adapter):
        return replace(files, adapter=None, trained=read)
    if _same(beside, files.folder) and not _is_base(read.base, files.folder):
        raise CheckpointError(
            f"the weights of {os.fspath(path)!r} have the adapter {adapter} merged in already; train it on from its "
            f"base: path={read.base or 'the checkpoint that it was trained from'!r}. If these are the base's weights, "
            "move the adapter out of their folder"
        )
    return replace(files, folder=beside, places=(os.fspath(beside), *files.places), trained=read)


def weight_files(folder: Path) -> list[Path]:
    """Return the files of the network's weights: safetensors where there are any, else `pytorch_model*.bin`.

    Of each kind: the files that the index names, else the single file, else all files of the kind.

    Raises:
        CheckpointError: there are none, or a file that the index names is absent.
    """
    for stem, suffix in (("model", "safetensors"), ("pytorch_model", "bin")):
        index, single = folder / f"{stem}.{suffix}.index.json", folder / f"{stem}.{suffix}"
        if index.is_file():
            weight_map = typed(read_json(index), "weight_map", Mapping[str, str], f"{index}: ", {}, CheckpointError)
            outside = [name for name in weight_map.values() if name != os.path.basename(name)]
            if outside:
                raise CheckpointError(f"{index} names files of other folders: {names(outside)}")
            files = [folder / name for name in sorted(set(weight_map.values()))]
            absent = [f.name for f in files if not f.is_file()]
            if absent:
                raise CheckpointError(f"{index} names files that are not there: {names(absent)}")
        elif single.is_file():
            files = [single]
        else:
            files = sorted(f for f in folder.glob(f"*.{suffix}") if not f.name.startswith(("value_head", "adapter")))
        if files:
            return files
    raise CheckpointError(
        f"checkpoint {folder} has no *.safetensors and no *.bin files; it has {names(os.listdir(folder), 20)}"
    )


def part_file(folder: Path, part: str) -> Path | None:
    """Return `{part}--{step}_checkpoint.pt` of the highest step (`latest` above all); None where there is none."""

    def step(path: Path) -> float:
        text = path.name.removeprefix(f"{part}--").removesuffix("_checkpoint.pt")
        return float(text) if text.isdigit() else float("inf")

    return max(folder.glob(f"{part}--*_checkpoint.pt"), key=step, default=None)


def _has_weights(folder: Path) -> bool:
    """Return whether there is any file of the network's weights, complete or not."""
    others = ("value_head", "adapter", "training_args")
    return any(not f.name.startswith(others) for kind in ("*.safetensors", "*.bin") for f in folder.glob(kind))


def _unmerged(file: Path) -> Adapter | None:
    """Read RLinf's adapters inside `full_weights.pt`; alpha is the rank (a3816b5, `rlinf/models/__init__.py`)."""
    found = {name: t for key, t in file_weights(file) if is_adapter_weight(name := to_module(key) or "")}
    if not found:
        return None
    layers = adapter_layers(found, file)
    return Adapter(str(file), layers, {layer: float(pair[0].shape[0]) for layer, pair in layers.items()})


def _is_base(base: object, folder: Path) -> bool:
    return isinstance(base, str) and _same(Path(base), folder)


def _same(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.samefile(second)


def resolve_adapter(lora: str | os.PathLike[str]) -> Path:
    """Return the folder of an adapter that a user named: itself, `lora_adapter` in it, or a repository of the Hub."""
    folder = resolve_folder(lora)
    found = adapter_folder(folder)
    if found is None:
        have = names(sorted(os.listdir(folder)), 20)
        raise CheckpointError(f"lora={os.fspath(lora)!r} has no adapter_config.json; it has {have}")
    return found
