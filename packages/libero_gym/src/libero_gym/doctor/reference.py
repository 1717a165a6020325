"""What a right installation computes and draws, `reference.json`, and how far another machine may be from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from libero_gym.doctor.finding import Finding, Status

FILE = Path(__file__).with_name("reference.json")
#: Metres and radians. Half a second of settling repeats to 1e-7 here; MuJoCo 3.4 is off by 0.5 in libero_10 task 0.
SETTLED_TOLERANCE = 1e-4
#: Of 255. MuJoCo 3.3.3's floor is 35 darker in libero_object task 0, 0.1 in scenes that show little floor.
BUILTIN_TOLERANCE = 3.0
#: The reference of LIBERO's own set was drawn with plain stand-ins for twenty of its visual meshes and textures.
OFFICIAL_TOLERANCE = 15.0
SECONDS = 300.0
_REPORT = "run `libero-gym doctor --json` and report it; results made here may differ from others'"


def check_simulation(draw: bool) -> Iterator[Finding]:
    """Simulate in a child process and compare; `draw` with pictures, or without."""
    command = [sys.executable, "-m", "libero_gym.doctor.simulation", *([] if draw else ["--no-pictures"])]
    # Importing MuJoCo fails where it names a library that is not there.
    environment = os.environ if draw else {**os.environ, "MUJOCO_GL": "disable"}
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
        yield Finding("settling", "failed", f"gave no result within {SECONDS:.0f} s", "try it on an idle machine")
        return
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"ended with exit status {done.returncode}"
        yield Finding("settling", "failed", reason, "mend what failed above, or reinstall: pip install libero-gym")
        return
    yield from compare(json.loads(done.stdout))


def compare(measured: dict[str, Any]) -> Iterator[Finding]:
    """Findings about what `doctor.simulation` measured."""
    name = str(measured["assets"])
    # A folder may be a copy of LIBERO's own set or anything else: it is compared, but need not agree.
    known = "official" if name.startswith("folder-") else name
    reference = json.loads(FILE.read_text()).get(known)
    if reference is None:
        yield Finding("settling", "skipped", f"nothing is recorded for the asset set {name}")
        return
    bad: Status = "note" if name.startswith("folder-") else "failed"
    distances = {
        place: _distance(qpos, reference["settled"][place])
        for place, qpos in measured["settled"].items()
        if place in reference["settled"]
    }
    if not distances:
        yield Finding("settling", "skipped", f"nothing is recorded for {', '.join(measured['settled'])} of {known}")
        return
    place, distance = max(distances.items(), key=lambda item: item[1])
    if distance > SETTLED_TOLERANCE:
        said = f"{place} settles {distance:.2g} m or rad from the reference of {known}; allowed: {SETTLED_TOLERANCE:g}"
        yield Finding("settling", bad, said, _REPORT)
    else:
        said = f"{', '.join(distances)}: joint positions agree with the reference of {known}"
        yield Finding("settling", "ok", f"{said} to {distance:.1g} m or rad")
    if not measured["brightness"]:
        yield Finding("pictures", "skipped", "none was drawn")
        return
    pairs = {place: (measured["brightness"][place], reference["brightness"][place]) for place in distances}
    place, (drawn, expected) = max(pairs.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    tolerance = OFFICIAL_TOLERANCE if known == "official" else BUILTIN_TOLERANCE
    if abs(drawn - expected) > tolerance:
        said = f"{place} has brightness {drawn:.1f} of 255; expected {expected:.1f} +- {tolerance:g}"
        yield Finding("pictures", bad, said, _REPORT)
    else:
        shown = ", ".join(f"{drawn:.1f} ({expected:.1f})" for drawn, expected in pairs.values())
        yield Finding("pictures", "ok", f"brightness, and what was expected: {shown}")


def _distance(measured: list[float], expected: list[float]) -> float:
    """The largest difference of a joint position."""
    if len(measured) != len(expected):
        return float("inf")
    return max(abs(one - other) for one, other in zip(measured, expected, strict=True))
