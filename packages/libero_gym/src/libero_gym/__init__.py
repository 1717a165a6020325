"""LIBERO's 130 robot-manipulation tasks as Gymnasium environments.

Importing the package registers them, and so does `gymnasium.make("libero_gym:libero/Spatial-v0", task=0)`.
"""

from libero_gym.registration import register_envs

__all__ = ["__version__", "register_envs"]


def __getattr__(name: str) -> str:
    if name == "__version__":  # read at its first use: it costs more than all else that this module does
        from importlib.metadata import version

        return version("libero-gym")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register_envs()
