"""Make docs/tasks.md and its images: `make gallery` draws both asset sets, `python scripts/gallery.py builtin` one.

LIBERO's own set has to be installed for its images: `uv sync --group official`.
"""

from __future__ import annotations

import argparse
import json
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

These are LIBERO's 130 tasks. The images show initial state 0, from the agentview and the wrist camera: first on
LIBERO's own asset set, `pip install "libero-gym[official]"`, then on the built-in one, which is not that of published
results. `make gallery` makes this page.

In `libero/130-v0`, all of them as one suite, the tasks of libero_spatial come first, then those of libero_object from
10, libero_goal from 20, libero_10 from 30 and libero_90 from 40.
"""


#: Asset set -> what follows a suite's name in the name of its image.
SETS = {"official": "_official", "builtin": ""}


def main() -> None:
    """Draw the sheets of the sets that were named and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help="official, builtin; both by default")
    drawn = parser.parse_args().sets or list(SETS)
    if unknown := set(drawn) - set(SETS):
        parser.error(f"unknown asset set {', '.join(sorted(unknown))}; allowed: {', '.join(SETS)}")
    listed = subprocess.run([COMMAND, "tasks", "--json"], capture_output=True, text=True, check=True)
    tasks: list[dict[str, Any]] = json.loads(listed.stdout)
    page = [HEAD]
    for suite, (size, columns) in SHEETS.items():
        inside = [task for task in tasks if task["suite"] == suite]
        page.append(f"## {suite}\n")
        for assets, suffix in SETS.items():
            image = DOCS / "images" / f"{suite}{suffix}.jpg"
            sizes = ["--size", str(size), "--columns", str(columns)]
            command = [COMMAND, "snapshot", "--suite", suite, "--assets", assets, *sizes, "--out", image]
            if assets in drawn:
                subprocess.run(command, check=True)
            page.append(f"![The {len(inside)} tasks of {suite}, {assets} assets](images/{image.name})\n")
        page.append("".join(f"{task['index']}. {task['instruction']}\n" for task in inside))
    (DOCS / "tasks.md").write_text("\n".join(page))


if __name__ == "__main__":
    main()
