"""What follows where images are rendered without the GPU that is there, or that was asked for."""

from __future__ import annotations

import functools
import logging
from pathlib import Path

from libero_gym.errors import RenderError
from libero_gym.render.egl import SOFTWARE as MESA
from libero_gym.render.gl import GLContext, GpuUnusableError, choose_backend, open_context

#: What an environment may do about it: say it once in a process, refuse to render, or neither.
SOFTWARE_RENDERING = ("warn", "error", "allow")

#: In the names of what renders without a GPU.
SOFTWARE = (*MESA, "osmesa")

_REMEDY = "In a container set NVIDIA_DRIVER_CAPABILITIES=all; on Debian or Ubuntu: apt-get install libnvidia-gl-VERSION"

logger = logging.getLogger("libero_gym")


def open_on(device: int | str | None, software_rendering: str) -> tuple[GLContext, str | None]:
    """Make a context on a device; in place of a GPU that CUDA has and OpenGL cannot use, on what else works.

    Args:
        device: see `libero_gym.render.gl.choose_backend`.
        software_rendering: one of `SOFTWARE_RENDERING`; "error" takes nothing else.

    Returns:
        The context, and why it is not on the device; None where it is.

    Raises:
        RenderError: no context, or CUDA has no such GPU.
    """
    try:
        return open_context(choose_backend(device), device), None
    except GpuUnusableError as error:
        if software_rendering == "error":
            raise RenderError(f"{error}. {_REMEDY}; software_rendering='warn' renders without it") from error
        return open_context(choose_backend(), None), str(error)


def missed_gpu(name: str, reason: str | None = None, devices: Path = Path("/dev")) -> str | None:
    """Return, in a sentence, that images are rendered without a GPU that is there or was asked for; None: they are not.

    Args:
        name: of `libero_gym.render.gl.renderer_name`.
        reason: why they are not rendered on the device that was asked for, of `open_on`.
        devices: where the kernel shows its devices.
    """
    gpus = sorted(str(found) for found in devices.glob("nvidia[0-9]*"))
    if not in_software(name):
        return None if reason is None else f"images are rendered by {name}, whose number CUDA does not know: {reason}"
    if reason is None and not gpus:
        return None
    there = f"although there is a GPU ({', '.join(gpus)}): the driver's EGL library is missing"
    return f"images are rendered in software ({name}), {there if reason is None else f'because {reason}'}. {_REMEDY}"


def in_software(name: str) -> bool:
    """Return whether what renders does without a GPU, by its name."""
    return any(word in name.lower() for word in SOFTWARE)


@functools.cache
def warn(sentence: str) -> None:
    """Log a sentence of `missed_gpu`, once in a process."""
    logger.warning("%s", sentence)
