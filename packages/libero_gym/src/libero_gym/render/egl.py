"""OpenGL contexts without a screen, through EGL: on the first device that opens, or on a chosen GPU.

EGL's functions are called by ctypes. What is asked of them is what `mujoco.egl` asks. That module imports PyOpenGL for
it, which takes a tenth of a second of every process. The program that tries a driver (`libero_gym.render.probe`) runs
this file without the rest of the package, so nothing of the package is imported here.

One display is kept a device, so that threads of a process can render on different GPUs. Indices are EGL's, as in
`MUJOCO_EGL_DEVICE_ID`.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import os
from typing import Any

_POINTER, _INT, _UINT = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint
#: Function -> its result and its arguments; a pointer that is null is None.
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "eglGetProcAddress": (_POINTER, ctypes.c_char_p),
    "eglGetError": (_INT,),
    "eglInitialize": (_UINT, _POINTER, _POINTER, _POINTER),
    "eglTerminate": (_UINT, _POINTER),
    "eglChooseConfig": (_UINT, _POINTER, _POINTER, _POINTER, _INT, _POINTER),
    "eglBindAPI": (_UINT, _UINT),
    "eglCreateContext": (_POINTER, _POINTER, _POINTER, _POINTER, _POINTER),
    "eglDestroyContext": (_UINT, _POINTER, _POINTER),
    "eglMakeCurrent": (_UINT, _POINTER, _POINTER, _POINTER, _POINTER),
    "eglGetCurrentContext": (_POINTER,),
    "eglReleaseThread": (_UINT,),
}
#: Of EGL's extensions: EGL_EXT_device_enumeration and EGL_EXT_platform_base.
_EXTENSIONS: dict[str, tuple[Any, ...]] = {
    "eglQueryDevicesEXT": (_UINT, _INT, _POINTER, _POINTER),
    "eglGetPlatformDisplayEXT": (_POINTER, _UINT, _POINTER, _POINTER),
}
_SUCCESS, _OPENGL_API, _PLATFORM_DEVICE = 0x3000, 0x30A2, 0x313F
_MOST_DEVICES = 10
#: GL_RENDERER
_RENDERER = 0x1F01
#: What `mujoco.egl` asks for: colours of 8 bits (red, green, blue, alpha), a depth of 24 and a stencil of 8 bits, a
#: colour buffer of RGB, surfaces in memory (PBUFFER), OpenGL.
_ATTRIBUTES = (
    *(0x3024, 8, 0x3023, 8, 0x3022, 8, 0x3021, 8),
    *(0x3025, 24, 0x3026, 8),
    *(0x303F, 0x308E, 0x3033, 0x0001, 0x3040, 0x0008, 0x3038),
)


class EglError(Exception):
    """EGL is not here, or gives no context."""


class EglContext:
    """An offscreen OpenGL context."""

    def __init__(self, device: int | None = None) -> None:
        """
        Args:
            device: index of the EGL device; None for `MUJOCO_EGL_DEVICE_ID`, or the first that opens.

        Raises:
            EglError: EGL is not here, there is no such device, or it gives no context.
        """
        self._context: int | None = None
        egl = self._egl = _library()
        egl.eglReleaseThread()
        self._display = _first_display() if device is None else _display(device)
        config, count = ctypes.c_void_p(), ctypes.c_int()
        wanted = (ctypes.c_int * len(_ATTRIBUTES))(*_ATTRIBUTES)
        egl.eglChooseConfig(self._display, wanted, ctypes.byref(config), 1, ctypes.byref(count))
        where = "EGL" if device is None else f"EGL device {device}"
        if count.value < 1:
            raise EglError(f"{where} has no framebuffer with 24 bits of depth")
        egl.eglBindAPI(_OPENGL_API)
        self._context = egl.eglCreateContext(self._display, config, None, None)
        if not self._context:
            raise EglError(f"{where} gives no OpenGL context")

    def make_current(self) -> None:
        """Make it the calling thread's context."""
        if not self._egl.eglMakeCurrent(self._display, None, None, self._context):
            raise EglError("the EGL context cannot be made current")

    def renderer_name(self) -> str:
        """Return what OpenGL calls what it renders with, e.g. "llvmpipe (LLVM 15.0.6, 256 bits)".

        Make the context current first.
        """
        address = self._egl.eglGetProcAddress(b"glGetString")
        if not address:
            return "unknown"
        name = ctypes.CFUNCTYPE(ctypes.c_char_p, _UINT)(address)(_RENDERER)
        return name.decode(errors="replace") if name else "unknown"

    def free(self) -> None:
        """Give its memory back."""
        if self._context:
            if self._egl.eglGetCurrentContext() == self._context:
                self._egl.eglMakeCurrent(self._display, None, None, None)
            self._egl.eglDestroyContext(self._display, self._context)
            self._egl.eglReleaseThread()
            self._context = None

    def __del__(self) -> None:
        self.free()


@functools.cache
def _library() -> Any:
    """Return EGL with the types of its functions.

    Raises:
        EglError: it is not here, or cannot name devices.
    """
    # NVIDIA's driver needs libOpenGL, not libGL, for several threads, and before all else.
    with contextlib.suppress(OSError):
        ctypes.CDLL("libOpenGL.so.0", mode=ctypes.RTLD_GLOBAL)
    try:
        egl = ctypes.CDLL("libEGL.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise EglError(f"its library is not there or cannot be loaded ({error})") from error
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(egl, name)
        function.restype, function.argtypes = result, arguments
    for name, types in _EXTENSIONS.items():
        address = egl.eglGetProcAddress(name.encode())
        if not address:
            raise EglError(f"{name} is not available")
        setattr(egl, name, ctypes.CFUNCTYPE(*types)(address))
    return egl


def _devices() -> list[int]:
    found, count = (ctypes.c_void_p * _MOST_DEVICES)(), ctypes.c_int()
    if not _library().eglQueryDevicesEXT(_MOST_DEVICES, found, ctypes.byref(count)):
        raise EglError(f"EGL cannot list its devices (error {_library().eglGetError():#x})")
    return [int(device or 0) for device in found[: count.value]]


@functools.cache
def _first_display() -> int:
    """Return the display of `MUJOCO_EGL_DEVICE_ID`, or of the first device that opens."""
    count = len(_devices())
    devices = range(count)
    chosen = os.environ.get("MUJOCO_EGL_DEVICE_ID")
    if chosen is not None:
        if chosen not in map(str, devices):
            raise EglError(f"MUJOCO_EGL_DEVICE_ID is {chosen!r}, of {count} EGL devices; allowed: 0 to {count - 1}")
        devices = range(int(chosen), int(chosen) + 1)
    for device in devices:
        if (display := _open(device)) is not None:
            return display
    raise EglError("no EGL device opens a display: the driver may lack EGL_EXT_platform_device")


@functools.cache
def _display(device: int) -> int:
    count = len(_devices())
    if device >= count:
        raise EglError(f"render_device {device} of {count} EGL devices; allowed: 0 to {count - 1}")
    display = _open(device)
    if display is None:
        raise EglError(f"render_device {device}: EGL cannot open it")
    return display


@functools.cache
def _open(device: int) -> int | None:
    """Return a device's display, opened once in a process and left open until its end; None if it cannot be opened."""
    egl = _library()
    display: int | None = egl.eglGetPlatformDisplayEXT(_PLATFORM_DEVICE, _devices()[device], None)
    if not display or egl.eglGetError() != _SUCCESS or not egl.eglInitialize(display, None, None):
        return None
    atexit.register(egl.eglTerminate, display)
    return display
