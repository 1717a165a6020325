"""OpenGL contexts on a chosen GPU, through EGL's device enumeration.

MuJoCo's own `mujoco.egl` keeps one display a process; this keeps one a device, so that threads of a process can render
on different GPUs. Indices are EGL's, as in `MUJOCO_EGL_DEVICE_ID`.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from libero_gym.errors import RenderError


class DeviceContext:
    """An offscreen context on one EGL device."""

    def __init__(self, device: int) -> None:
        """
        Args:
            device: index of the EGL device.

        Raises:
            RenderError: there is no such device, or it gives no context.
        """
        from mujoco import egl

        self._egl: Any = egl.EGL
        self._display = _display(device)
        config, count = (self._egl.EGLConfig * 1)(), ctypes.c_long()
        self._egl.eglReleaseThread()
        self._egl.eglChooseConfig(self._display, egl.EGL_ATTRIBUTES, config, 1, count)
        if count.value < 1:
            raise RenderError(f"EGL device {device} has no framebuffer with 24 bits of depth")
        self._egl.eglBindAPI(self._egl.EGL_OPENGL_API)
        self._context = self._egl.eglCreateContext(self._display, config[0], self._egl.EGL_NO_CONTEXT, None)
        if not self._context:
            raise RenderError(f"EGL device {device} gives no OpenGL context")

    def make_current(self) -> None:
        """Make it the calling thread's context."""
        self._bind(self._context)

    def free(self) -> None:
        """Give its memory back."""
        if self._context:
            self._bind(self._egl.EGL_NO_CONTEXT)
            self._egl.eglDestroyContext(self._display, self._context)
            self._egl.eglReleaseThread()
            self._context = None

    def _bind(self, context: Any) -> None:
        surface = self._egl.EGL_NO_SURFACE
        if not self._egl.eglMakeCurrent(self._display, surface, surface, context):
            raise RenderError("the EGL context cannot be made current")


@functools.cache
def _display(device: int) -> Any:
    """Return the display of a device, opened once a process and left open: `mujoco.egl` may be using the same one."""
    from mujoco import egl

    bindings: Any = egl.EGL
    devices = bindings.eglQueryDevicesEXT()
    if device >= len(devices):
        raise RenderError(f"render_device {device} of {len(devices)} EGL devices; allowed: 0 to {len(devices) - 1}")
    display = bindings.eglGetPlatformDisplayEXT(bindings.EGL_PLATFORM_DEVICE_EXT, devices[device], None)
    if display == bindings.EGL_NO_DISPLAY or not bindings.eglInitialize(display, None, None):
        raise RenderError(f"render_device {device}: EGL cannot open it")
    return display
