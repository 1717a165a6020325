"""Import the libraries of the extra `demos`."""

from __future__ import annotations

import importlib
from types import ModuleType

from libero_gym.errors import LiberoGymError


def extra_module(name: str) -> ModuleType:
    """Return `minari` or `h5py`, or a module of theirs.

    Raises:
        LiberoGymError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        library = name.partition(".")[0]
        raise LiberoGymError(
            f'demonstrations need {library}, 0.5.4 or later of minari ({error}): pip install "libero-gym[demos]"'
        ) from error
