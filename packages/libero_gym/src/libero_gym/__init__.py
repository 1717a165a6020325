"""LIBERO's 130 robot-manipulation tasks as Gymnasium environments.

Importing the package registers them, and so does `gymnasium.make("libero_gym:libero/Spatial-v0", task=0)`.
"""

from typing import TYPE_CHECKING, Any

from libero_gym.registration import register_envs

if TYPE_CHECKING:
    from libero_gym.own_task import TaskSpec
    from libero_gym.tasks.definition import Atom, Region

__all__ = ["Atom", "Region", "TaskSpec", "__version__", "register_envs"]

#: What a task of one's own is written with -> its module.
_TASK_NAMES = {
    "Atom": "libero_gym.tasks.definition",
    "Region": "libero_gym.tasks.definition",
    "TaskSpec": "libero_gym.own_task",
}


def __getattr__(name: str) -> Any:
    # read at their first use: they cost more than all else that this module does
    if name == "__version__":
        from importlib.metadata import version

        return version("libero-gym")
    if name in _TASK_NAMES:
        from importlib import import_module

        return getattr(import_module(_TASK_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register_envs()
