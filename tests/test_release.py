"""scripts/release.py: what keeps a release from being made, what is built, and the tag that is pushed."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parents[1]
CHANGELOG = """# Changelog

## [Unreleased]

## [0.2.0] - 2026-01-31

### Added

- Doors.

## [0.1.0] - 2026-01-01

- Windows.
"""


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", REPOSITORY / "scripts/release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def root(release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose version 0.2.0 is ready."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Someone")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "someone@example.org")
    root = tmp_path / "repository"
    for folder in (".", *(f"packages/{package}" for package in release.PACKAGES)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "pyproject.toml").write_text('[project]\nname = "some"\nversion = "0.2.0"\n')
    (root / "CITATION.cff").write_text('cff-version: 1.2.0\nversion: "0.2.0"\n')
    (root / "CHANGELOG.md").write_text(CHANGELOG)
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root)
    return root


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Some change")


def test_a_tree_that_is_ready_has_no_problems(release: ModuleType, root: Path) -> None:
    assert release.problems(root, final=True) == []
    assert release.problems(root, tag="v0.2.0") == []


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("packages/vla_policy/pyproject.toml", "0.2.0", "0.2.1", "versions differ: .*vla_policy/pyproject.toml 0.2.1"),
        ("CITATION.cff", "0.2.0", "0.1.0", "versions differ: .*CITATION.cff 0.1.0"),
        ("CITATION.cff", 'version: "0.2.0"', "title: some", "CITATION.cff none"),
        ("CHANGELOG.md", "[0.2.0]", "[0.2.2]", r"no section \[0.2.0\] with entries"),
        ("CHANGELOG.md", "### Added\n\n- Doors.", "", r"no section \[0.2.0\] with entries"),
        ("CHANGELOG.md", " - 2026-01-31", "", r"\[0.2.0\] has the date none"),
        ("CHANGELOG.md", "2026-01-31", "2026-02-31", r"\[0.2.0\] has the date 2026-02-31"),
        ("CHANGELOG.md", "## [Unreleased]", "", r"first section is not \[Unreleased\]"),
        ("CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n- Gates.\n", r"\[Unreleased\] has entries"),
    ],
)
def test_what_is_not_in_order_is_named(
    release: ModuleType, root: Path, file: str, old: str, new: str, message: str
) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))
    commit(root)
    (problem,) = release.problems(root, final=True)
    assert re.search(message, problem), problem


def test_a_dry_run_lets_unreleased_entries_be(release: ModuleType, root: Path) -> None:
    (root / "CHANGELOG.md").write_text(CHANGELOG.replace("[Unreleased]\n", "[Unreleased]\n\n- Gates.\n"))
    commit(root)
    assert release.problems(root) == []


def test_version_tag_and_tree(release: ModuleType, root: Path) -> None:
    assert release.problems(root, tag="v0.1.0") == ["tag v0.1.0 is not v0.2.0, the version of the packages"]
    git(root, "tag", "v0.2.0")
    assert release.problems(root, tag="v0.2.0") == []
    assert release.problems(root, final=True) == ["tag v0.2.0 is there already; raise the version"]
    (root / "new.txt").touch()
    assert release.problems(root) == ["the tree has changes that are not committed: ?? new.txt"]


def test_a_version_of_another_form(release: ModuleType, root: Path) -> None:
    for file in [*root.rglob("pyproject.toml"), root / "CITATION.cff", root / "CHANGELOG.md"]:
        file.write_text(file.read_text().replace("0.2.0", "0.2"))
    commit(root)
    assert release.problems(root) == ["version 0.2 is not like 1.2.3 or 1.2.3rc1"]


def test_notes_are_the_section_of_the_version(release: ModuleType, root: Path) -> None:
    assert list(release.sections(root)) == ["Unreleased", "0.2.0", "0.1.0"]
    assert release.sections(root)["0.2.0"] == ("2026-01-31", "### Added\n\n- Doors.")


def test_the_tag_is_pushed_or_gone(release: ModuleType, root: Path, tmp_path: Path) -> None:
    with pytest.raises(release.ReleaseError, match=r"git push nowhere refs/tags/v0\.2\.0 failed"):
        release.push(root, "0.2.0", "nowhere")
    assert git(root, "tag", "--list") == ""
    remote = tmp_path / "remote"
    git(tmp_path, "init", "--quiet", "--bare", str(remote))
    release.push(root, "0.2.0", str(remote))
    assert git(remote, "rev-parse", "v0.2.0^{commit}") == git(root, "rev-parse", "HEAD")


def test_this_repository_has_one_version_and_its_notes(release: ModuleType) -> None:
    named = release.versions(REPOSITORY)
    assert len(set(named.values())) == 1, named
    assert set(named) == {"pyproject.toml", "CITATION.cff"} | {
        f"packages/{package}/pyproject.toml" for package in release.PACKAGES
    }
    date, notes = release.sections(REPOSITORY)[named["pyproject.toml"]]
    assert "- " in notes
    assert f'date-released: "{date}"' in (REPOSITORY / "CITATION.cff").read_text()


@pytest.mark.slow
def test_builds_can_be_unpacked_and_shown(release: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "vla_policy-0.0.1.tar.gz").touch()  # an older build, which must not be uploaded again
    files = release.build(REPOSITORY, tmp_path)
    assert len(files) == 6
    assert sorted(tmp_path.glob("*.tar.gz")) == [file for file in files if file.name.endswith(".tar.gz")]
    for file in files:
        if file.name.endswith(".tar.gz"):
            with tarfile.open(file) as archive:
                archive.extractall(tmp_path / "unpacked", filter="data")  # refuses links that lead out
    licences = list((tmp_path / "unpacked").glob("*/LICENSE"))
    assert [licence.read_bytes() for licence in licences] == [(REPOSITORY / "LICENSE").read_bytes()] * 3


@pytest.mark.slow
def test_a_build_that_is_not_complete_is_an_error(release: ModuleType, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(REPOSITORY / "packages" / "vla_policy", copy / "packages" / "vla_policy")
    (copy / "CITATION.cff").write_text("version: 0.1.0\n")
    for package in release.PACKAGES:
        (copy / "packages" / package).mkdir(exist_ok=True)
    for folder in ("packages/libero_gym", "packages/vla_trainer"):
        (copy / folder / "pyproject.toml").write_text('[project]\nname = "some"\nversion = "0.1.0"\n')
    (copy / "pyproject.toml").write_text(
        '[project]\nname = "workspace"\nversion = "0.1.0"\n[tool.uv]\npackage = false\n'
        '[tool.uv.workspace]\nmembers = ["packages/vla_policy"]\n'
    )
    with pytest.raises(release.ReleaseError, match=r"built vla_policy-\S+whl, vla_policy-\S+gz instead of"):
        release.build(copy, tmp_path / "out")


def test_the_command_says_why_it_stops(tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "scripts/release.py"), "--tag", "v9.9.9", "--out", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert "tag v9.9.9 is not v" in result.stderr
    assert list(tmp_path.iterdir()) == []
