"""Check which OpenGL libraries can render without a screen."""

from __future__ import annotations

import os
from collections.abc import Iterator

from libero_gym.doctor.check_result import CheckResult


def check_opengl() -> Iterator[CheckResult]:
    """Render an image with each backend, in a process of its own. A single working backend is enough."""
    from libero_gym.render.gl import BACKENDS, PACKAGES, attempt, forget_backends

    requested = os.environ.get("MUJOCO_GL", "").lower()
    attempts = {backend: attempt(backend) for backend in BACKENDS}
    usable = [backend for backend, outcome in attempts.items() if outcome.failure is None]
    if len(usable) < len(BACKENDS):
        forget_backends()  # a backend that worked before may be remembered as working
    for backend, outcome in attempts.items():
        name = f"opengl {backend}"
        if outcome.failure is None:
            found = f"rendered an image of brightness {outcome.brightness:.0f} of 255 with {outcome.renderer}"
            yield CheckResult(name, "ok", found)
        elif usable and requested != backend:
            yield CheckResult(name, "note", f"{outcome.failure}; not needed, since {usable[0]} works")
        else:
            install = f"on Debian or Ubuntu: apt-get install {PACKAGES[backend]}"
            unset = f"unset MUJOCO_GL, which asks for {backend}; or " if requested == backend and usable else ""
            yield CheckResult(name, "failed", outcome.failure, unset + install)
