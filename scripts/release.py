"""Check and build a release of the three packages.

    versions, CITATION.cff, CHANGELOG.md, clean tree --> wheels and source distributions in dist/ --> twine check

Without options this changes nothing but dist/ and prints what a release would do. `--push` makes the tag vX.Y.Z and
pushes it. That starts .github/workflows/release.yml, which builds again with `--tag vX.Y.Z` and uploads to PyPI.
"""

from __future__ import annotations

import argparse
import datetime
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("libero_gym", "vla_policy", "vla_trainer")
VERSION = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")


class ReleaseError(Exception):
    """What keeps a release from being made, a line per problem."""


def versions(root: Path) -> dict[str, str]:
    """Return the version that each file names: the workspace's and the packages' pyproject.toml, and CITATION.cff."""
    named = {}
    for folder in (".", *(f"packages/{package}" for package in PACKAGES)):
        file = root / folder / "pyproject.toml"
        named[str(file.relative_to(root))] = tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"]
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    found = re.search(r"^version: *[\"']?([^\"'\s]+)", citation, re.MULTILINE)
    named["CITATION.cff"] = found.group(1) if found else "none"
    return named


def sections(root: Path) -> dict[str, tuple[str, str]]:
    """Return CHANGELOG.md's sections in order: version -> the rest of its heading and its text."""
    parts = re.split(r"^## \[([^\]]+)\](.*)$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    rows = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return {version: (heading.strip(" -"), text.strip()) for version, heading, text in rows}


def problems(root: Path, *, tag: str | None = None, final: bool = False) -> list[str]:
    """Return what is wrong with the tree, a line per problem.

    Args:
        root: the repository.
        tag: the tag that the release is built from; None: there is none yet.
        final: also ask for what only a release needs: nothing under Unreleased, and no such tag.
    """
    found = []
    named = versions(root)
    version = named["pyproject.toml"]
    if len(set(named.values())) > 1:
        found.append("versions differ: " + ", ".join(f"{file} {number}" for file, number in named.items()))
    if not VERSION.fullmatch(version):
        found.append(f"version {version} is not like 1.2.3 or 1.2.3rc1")
    if tag is not None and tag != f"v{version}":
        found.append(f"tag {tag} is not v{version}, the version of the packages")
    changes = sections(root)
    date, text = changes.get(version, ("", ""))
    if next(iter(changes), None) != "Unreleased":
        found.append("CHANGELOG.md: the first section is not [Unreleased]")
    if not text:
        found.append(f"CHANGELOG.md: no section [{version}] with entries")
    elif not _is_date(date):
        found.append(f"CHANGELOG.md: [{version}] has the date {date or 'none'}, not one like 2026-01-31")
    if final and "- " in changes.get("Unreleased", ("", ""))[1]:
        found.append(f"CHANGELOG.md: [Unreleased] has entries; move them to [{version}], or raise the version")
    if changed := _git(root, "status", "--porcelain"):
        found.append("the tree has changes that are not committed: " + ", ".join(changed.splitlines()))
    if final and _git(root, "tag", "--list", f"v{version}"):
        found.append(f"tag v{version} is there already; raise the version")
    return found


def build(root: Path, out: Path) -> list[Path]:
    """Build a wheel and a source distribution of each package into `out`, and check how PyPI would show them.

    Raises:
        ReleaseError: a build or a check fails, or something else was built.
    """
    out.mkdir(parents=True, exist_ok=True)
    for old in [*out.glob("*.whl"), *out.glob("*.tar.gz")]:
        old.unlink()
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    _run([uv, "build", "--quiet", "--all-packages", "--out-dir", str(out)], root)
    version = versions(root)["pyproject.toml"]
    expected = {f"{name}-{version}{end}" for name in PACKAGES for end in ("-py3-none-any.whl", ".tar.gz")}
    files = sorted([*out.glob("*.whl"), *out.glob("*.tar.gz")])
    if {file.name for file in files} != expected:
        built = ", ".join(file.name for file in files) or "nothing"
        raise ReleaseError(f"built {built} instead of {', '.join(sorted(expected))}")
    _run([sys.executable, "-m", "twine", "check", "--strict", *map(str, files)], root)
    return files


def push(root: Path, version: str, remote: str) -> None:
    """Tag the present commit as vX.Y.Z and push the tag.

    Raises:
        ReleaseError: git fails. A tag that could not be pushed is removed again.
    """
    tag = f"v{version}"
    _run(["git", "tag", "--annotate", tag, "--message", f"Release {version}"], root)
    try:
        _run(["git", "push", remote, f"refs/tags/{tag}"], root)
    except ReleaseError:
        _run(["git", "tag", "--delete", tag], root)
        raise


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def _run(command: list[str], root: Path) -> None:
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if result.returncode:
        raise ReleaseError(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}".rstrip())


def release(options: argparse.Namespace) -> None:
    """Carry out what the options ask for.

    Raises:
        ReleaseError: there are problems, or a step fails.
    """
    version = versions(ROOT)["pyproject.toml"]
    if found := problems(ROOT, tag=options.tag, final=options.push):
        raise ReleaseError("\n".join(found))
    print(f"version {version}: versions, citation, changelog and tree are in order")
    for file in build(ROOT, options.out):
        print(f"built and checked {file} ({file.stat().st_size / 1000:.0f} kB)")
    if options.notes is not None:
        options.notes.write_text(sections(ROOT)[version][1] + "\n", encoding="utf-8")
        print(f"wrote {options.notes}")
    if options.push:
        push(ROOT, version, options.remote)
        print(f"pushed tag v{version} to {options.remote}; the release workflow publishes it")
    elif options.tag is None:
        print(f"dry run: --push would make the tag v{version} and push it to {options.remote}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the builds; older ones there go")
    parser.add_argument("--notes", type=Path, help="also write the changelog's section into this file")
    parser.add_argument("--remote", default="origin", help="where --push pushes")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--tag", help="the tag that is built; an error if it is not that of the version")
    action.add_argument("--push", action="store_true", help="tag the present commit and push the tag")
    try:
        release(parser.parse_args())
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
