"""Check the versions of Python and of the packages that physics and rendering depend on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from libero_gym.doctor.check_result import CheckResult

#: (first version allowed, first not allowed).
MUJOCO = ("3.3.0", "3.3.3")
WHY_MUJOCO = (
    "3.3.3 renders the floor darker, and 3.4 moves contacts so far that a published policy falls from 98% to 12% on "
    "libero_spatial task 5"
)
PYTHON = (3, 11)
#: Package -> (first version allowed, first not allowed or None, what needs it; None: all does).
REQUIRED: dict[str, tuple[str, str | None, str | None]] = {
    "llvmlite": ("0.45", None, None),
    "gymnasium": ("1.1", None, None),
    "robosuite": ("1.4.0", "1.4.0.1", "the robot of LIBERO's own assets: pip install --no-deps robosuite==1.4.0"),
    "hf-libero": ("0.1.4", "0.1.4.1", "engine='robosuite': pip install 'libero-gym[robosuite]'"),
}


def check_packages() -> Iterator[CheckResult]:
    """Check Python, libero-gym, MuJoCo and the other pinned packages."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= PYTHON:
        yield CheckResult("python", "ok", found)
    else:
        yield CheckResult("python", "failed", f"{found}; 3.11 or later is needed", "install Python 3.11 or later")
    yield CheckResult("libero-gym", "ok", installed("libero-gym") or "not installed as a package")
    yield check_mujoco()
    for name, (low, high, without) in REQUIRED.items():
        yield check_package(name, low, high, without)


def check_mujoco() -> CheckResult:
    """Check the pin `>=3.3.0,<3.3.3` on the package's metadata and on the library that is loaded."""
    low, high = MUJOCO
    fix = f'pip install "mujoco>={low},<{high}"'
    found = installed("mujoco")
    if found is None:
        return CheckResult("mujoco", "failed", "not installed", fix)
    if not low <= _Version(found) < high:
        return CheckResult("mujoco", "failed", f"{found}; allowed: >={low},<{high}, because {WHY_MUJOCO}", fix)
    # In a child process: a truncated library kills the process that loads it.
    code = "import mujoco; print(mujoco.__version__, mujoco.mj_versionString())"
    environment = {**os.environ, "MUJOCO_GL": "disable"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"importing it ends Python with status {done.returncode}"
        return CheckResult("mujoco", "failed", f"{found} cannot be imported ({reason})", f"{fix} --force-reinstall")
    imported, library = done.stdout.split()
    if imported != found or library != found:
        problem = f"the package says {found}, the imported module {imported}, its library {library}"
        return CheckResult("mujoco", "failed", problem, f"pip uninstall mujoco; {fix}")
    return CheckResult("mujoco", "ok", f"{found}, within the pin >={low},<{high}")


def import_mujoco() -> None:
    """Import MuJoCo without the OpenGL library that `MUJOCO_GL` names, which may be missing."""
    requested = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disable"
    try:
        import mujoco  # noqa: F401
    finally:
        del os.environ["MUJOCO_GL"]
        if requested is not None:
            os.environ["MUJOCO_GL"] = requested


def installed(package: str) -> str | None:
    """Return the version in a package's metadata; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def check_package(name: str, low: str, high: str | None, without: str | None) -> CheckResult:
    """Check that a package is installed in a version from `low` to before `high`; None has no upper limit."""
    found = installed(name)
    exact = high is not None
    fix = f'pip install "{name}=={low}"' if exact else f'pip install "{name}>={low}"'
    if found is None:
        if without is not None:
            return CheckResult(name, "note", f"not installed; needed for {without}")
        return CheckResult(name, "failed", "not installed", fix)
    if low <= _Version(found) and (high is None or _Version(found) < high):
        return CheckResult(name, "ok", found)
    return CheckResult(name, "failed", f"{found}; allowed: {'==' if exact else '>='}{low}", fix)


class _Version:
    """The numbers of a version, comparable with a version as text."""

    def __init__(self, text: str) -> None:
        self._numbers = self._of(text)

    @staticmethod
    def _of(text: str) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", text.partition("+")[0])[:4]]

    def __lt__(self, other: str) -> bool:
        return self._numbers < self._of(other)

    def __ge__(self, other: str) -> bool:
        return self._numbers >= self._of(other)
