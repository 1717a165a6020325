"""`${section.key}` in a recipe: the value of another key, by OmegaConf."""

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vla_trainer.config.reader import MAX_NODES
from vla_trainer.errors import ConfigError


def interpolate(tree: dict[Any, Any], source: str) -> dict[Any, Any]:
    """Return the tree with values in the place of `${section.key}`; `source` is what an error calls it.

    Raises:
        ConfigError: no such key, a value `???`, or values that contain each other or are too many.
    """
    try:
        count = iter(range(MAX_NODES))
        values: dict[Any, Any] = _values(OmegaConf.create(tree), count)
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        raise ConfigError(f"{source}: {' '.join(str(error).split())}") from error
    except (StopIteration, RecursionError) as error:
        raise ConfigError(
            f"{source}: more than {MAX_NODES} values once each ${{...}} has its value, or ones that contain themselves"
        ) from error
    return values


def _values(node: Any, count: Iterator[int]) -> Any:
    """Counted, because a few levels of `${...}` to lists of `${...}` are millions of values."""
    next(count)
    if isinstance(node, DictConfig):
        return {key: _values(node[key], count) for key in node}
    if isinstance(node, ListConfig):
        return [_values(node[index], count) for index in range(len(node))]
    return node
