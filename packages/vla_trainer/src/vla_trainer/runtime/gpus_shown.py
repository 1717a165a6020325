"""Which GPUs an env process sees, and what its environments render on; pure data.

OpenGL lists the GPUs of a machine in an order of its own, that CUDA's numbers say nothing about. So an environment that
names an argument for it is given CUDA's number, and finds the GPU by what the driver says, in its own process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vla_trainer.config.environment import class_metadata
from vla_trainer.runtime.process_layout import EnvProcess


@dataclass(frozen=True)
class GpusShown:
    """What a process with environments gets of its node's GPUs."""

    gpus: tuple[int, ...]
    """The node's own numbers of those that CUDA shows to it."""
    device: str | None = None
    """What its environments render on, see `rollout.envs.on_device`; None: no GPU of the placement."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Further environment variables."""


def gpus_shown(place: EnvProcess, env_id: str, real_gpus: bool = True) -> GpusShown:
    """Return what a process is shown: its GPUs, and without one, where it has a use for it, that which it renders on.

    An environment that names no argument for its GPU may be one of MuJoCo's that reads `MUJOCO_EGL_DEVICE_ID`. That
    gets the number of the first GPU, which is the right one only where EGL counts as CUDA does.

    Args:
        place: what the process is.
        env_id: of its environments.
        real_gpus: whether the placement's GPUs are there, and not names for parts of the processors.
    """
    if not real_gpus:
        return GpusShown(())
    if "device_argument" in class_metadata(env_id):
        gpus = place.gpus or (() if place.rendering_gpu is None else (place.rendering_gpu,))
        return GpusShown(gpus, "cuda:0" if gpus else None)
    return GpusShown(place.gpus, None, {"MUJOCO_EGL_DEVICE_ID": str(place.gpus[0])} if place.gpus else {})
