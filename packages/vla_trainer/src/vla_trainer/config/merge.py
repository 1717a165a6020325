"""Merge trees of keys: a recipe over the recipe that it extends, then the overrides in their order."""

import re
from typing import Any

from vla_trainer.config.former import present_keys, present_names
from vla_trainer.config.keys import is_free_map
from vla_trainer.config.reader import Document, Origin, Path, read_value
from vla_trainer.errors import ConfigError, did_you_mean

REMOVE = "~"
"""Before a key: take it out of what is below, as in Hydra."""

_PLACEMENT = ("cluster", "component_placement")


def merge(below: Document, above: Document) -> Document:
    """Lay `above` over `below`, key by key; neither is changed.

    Maps are merged, everything else is replaced; `~key` removes a key, and `{}` empties a map whose keys are free, as
    `policy.kwargs`. A component is placed by the later of the two that names it.

    Raises:
        ConfigError: `~key` of a key that is not there, or with a value.
    """
    origins = {**below.origins, **above.origins}
    return Document(_over(below.value, above.value, (), above.origins), origins)


def apply_override(tree: Document, override: str) -> Document:
    """Apply `a.b=value` or `~a.b`; a dot that belongs to a key is written `\\.`.

    Raises:
        ConfigError: neither of the two, no such key to remove, or a value that is not YAML.
    """
    removed = override.startswith(REMOVE)
    key, equals, text = override.removeprefix(REMOVE).partition("=")
    if removed and equals:
        raise ConfigError(f"{override}: {REMOVE}KEY takes no value")
    if not removed and not equals:
        raise ConfigError(f'"{override}" is not key=value')
    names = [re.sub(r"\\(.)", r"\1", name) for name in re.split(r"(?<!\\)\.", key)]
    if not all(names):
        raise ConfigError(f'"{override}": a key has names joined by dots')
    value = Document(None, {(): Origin(None, None)}) if removed else read_value(text, key)
    path = _find(tree.value, present_names(names))
    if removed:
        path = (*path[:-1], f"{REMOVE}{path[-1]}")
    nested = value.value
    for name in reversed(path):
        nested = {name: nested}
    # what stands in the way of the path is replaced, and does not come from a file any more
    origins = {
        path[:end]: Origin(None, None) for end in range(1, len(path)) if not isinstance(_at(tree, path[:end]), dict)
    }
    origins |= {(*path, *rest): origin for rest, origin in value.origins.items()}
    return merge(tree, present_keys(Document(nested, origins)))


def _at(tree: Document, path: Path) -> Any:
    value = tree.value
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _find(tree: Any, names: Path) -> Path:
    """Names to keys: `0` is the integer where the map has that key and not the text."""
    path: list[str | int] = []
    for name in names:
        number = int(name) if str(name).isdecimal() and len(str(name)) < 20 else None
        is_map = isinstance(tree, dict)
        key: str | int = number if is_map and number is not None and name not in tree and number in tree else name
        tree = tree.get(key) if is_map else None
        path.append(key)
    return tuple(path)


def _over(below: Any, above: Any, path: Path, origins: dict[Path, Origin]) -> Any:
    if not isinstance(above, dict):
        return above
    if not isinstance(below, dict) or (not above and is_free_map(path)):
        below = {}
    merged = _without(below, above) if path == _PLACEMENT else dict(below)
    for key, value in above.items():
        if isinstance(key, str) and key.startswith(REMOVE):
            _remove(merged, key, value, (*path, key), origins)
        else:
            merged[key] = _over(merged.get(key), value, (*path, key), origins)
    return merged


def _remove(merged: dict[Any, Any], key: str, value: Any, path: Path, origins: dict[Path, Origin]) -> None:
    name = key.removeprefix(REMOVE)
    origin = origins.get(path)
    where = f"{origin.where}: " if origin is not None and origin.where is not None else ""
    removed = f"{REMOVE}{'.'.join(map(str, (*path[:-1], name)))}"
    if value is not None:
        raise ConfigError(f"{where}{removed} takes no value")
    found = next((present for present in merged if str(present) == name), None)
    if found is None:
        allowed = [str(present) for present in merged]
        known = did_you_mean(name, allowed) if allowed else ""
        raise ConfigError(f"{where}{removed}: the recipe does not set it{known}")
    del merged[found]


def _without(placed: dict[Any, Any], again: dict[Any, Any]) -> dict[Any, Any]:
    """`component_placement` without the components that `again` names."""
    named = {name.strip() for names in again for name in str(names).split(",")}
    kept: dict[Any, Any] = {}
    for names, value in placed.items():
        rest = [name for name in str(names).split(",") if name.strip() not in named]
        if rest or names in again:
            kept[names if names in again else ",".join(rest)] = value
    return kept
