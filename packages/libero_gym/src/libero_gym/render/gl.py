"""Choose an OpenGL library that can render without a screen, and make contexts with it.

A process can use one backend only (PyOpenGL binds to it at import), and a broken driver can hang or crash. So each
candidate first renders an image in a child process with a time limit, and what works is remembered in the cache folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import mujoco

from libero_gym.cache_folder import cache_folder
from libero_gym.errors import RenderError
from libero_gym.render.egl import EglContext, EglError
from libero_gym.scene.mujoco_log import library_file

#: In order of preference: EGL uses a GPU where there is one.
BACKENDS = ("egl", "osmesa")
PROBE_SECONDS = 60.0

#: Debian's names of what a backend loads.
PACKAGES = {"egl": "libegl1 libgl1 libgl1-mesa-dri", "osmesa": "libosmesa6"}
#: The program that renders an image with a backend.
_PROBE = Path(__file__).with_name("probe.py")

#: Contexts are made one at a time: several EGL initializations at once have hung.
_creating = threading.Lock()


class GpuUnusableError(RenderError):
    """A GPU that "cuda:0" names cannot be rendered on; another device may be.

    Way out: `libero-gym doctor` names what renders; in a container give the driver's `graphics` capability.
    """


class GLContext(Protocol):
    """An offscreen OpenGL context, current in one thread at a time."""

    def make_current(self) -> None:
        """Make it the calling thread's context."""

    def free(self) -> None:
        """Give its memory back."""


def open_context(backend: str, device: int | str | None = None) -> GLContext:
    """Make a context of a backend that `choose_backend` found to work.

    MuJoCo renders into a buffer of its own, so the context itself is tiny.

    Args:
        backend: one of `BACKENDS`.
        device: index of the EGL device, or "cuda:0"; None for `MUJOCO_EGL_DEVICE_ID`, or the first that works.

    Raises:
        RenderError: EGL gives no context; GpuUnusableError where the device is CUDA's.
    """
    os.environ["PYOPENGL_PLATFORM"] = backend
    # A run crashed once inside Mesa's software driver 22.3, looking through the list of an image's textures. Its own
    # threads free that list, so that a race is likely, though it could not be repeated. Without them each of ours
    # renders by itself, and four of them were 1.4 times as fast.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    with _creating:
        _load_triton_first()
        if backend == "egl":
            try:
                return EglContext(device)
            except EglError as error:
                raise _unusable(device, str(error)) from error
        module: Any = importlib.import_module(f"mujoco.{backend}")
        context: GLContext = module.GLContext(16, 16)
    return context


def renderer_name(context: GLContext) -> str:
    """Return what renders in a context that is current, e.g. "NVIDIA H100 80GB HBM3/PCIe/SSE2"."""
    return context.renderer_name() if isinstance(context, EglContext) else "OSMesa"


@functools.cache
def _load_triton_first() -> None:
    """Keep a later `import triton`, which torch does by itself, from crashing the process.

    Mesa's software drivers are loaded with their LLVM's symbols visible to all that is loaded afterwards. Triton has
    another LLVM inside; loaded before them (0.1 s, without running anything of it), it is bound to its own. With
    MUJOCO_GL=osmesa MuJoCo itself has loaded Mesa when it was imported: then it is too late, and loading would crash.
    """
    if sys.platform != "linux" or "triton" in sys.modules or "libLLVM" in Path("/proc/self/maps").read_text():
        return
    spec = importlib.util.find_spec("triton")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        with contextlib.suppress(OSError):
            ctypes.CDLL(str(Path(folder, "_C", "libtriton.so")), mode=os.RTLD_NOW | os.RTLD_LOCAL)


def _unusable(device: int | str | None, reason: str) -> RenderError:
    return GpuUnusableError(reason) if isinstance(device, str) else RenderError(reason)


