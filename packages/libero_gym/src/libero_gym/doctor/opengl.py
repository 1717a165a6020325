"""Which OpenGL libraries can draw without a screen."""

from __future__ import annotations

import os
from collections.abc import Iterator

from libero_gym.doctor.finding import Finding


def check_opengl() -> Iterator[Finding]:
    """Draws one picture with each backend, in a process of its own. One that works is enough."""
    from libero_gym.render.gl import BACKENDS, PACKAGES, attempt, forget_backends

    wanted = os.environ.get("MUJOCO_GL", "").lower()
    attempts = {backend: attempt(backend) for backend in BACKENDS}
    usable = [backend for backend, tried in attempts.items() if tried.failure is None]
    if len(usable) < len(BACKENDS):
        forget_backends()  # one that has worked before may be remembered as working
    for backend, tried in attempts.items():
        name = f"opengl {backend}"
        if tried.failure is None:
            yield Finding(name, "ok", f"drew a picture of brightness {tried.brightness:.0f} of 255")
        elif usable and wanted != backend:
            yield Finding(name, "note", f"{tried.failure}; not needed, since {usable[0]} draws")
        else:
            install = f"on Debian or Ubuntu: apt-get install {PACKAGES[backend]}"
            unset = f"unset MUJOCO_GL, which asks for {backend}; or " if wanted == backend and usable else ""
            yield Finding(name, "failed", tried.failure, unset + install)
