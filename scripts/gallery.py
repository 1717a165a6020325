"""Make docs/tasks.md and its images with the built-in asset set: `make gallery`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
COMMAND = Path(sys.executable).with_name("libero-gym")
#: Suite -> (height of a picture in pixels, tasks in a row): each sheet stays below 400 KB.
SHEETS = {
    "libero_spatial": (128, 4),
    "libero_object": (128, 4),
    "libero_goal": (128, 4),
    "libero_10": (128, 4),
    "libero_90": (56, 9),
}
HEAD = """# Tasks

    libero-gym tasks                       # list them
    libero-gym tasks show spatial 0        # goal, objects, initial states and time limit of one
    libero-gym snapshot --suite spatial --task 0 --out task.png

These are LIBERO's 130 tasks. The images show initial state 0, from the agentview and the wrist camera, on the built-in
asset set, which is not the one of published results. `make gallery` makes this page.
"""


def main() -> None:
    """Draw the sheets and write the page."""
    # The sheets show the set that everybody has, whatever this machine prefers.
    environment = {**os.environ, "LIBERO_GYM_ASSETS": "builtin"}
    listed = subprocess.run([COMMAND, "tasks", "--json"], capture_output=True, text=True, check=True)
    tasks: list[dict[str, Any]] = json.loads(listed.stdout)
    page = [HEAD]
    for suite, (size, columns) in SHEETS.items():
        picture = DOCS / "images" / f"{suite}.jpg"
        sizes = ["--size", str(size), "--columns", str(columns)]
        command = [COMMAND, "snapshot", "--suite", suite, *sizes, "--out", picture]
        subprocess.run(command, env=environment, check=True)
        inside = [task for task in tasks if task["suite"] == suite]
        page.append(f"## {suite}\n")
        page.append(f"![The {len(inside)} tasks of {suite}](images/{suite}.jpg)\n")
        page.append("".join(f"{task['index']}. {task['instruction']}\n" for task in inside))
    (DOCS / "tasks.md").write_text("\n".join(page))


if __name__ == "__main__":
    main()
