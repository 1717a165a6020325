"""OpenGL contexts without a screen, through EGL: on the first device that opens, or on a chosen GPU.

EGL's functions are called by ctypes. What is asked of them is what `mujoco.egl` asks. That module imports PyOpenGL for
it, which takes a tenth of a second of every process. The program that tries a driver (`libero_gym.render.probe`) runs
this file without the rest of the package, so nothing of the package is imported here.

One display is kept a device, so that threads of a process can render on different GPUs. An index is EGL's, as in
`MUJOCO_EGL_DEVICE_ID`: EGL lists all devices of the machine, in its own order. "cuda:0" is the GPU that CUDA calls 0 in
this process, whatever `CUDA_VISIBLE_DEVICES` and `CUDA_DEVICE_ORDER` say: NVIDIA's driver names it for each EGL device
(EGL_NV_device_cuda). It names none for a GPU that CUDA does not show to the process, nor does Mesa.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import os
from collections import Counter
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
#: Of EGL_EXT_device_query, which a library may lack.
_QUERY = ("eglQueryDeviceAttribEXT", (_UINT, _POINTER, _INT, _POINTER))
#: EGL_CUDA_DEVICE_NV
_CUDA_DEVICE = 0x323A
_SUCCESS, _NONE, _OPENGL_API = 0x3000, 0x3038, 0x30A2
#: EGL_EXT_platform_device, EGL_MESA_platform_surfaceless
_PLATFORM_DEVICE, _PLATFORM_SURFACELESS = 0x313F, 0x31DD
#: With eight GPUs EGL lists 17: NVIDIA's, the same ones of Mesa, and its software.
_MOST_DEVICES = 64
CUDA = "cuda:"
#: GL_RENDERER
_RENDERER = 0x1F01
#: What `mujoco.egl` asks for: colours of 8 bits (red, green, blue, alpha), a depth of 24 and a stencil of 8 bits, a
#: colour buffer of RGB, surfaces in memory (PBUFFER), OpenGL.
_ATTRIBUTES = (
    *(0x3024, 8, 0x3023, 8, 0x3022, 8, 0x3021, 8),
    *(0x3025, 24, 0x3026, 8),
    *(0x303F, 0x308E, 0x3033, 0x0001, 0x3040, 0x0008, 0x3038),
)


#: What names of Mesa's software drivers begin with.
SOFTWARE = ("llvmpipe", "softpipe", "swrast")
#: Display -> contexts that are open on it; `gl.open_context` opens one at a time.
_contexts: Counter[int] = Counter()


class EglError(Exception):
    """EGL is not here, or gives no context."""


class CudaDeviceError(EglError):
    """EGL can render on other CUDA GPUs, and not on this one."""


class EglContext:
    """An offscreen OpenGL context."""

    def __init__(self, device: int | str | None = None) -> None:
        """
        Args:
            device: index of the EGL device, or "cuda:0" for CUDA's; None for `MUJOCO_EGL_DEVICE_ID`, or the first that
                opens.

        Raises:
            EglError: EGL is not here, there is no such device, or it gives no context.
        """
        self._context: int | None = None
        self._egl = _library()
        self._egl.eglReleaseThread()
        self._open(_display_of(device), device)
        if _contexts[self._display] > 1 and self._renderer_here().startswith(SOFTWARE):
            self._take_another_display(device)

    def _open(self, display: int, device: int | str | None) -> None:
        egl, self._display = self._egl, display
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
        _contexts[display] += 1

    def _take_another_display(self, device: int | str | None) -> None:
        """Move to the display that has the fewest contexts, this one's included."""
        taken = self._display
        _contexts[taken] -= 1  # as if it had not been opened
        others = [display for display in _software_displays() if _contexts[display] < _contexts[taken]]
        _contexts[taken] += 1
        for display in sorted(others, key=lambda display: _contexts[display]):
            self.free()
            with contextlib.suppress(EglError):
                self._open(display, device)
                if self._renderer_here().startswith(SOFTWARE):
                    return
        self.free()
        self._open(taken, device)

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

    def _renderer_here(self) -> str:
        """Return what `renderer_name` does; no context is current afterwards."""
        self.make_current()
        try:
            return self.renderer_name()
        finally:
            self._egl.eglMakeCurrent(self._display, None, None, None)

    def free(self) -> None:
        """Give its memory back."""
        if self._context:
            _contexts[self._display] -= 1
            if self._egl.eglGetCurrentContext() == self._context:
                self._egl.eglMakeCurrent(self._display, None, None, None)
            self._egl.eglDestroyContext(self._display, self._context)
            self._egl.eglReleaseThread()
            self._context = None

    def __del__(self) -> None:
        self.free()


