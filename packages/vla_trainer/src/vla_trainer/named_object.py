"""Import what "module:attribute" names, as a recipe's `policy.factory` and `algorithm.name` do."""

import importlib
from functools import reduce
from typing import Any

PATTERN = r"^[\w.]+:[\w.]+$"
"""Of such a name."""


def named_object(name: str) -> Any:
    """Return the attribute of the module.

    Args:
        name: "package.module:attribute"; the attribute may have dots too.

    Raises:
        ModuleNotFoundError: there is no such module, or one that it imports is missing.
        AttributeError: the module has no such attribute.
    """
    module, _, attribute = name.partition(":")
    return reduce(getattr, attribute.split("."), importlib.import_module(module))
