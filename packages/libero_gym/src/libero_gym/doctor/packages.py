"""Versions of Python and of the packages that physics and pictures depend on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from libero_gym.doctor.finding import Finding

#: The first version that is allowed and the first that is not.
MUJOCO = ("3.3.0", "3.3.3")
WHY_MUJOCO = (
    "3.3.3 draws the floor darker, and 3.4 moves contacts so far that a published policy falls from 98% to 12% on "
    "libero_spatial task 5"
)
PYTHON = (3, 11)
#: Package -> (first version allowed, first not allowed or None, whether a bundle's user can do without).
REQUIRED: dict[str, tuple[str, str | None, bool]] = {
    "numba": ("0.60", None, False),
    "gymnasium": ("1.1", None, False),
    "robosuite": ("1.4.0", "1.4.0.1", True),
    "hf-libero": ("0.1.4", "0.1.4.1", True),
}


def check_packages() -> Iterator[Finding]:
    """Python, libero-gym, MuJoCo and what else is pinned."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= PYTHON:
        yield Finding("python", "ok", found)
    else:
        yield Finding("python", "failed", f"{found}; 3.11 or later is needed", "install Python 3.11 or later")
    yield Finding("libero-gym", "ok", installed("libero-gym") or "not installed as a package")
    yield check_mujoco()
    for name, (low, high, optional) in REQUIRED.items():
        yield _check(name, low, high, optional)


def check_mujoco() -> Finding:
    """The pin `>=3.3.0,<3.3.3`, by the package's metadata and by the library that is loaded."""
    low, high = MUJOCO
    mend = f'pip install "mujoco>={low},<{high}"'
    found = installed("mujoco")
    if found is None:
        return Finding("mujoco", "failed", "not installed", mend)
    if not low <= _Version(found) < high:
        return Finding("mujoco", "failed", f"{found}; allowed: >={low},<{high}, because {WHY_MUJOCO}", mend)
    # In a child process: a library that was cut short kills whoever loads it.
    code = "import mujoco; print(mujoco.__version__, mujoco.mj_versionString())"
    environment = {**os.environ, "MUJOCO_GL": "disable"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"importing it ends Python with status {done.returncode}"
        return Finding("mujoco", "failed", f"{found} cannot be imported ({reason})", f"{mend} --force-reinstall")
    imported, library = done.stdout.split()
    if imported != found or library != found:
        said = f"the package says {found}, what is imported {imported}, its library {library}"
        return Finding("mujoco", "failed", said, f"pip uninstall mujoco; {mend}")
    return Finding("mujoco", "ok", f"{found}, within the pin >={low},<{high}")


def import_mujoco() -> None:
    """Import MuJoCo here without the OpenGL library that `MUJOCO_GL` names: it may be missing, and the import fail."""
    wanted = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disable"
    try:
        import mujoco  # noqa: F401
    finally:
        del os.environ["MUJOCO_GL"]
        if wanted is not None:
            os.environ["MUJOCO_GL"] = wanted


def installed(package: str) -> str | None:
    """The version in the package's metadata; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _check(name: str, low: str, high: str | None, optional: bool) -> Finding:
    found = installed(name)
    exact = high is not None
    mend = f'pip install "{name}=={low}"' if exact else f'pip install "{name}>={low}"'
    if found is None:
        if optional:
            return Finding(name, "note", f"not installed: scenes come from bundles only; {mend} for the others")
        return Finding(name, "failed", "not installed", mend)
    if low <= _Version(found) and (high is None or _Version(found) < high):
        return Finding(name, "ok", found)
    return Finding(name, "failed", f"{found}; allowed: {'==' if exact else '>='}{low}", mend)


class _Version:
    """A version's numbers, compared with those of a text."""

    def __init__(self, text: str) -> None:
        self._numbers = self._of(text)

    @staticmethod
    def _of(text: str) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", text.partition("+")[0])[:4]]

    def __lt__(self, other: str) -> bool:
        return self._numbers < self._of(other)

    def __ge__(self, other: str) -> bool:
        return self._numbers >= self._of(other)