@functools.cache
def choose_backend(device: int | str | None = None) -> str:
    """Return the first backend that renders: `MUJOCO_GL` alone if it names one, else EGL, else OSMesa.

    Args:
        device: index of the EGL device that is to render, or "cuda:0", the GPU that CUDA calls 0 in this process; both
            leave EGL alone.

    Raises:
        RenderError: none does; the message names why, and what to install. GpuUnusableError where the device is
            CUDA's, unless EGL renders on other GPUs that CUDA has.
    """
    wanted = os.environ.get("MUJOCO_GL", "").lower()
    candidates = (wanted,) if wanted in BACKENDS else BACKENDS
    if device is not None:
        if "egl" not in candidates:
            raise _unusable(
                device, f"render_device {device!r} needs EGL, and MUJOCO_GL is {wanted!r}; unset one of the two"
            )
        candidates = ("egl",)
    remembered = _recall(device)
    failures = {}
    for backend in candidates:
        if remembered.get(backend):
            return backend
        outcome = attempt(backend, device)
        if outcome.failure is None:
            _remember(device, {**remembered, backend: True})
            return backend
        if outcome.wrong_device:
            raise RenderError(outcome.failure)
        failures[backend] = outcome.failure
    if device is not None:
        raise _unusable(device, failures["egl"])
    reasons = "; ".join(f"{backend}: {failure}" for backend, failure in failures.items())
    packages = " ".join(PACKAGES[backend] for backend in failures)
    raise RenderError(f"no OpenGL library can render here ({reasons}); on Debian or Ubuntu: apt-get install {packages}")


@dataclass(frozen=True)
class Attempt:
    """What came of rendering an image with a backend in a process of its own."""

    brightness: float | None
    """Mean of the image, 0 to 255; None if there was none."""
    failure: str | None
    """Why the backend cannot be used, in a line; None if it can."""
    renderer: str = ""
    """What OpenGL calls what has rendered, e.g. "llvmpipe (LLVM 15.0.6, 256 bits)"."""
    wrong_device: bool = False
    """Whether EGL renders on other CUDA GPUs than the one that was named."""


def attempt(backend: str, device: int | str | None = None) -> Attempt:
    """Render an image with a backend in a child process."""
    library = library_file()
    if library is None:
        return Attempt(None, f"mujoco {mujoco.__version__} has no library")
    environment = {"LP_NUM_THREADS": "0", **os.environ, "MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    try:
        result = subprocess.run(
            [sys.executable, str(_PROBE), backend, str(device), str(library)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Attempt(None, f"gave no image within {PROBE_SECONDS:.0f} s")
    if result.returncode == 0:
        *_, name, brightness = result.stdout.splitlines()
        return Attempt(float(brightness), None, name)
    if result.returncode == 3:
        return Attempt(0.0, "rendered a black image")
    lines = [line for line in result.stderr.splitlines() if line.strip() and not line.startswith("Exception ignored")]
    reason = lines[-1] if lines else f"exit status {result.returncode}"
    if "'NoneType' object has no attribute" in reason:  # PyOpenGL's words for it
        reason = f"its library is not there or cannot be loaded ({reason})"
    return Attempt(None, reason, wrong_device=result.returncode == 4)


def forget_backends() -> None:
    """Have the next process try the backends again."""
    (cache_folder() / "gl.json").unlink(missing_ok=True)


def _key(device: int | str | None) -> str:
    chosen = os.environ.get("MUJOCO_EGL_DEVICE_ID", "") if device is None else f"device {device}"
    if isinstance(device, str):
        chosen += f" of {os.environ.get('CUDA_VISIBLE_DEVICES')} {os.environ.get('CUDA_DEVICE_ORDER')}"
    return f"{mujoco.__version__} {platform.node()} {chosen}"


def _recall(device: int | str | None) -> dict[str, bool]:
    try:
        return dict(json.loads((cache_folder() / "gl.json").read_text()).get(_key(device), {}))
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(device: int | str | None, working: dict[str, bool]) -> None:
    path = cache_folder() / "gl.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        work = path.with_suffix(f".{os.getpid()}")
        work.write_text(json.dumps({_key(device): working}))
        work.replace(path)
    except OSError:
        pass  # only a second is lost in the next process
