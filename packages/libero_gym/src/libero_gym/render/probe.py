"""Render an image with a backend, and print what has rendered and the mean brightness.

It is a program of its own, which may hang or crash.

`python probe.py BACKEND DEVICE LIBRARY`, where DEVICE is an index, "cuda:0" or None, and LIBRARY is MuJoCo's. It ends
with status 3 after a black image, and with a reason as the last line of its errors where there is none: status 4 where
EGL renders on other CUDA GPUs than the device.

It runs by its path and imports nothing of the package, and for EGL the standard library alone: importing NumPy,
Gymnasium and MuJoCo took half of its time.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from typing import Any

MODEL = b'<mujoco><worldbody><geom size="1" rgba="1 0 0 1"/></worldbody></mujoco>'
SIZE = 32
#: Bytes for each of MuJoCo's structures, which are a tenth of that.
ROOM = 1 << 20
#: mjFB_OFFSCREEN, mjCAT_ALL, mjFONTSCALE_100
OFFSCREEN, ALL_CATEGORIES, FONT_SCALE = 1, 7, 100


class Rectangle(ctypes.Structure):
    """MuJoCo's `mjrRect`."""

    _fields_ = [(name, ctypes.c_int) for name in ("left", "bottom", "width", "height")]


def open_context(backend: str, device: int | str | None) -> Any:
    """Make a context as `libero_gym.render.gl.open_context` does."""
    if backend != "egl":
        return importlib.import_module(f"mujoco.{backend}").GLContext(16, 16)
    sys.path.insert(0, os.path.dirname(__file__))
    egl: Any = importlib.import_module("egl")  # beside this file
    try:
        return egl.EglContext(device)
    except egl.CudaDeviceError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(4)
    except egl.EglError as error:
        sys.exit(str(error))


def render(library: str) -> bytes:
    """Render a red ball with MuJoCo; the pixels of the image, (32, 32, 3) uint8."""
    mujoco = ctypes.CDLL(library)
    report = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(_fail)
    ctypes.c_void_p.in_dll(mujoco, "mju_user_error").value = ctypes.cast(report, ctypes.c_void_p).value
    for name in ("mj_parseXMLString", "mj_compile", "mj_makeData"):
        getattr(mujoco, name).restype = ctypes.c_void_p
    error = ctypes.create_string_buffer(1000)
    specification = ctypes.c_void_p(mujoco.mj_parseXMLString(MODEL, None, error, len(error)))
    model = ctypes.c_void_p(mujoco.mj_compile(specification, None))
    data = ctypes.c_void_p(mujoco.mj_makeData(model))
    mujoco.mj_forward(model, data)
    scene, context, camera, option = (ctypes.create_string_buffer(ROOM) for _ in range(4))
    mujoco.mjv_defaultScene(scene)
    mujoco.mjv_makeScene(model, scene, 10)
    mujoco.mjr_defaultContext(context)
    mujoco.mjr_makeContext(model, context, FONT_SCALE)
    mujoco.mjr_setBuffer(OFFSCREEN, context)
    mujoco.mjv_defaultCamera(camera)
    mujoco.mjv_defaultOption(option)
    mujoco.mjv_updateScene(model, data, option, None, camera, ALL_CATEGORIES, scene)
    view, pixels = Rectangle(0, 0, SIZE, SIZE), ctypes.create_string_buffer(SIZE * SIZE * 3)
    mujoco.mjr_render(view, scene, context)
    mujoco.mjr_readPixels(pixels, None, view, context)
    return pixels.raw


def _fail(message: bytes) -> None:
    """End the process as MuJoCo would, without its log file in the working folder."""
    sys.stderr.write(f"{message.decode(errors='replace')}\n")
    sys.stderr.flush()
    os._exit(1)


def main(backend: str, device: str, library: str) -> int:
    """Render, print what has rendered and the brightness, 0 to 255, and return the status to end with."""
    context = open_context(backend, None if device == "None" else int(device) if device.isdigit() else device)
    context.make_current()
    pixels = render(library)
    name = context.renderer_name() if backend == "egl" else "OSMesa"
    sys.stdout.write(f"{name}\n{sum(pixels) / len(pixels)}\n")
    return 0 if any(pixels) else 3


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
