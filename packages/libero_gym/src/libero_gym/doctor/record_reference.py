"""Record the reference of the asset set in use: `python -m libero_gym.doctor.record_reference`.

Required when the built-in set's VERSION rises; a test checks it.
"""

from __future__ import annotations

import json

from libero_gym.doctor.reference import FILE
from libero_gym.doctor.simulation import simulate


def main() -> None:
    """Simulate, and update `reference.json`."""
    measured = simulate(render=True)
    name = "official" if measured["assets"].startswith("folder-") else measured["assets"]
    entries = json.loads(FILE.read_text()) if FILE.is_file() else {}
    # Only the present version of the built-in set can be generated.
    kept = {key: value for key, value in entries.items() if not (name.startswith("builtin-") and "builtin-" in key)}
    settled = {place: [round(q, 7) for q in qpos] for place, qpos in measured["settled"].items()}
    brightness = {place: round(value, 2) for place, value in measured["brightness"].items()}
    entry = {"settled": settled, "brightness": brightness}
    text = json.dumps(dict(sorted({**kept, name: entry}.items())))
    FILE.write_text(text.replace("], ", "],\n").replace("}}, ", "}},\n") + "\n")  # a task on each line


if __name__ == "__main__":
    main()
