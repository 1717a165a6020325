"""Keys of the release before: they work for one more, with a warning that names the new ones.

`env.kwargs` and `eval.kwargs` have become keys of their sections, `policy.path` is `policy.checkpoint`.
"""

import warnings
from collections.abc import Sequence
from typing import Any

from vla_trainer.config.reader import Document, Path
from vla_trainer.errors import ConfigError

_FLAT = ("env", "eval")
"""Sections whose `kwargs` are their keys now."""
_RENAMED: dict[Path, Path] = {("policy", "path"): ("policy", "checkpoint")}


def present_names(names: Sequence[str]) -> Path:
    """Return an override's key as it is written now, name by name."""
    path: Path = tuple(names)
    if path in _RENAMED:
        return _warned(path, _RENAMED[path])
    if len(path) > 2 and path[0] in _FLAT and path[1] == "kwargs":
        return _warned(path, (path[0], *path[2:]))
    return path


def present_keys(document: Document, *, complete: bool = False) -> Document:
    """Return a recipe or the tree of an override with its former keys moved; the given one is not changed.

    Args:
        document: what was written.
        complete: it is a whole config, as that of a run. There the keys of an `env` with `kwargs` were written out,
            null where they were not given, whether the environment took them or not; these are left out.

    Raises:
        ConfigError: a key is written in both forms, or `kwargs` is emptied.
    """
    if not isinstance(document.value, dict):
        return document
    tree: dict[Any, Any] = {
        key: dict(value) if isinstance(value, dict) else value for key, value in document.value.items()
    }
    moved: dict[Path, Path] = {}
    for section in _FLAT:
        keys = tree.get(section)
        if not isinstance(keys, dict) or not isinstance(keys.get("kwargs"), dict):
            continue
        kwargs = keys.pop("kwargs")
        if not kwargs and not complete:
            raise ConfigError(f"{section}.kwargs={{}}: its keys stand in {section} now; remove one by ~{section}.KEY")
        if complete and section == "env":
            tree[section] = keys = {key: value for key, value in keys.items() if value is not None}
        for key in kwargs:
            moved[section, "kwargs", key] = _warned((section, "kwargs", key), (section, key))
            _place(keys, key, kwargs[key], f"{section}.kwargs.{key}", f"{section}.{key}")
    for before, after in _RENAMED.items():
        keys = tree.get(before[0])
        if isinstance(keys, dict) and before[1] in keys:
            value = keys.pop(before[1])
            if value is None and complete:
                continue
            moved[before] = _warned(before, after)
            _place(keys, after[1], value, ".".join(map(str, before)), ".".join(map(str, after)))
    origins = {
        next((new + at[len(old) :] for old, new in moved.items() if at[: len(old)] == old), at): origin
        for at, origin in document.origins.items()
    }
    return Document(tree, origins)


def _place(keys: dict[Any, Any], key: Any, value: Any, before: str, after: str) -> None:
    if keys.get(key, value) != value:
        raise ConfigError(f"{before} and {after} are the same key, with two values; write {after} alone")
    keys[key] = value


def _warned(before: Path, after: Path) -> Path:
    old, new = (".".join(map(str, path)) for path in (before, after))
    warnings.warn(f"{old} is now {new}; the old form will be removed", FutureWarning, stacklevel=2)
    return after
