"""Measure the reference anew for the asset set in use: `python -m libero_gym.doctor.record_reference`.

Needed when the built-in set's VERSION rises; a test says so.
"""

from __future__ import annotations

import json

from libero_gym.doctor.reference import FILE
from libero_gym.doctor.simulation import simulate


def main() -> None:
    """Measure and put it into `reference.json`."""
    measured = simulate(draw=True)
    name = "official" if measured["assets"].startswith("folder-") else measured["assets"]
    entries = json.loads(FILE.read_text()) if FILE.is_file() else {}
    # Of the built-in sets only the present one can be made.
    kept = {key: value for key, value in entries.items() if not (name.startswith("builtin-") and "builtin-" in key)}
    settled = {place: [round(q, 7) for q in qpos] for place, qpos in measured["settled"].items()}
    brightness = {place: round(value, 2) for place, value in measured["brightness"].items()}
    entry = {"settled": settled, "brightness": brightness}
    text = json.dumps(dict(sorted({**kept, name: entry}.items())))
    FILE.write_text(text.replace("], ", "],\n").replace("}}, ", "}},\n") + "\n")  # one task a line


if __name__ == "__main__":
    main()
