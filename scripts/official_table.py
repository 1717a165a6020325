"""Write the table of the official set's files from a clone of LIBERO: `python scripts/official_table.py CLONE`.

CLONE is a checkout of github.com/Lifelong-Robot-Learning/LIBERO. Paths, sizes and SHA-256 of every file that git tracks
below `libero/libero/assets` go to `libero_gym/assets/data/official.json`, in the form of a set's manifest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import libero_gym
from libero_gym.assets.manifest import MANIFEST_FORMAT, FileRecord, Manifest, file_sha256

TREE = "libero/libero/assets"


def git(clone: Path, *arguments: str) -> str:
    """Return what a git command prints in the clone."""
    return subprocess.run(["git", "-C", str(clone), *arguments], check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Read the clone and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path, help="a checkout of LIBERO's repository")
    clone = parser.parse_args().clone
    commit = git(clone, "rev-parse", "HEAD").strip()
    if changed := git(clone, "status", "--porcelain", "--", TREE):
        parser.error(f"files of {clone / TREE} differ from commit {commit}:\n{changed}")
    files = {}
    for name in git(clone, "ls-files", "-z", TREE).rstrip("\0").split("\0"):
        path = clone / name
        files[path.relative_to(clone / TREE).as_posix()] = FileRecord(path.stat().st_size, file_sha256(path))
    manifest = Manifest("official", f"github.com/Lifelong-Robot-Learning/LIBERO@{commit}", files)
    target = Path(libero_gym.__file__).parent / "assets" / "data" / "official.json"
    target.write_text(json.dumps({"format": MANIFEST_FORMAT, **asdict(manifest)}, indent=1) + "\n")
    print(f"{target}: {len(files)} files of commit {commit}")


if __name__ == "__main__":
    main()
