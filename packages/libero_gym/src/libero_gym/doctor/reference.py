"""Compare what this machine simulates and renders with `reference.json`, within tolerances."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from libero_gym.doctor.check_result import CheckResult, Status

FILE = Path(__file__).with_name("reference.json")
#: Metres and radians. Half a second of settling repeats to 1e-7; MuJoCo 3.4 is off by 0.5 in libero_10 task 0.
SETTLED_TOLERANCE = 1e-4
#: Of 255. MuJoCo 3.3.3's floor is 35 darker in libero_object task 0, 0.1 in scenes that show little floor.
BUILTIN_TOLERANCE = 3.0
#: The reference of LIBERO's own set was rendered with plain stand-ins for twenty of its visual meshes and textures.
OFFICIAL_TOLERANCE = 15.0
SECONDS = 300.0
_REPORT = "run `libero-gym doctor --json` and report it; results made here may differ from others'"


def check_simulation(render: bool) -> Iterator[CheckResult]:
    """Simulate in a child process, with rendering or without, and compare with the reference."""
    command = [sys.executable, "-m", "libero_gym.doctor.simulation", *([] if render else ["--no-images"])]
    # Importing MuJoCo fails where MUJOCO_GL names a missing library.
    environment = os.environ if render else {**os.environ, "MUJOCO_GL": "disable"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        yield CheckResult(
            "settling", "failed", f"gave no result within {SECONDS:.0f} s", "try it again on an idle machine"
        )
        return
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"ended with exit status {done.returncode}"
        yield CheckResult("settling", "failed", reason, "fix what failed above, or reinstall: pip install libero-gym")
        return
    yield from compare(json.loads(done.stdout))


def compare(measured: dict[str, Any]) -> Iterator[CheckResult]:
    """Yield results about what `doctor.simulation` measured."""
    name = str(measured["assets"])
    # A folder need not be a copy of LIBERO's own set: it is compared, but a difference is no failure.
    known = "official" if name.startswith("folder-") else name
    reference = json.loads(FILE.read_text()).get(known)
    if reference is None:
        yield CheckResult("settling", "skipped", f"nothing is recorded for the asset set {name}")
        return
    failure: Status = "note" if name.startswith("folder-") else "failed"
    distances = {
        place: _distance(qpos, reference["settled"][place])
        for place, qpos in measured["settled"].items()
        if place in reference["settled"]
    }
    if not distances:
        yield CheckResult("settling", "skipped", f"nothing is recorded for {', '.join(measured['settled'])} of {known}")
        return
    place, distance = max(distances.items(), key=lambda item: item[1])
    if distance > SETTLED_TOLERANCE:
        problem = (
            f"{place} settles {distance:.2g} m or rad from the reference of {known}; allowed: {SETTLED_TOLERANCE:g}"
        )
        yield CheckResult("settling", failure, problem, _REPORT)
    else:
        agreement = f"{', '.join(distances)}: joint positions agree with the reference of {known}"
        yield CheckResult("settling", "ok", f"{agreement} to {distance:.1g} m or rad")
    if not measured["brightness"]:
        yield CheckResult("images", "skipped", "none was rendered")
        return
    pairs = {place: (measured["brightness"][place], reference["brightness"][place]) for place in distances}
    place, (rendered, expected) = max(pairs.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    tolerance = OFFICIAL_TOLERANCE if known == "official" else BUILTIN_TOLERANCE
    if abs(rendered - expected) > tolerance:
        problem = f"{place} has brightness {rendered:.1f} of 255; expected {expected:.1f} +- {tolerance:g}"
        yield CheckResult("images", failure, problem, _REPORT)
    else:
        brightness = ", ".join(f"{rendered:.1f} ({expected:.1f})" for rendered, expected in pairs.values())
        yield CheckResult("images", "ok", f"brightness (expected): {brightness}")


def _distance(measured: list[float], expected: list[float]) -> float:
    """Return the largest difference of a joint position; infinite for another number of joints."""
    if len(measured) != len(expected):
        return float("inf")
    return max(abs(q - reference) for q, reference in zip(measured, expected, strict=True))
