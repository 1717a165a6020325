"""A libEGL of Python functions behind ctypes, with the devices of a table; no driver, no compiler."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from libero_gym.render import egl

DEVICE, DISPLAY, CONTEXT = 0xD000, 0xE000, 0xC000
SUCCESS, BAD_ATTRIBUTE, NOT_INITIALIZED = 0x3000, 0x3004, 0x3001


class FakeEgl:
    """Stands in for what `ctypes.CDLL("libEGL.so.1")` gives: C functions as attributes, the others by address."""

    def __init__(self, cuda: Sequence[int | None], *, closed: Sequence[int] = (), query: bool = True) -> None:
        """
        Args:
            cuda: for each EGL device the number that CUDA has for it; None for one without the attribute.
            closed: indices of the devices that cannot be initialized.
            query: whether the library has `eglQueryDeviceAttribEXT`.
        """
        self.cuda, self.closed, self.query = cuda, closed, query
        #: Indices of the devices whose displays were asked for, and on which contexts were made.
        self.displays: list[int] = []
        self.contexts: list[int] = []
        self._error = SUCCESS
        types = {**egl._FUNCTIONS, **egl._EXTENSIONS, egl._QUERY[0]: egl._QUERY[1]}
        self._functions = {name: ctypes.CFUNCTYPE(*types[name])(getattr(self, f"_{name}")) for name in types}
        for name in egl._FUNCTIONS:
            setattr(self, name, self._functions[name])

    def _eglGetProcAddress(self, name: bytes) -> int | None:
        if name.decode() not in self._functions or (name == b"eglQueryDeviceAttribEXT" and not self.query):
            return None
        return ctypes.cast(self._functions[name.decode()], ctypes.c_void_p).value

    def _eglGetError(self) -> int:
        error, self._error = self._error, SUCCESS
        return error

    def _eglQueryDevicesEXT(self, most: int, devices: int | None, count: int) -> int:
        self._error = SUCCESS
        number = min(most, len(self.cuda))
        for index in range(number):
            (ctypes.c_void_p * most).from_address(devices)[index] = DEVICE + index
        ctypes.c_int.from_address(count).value = number
        return 1

    def _eglQueryDeviceAttribEXT(self, device: int, attribute: int, value: int) -> int:
        number = self.cuda[device - DEVICE]
        if attribute != 0x323A or number is None:
            self._error = BAD_ATTRIBUTE
            ctypes.c_ssize_t.from_address(value).value = 0  # what a driver leaves behind is no answer
            return 0
        self._error = SUCCESS
        ctypes.c_ssize_t.from_address(value).value = number
        return 1

    def _eglGetPlatformDisplayEXT(self, platform: int, device: int, _attributes: int | None) -> int | None:
        if platform != 0x313F:
            return None
        self.displays.append(device - DEVICE)
        return DISPLAY + device - DEVICE

    def _eglInitialize(self, display: int, _major: int | None, _minor: int | None) -> int:
        self._error = NOT_INITIALIZED if display - DISPLAY in self.closed else SUCCESS
        return int(self._error == SUCCESS)

    def _eglChooseConfig(self, _display: int, _wanted: int, config: int, _size: int, count: int) -> int:
        ctypes.c_void_p.from_address(config).value = 1
        ctypes.c_int.from_address(count).value = 1
        return 1

    def _eglCreateContext(self, display: int, _config: int, _share: int | None, _attributes: int | None) -> int:
        self.contexts.append(display - DISPLAY)
        return CONTEXT + display - DISPLAY

    def _eglBindAPI(self, _api: int) -> int:
        return 1

    def _eglMakeCurrent(self, *_arguments: int | None) -> int:
        return 1

    def _eglDestroyContext(self, _display: int, _context: int) -> int:
        return 1

    def _eglTerminate(self, _display: int) -> int:
        return 1

    def _eglReleaseThread(self) -> int:
        return 1

    def _eglGetCurrentContext(self) -> None:
        return None