def _load() -> Any:
    # NVIDIA's driver needs libOpenGL, not libGL, for several threads, and before all else.
    with contextlib.suppress(OSError):
        ctypes.CDLL("libOpenGL.so.0", mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL("libEGL.so.1", mode=ctypes.RTLD_GLOBAL)


@functools.cache
def _library() -> Any:
    """Return EGL with the types of its functions.

    Raises:
        EglError: it is not here, or cannot name devices.
    """
    try:
        egl = _load()
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
    name, types = _QUERY
    address = egl.eglGetProcAddress(name.encode())
    setattr(egl, name, ctypes.CFUNCTYPE(*types)(address) if address else None)
    return egl


def _devices() -> list[int]:
    found, count = (ctypes.c_void_p * _MOST_DEVICES)(), ctypes.c_int()
    if not _library().eglQueryDevicesEXT(_MOST_DEVICES, found, ctypes.byref(count)):
        raise EglError(f"EGL cannot list its devices (error {_library().eglGetError():#x})")
    return [int(device or 0) for device in found[: count.value]]


def cuda_numbers() -> list[int | None]:
    """Return for each EGL device the number that CUDA has for it in this process; None where it has none.

    Raises:
        EglError: EGL is not here, or cannot list its devices.
    """
    egl, numbers = _library(), []
    for device in _devices():
        number = ctypes.c_ssize_t(-1)
        query = egl.eglQueryDeviceAttribEXT
        known = query is not None and query(device, _CUDA_DEVICE, ctypes.byref(number))
        numbers.append(number.value if known and number.value >= 0 else None)
    return numbers


def _display_of(device: int | str | None) -> int:
    if device is None:
        return _first_display()
    return _cuda_display(device) if isinstance(device, str) else _display(device)


@functools.cache
def _cuda_display(device: str) -> int:
    """Return the display of the first EGL device that opens of a CUDA GPU, "cuda:0"."""
    numbers, wanted = cuda_numbers(), int(device.removeprefix(CUDA))
    matching = [index for index, number in enumerate(numbers) if number == wanted]
    for index in matching:
        if (display := _open(index)) is not None:
            return display
    names = ["no CUDA GPU" if number is None else f"{CUDA}{number}" for number in numbers]
    listed = ", ".join(f"{index} is {name}" for index, name in enumerate(names)) or "none"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    shown = "not set" if visible is None else repr(visible)
    found = f"EGL devices: {listed}; CUDA_VISIBLE_DEVICES is {shown}"
    if matching:
        raise EglError(f"render_device {device!r}: EGL cannot open its device {matching[0]} ({found})")
    kind = EglError if set(numbers) <= {None} else CudaDeviceError
    raise kind(f"render_device {device!r} has no EGL device ({found})")


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
def _software_displays() -> tuple[int, ...]:
    """Return further displays of Mesa's software driver, each with a screen of its own inside Mesa.

    llvmpipe of Mesa 22 goes through the scenes of all contexts of a screen when one of them maps an image
    (`llvmpipe_flush_resource`), and does not lock what another thread is just writing: two runs crashed in it, after
    hours. A display is another one where its platform or its list of attributes is, if only an empty list for none.
    """
    egl = _library()
    empty = (ctypes.c_int * 1)(_NONE)
    found: list[int] = []
    for platform, native in ((_PLATFORM_DEVICE, _software_device()), (_PLATFORM_SURFACELESS, None)):
        if platform == _PLATFORM_DEVICE and native is None:
            continue
        for attributes in (None, empty):
            display = egl.eglGetPlatformDisplayEXT(platform, native, attributes)
            usable = display and egl.eglGetError() == _SUCCESS and egl.eglInitialize(display, None, None)
            if usable and display not in found:
                atexit.register(egl.eglTerminate, display)
                found.append(display)
    return tuple(found)


def _software_device() -> int | None:
    """Return the last EGL device: Mesa lists its software after the GPUs."""
    devices = _devices()
    return devices[-1] if devices else None


@functools.cache
def _open(device: int) -> int | None:
    """Return a device's display, opened once in a process and left open until its end; None if it cannot be opened."""
    egl = _library()
    display: int | None = egl.eglGetPlatformDisplayEXT(_PLATFORM_DEVICE, _devices()[device], None)
    if not display or egl.eglGetError() != _SUCCESS or not egl.eglInitialize(display, None, None):
        return None
    atexit.register(egl.eglTerminate, display)
    return display
