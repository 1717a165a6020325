"""Compiled scenes on disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from libero_gym.assets import AssetSet, resolve_assets
from libero_gym.errors import SceneError
from libero_gym.scene import compiled_scene
from libero_gym.scene.cache import scene_folder
from libero_gym.scene.compiled import MODEL, parts_folder
from libero_gym.scene.fixtures import sample_fixture_poses
from libero_gym.tasks import load_suite
from libero_gym.tasks.tables import SceneTable

TASK = load_suite("libero_spatial").tasks[1]


@pytest.fixture
def own_scene(tmp_path, monkeypatch):
    """The assets and TASK's compiled scene in a cache that a test may damage; other processes use the session's."""
    assets = resolve_assets("builtin")
    compiled = compiled_scene(TASK, assets).folder
    monkeypatch.setenv("LIBERO_GYM_CACHE", str(tmp_path / "cache"))
    folder = scene_folder(TASK, assets)
    assert folder.is_relative_to(tmp_path)
    shutil.copytree(compiled, folder)
    parts_folder(folder).mkdir()
    for name in json.loads((compiled / MODEL).read_text()):
        shutil.copyfile(parts_folder(compiled) / name, parts_folder(folder) / name)
    compiled_scene.cache_clear()
    yield assets, folder
    compiled_scene.cache_clear()


def test_tables_survive_json():
    table = compiled_scene(TASK, resolve_assets("builtin")).table
    assert SceneTable.from_json(table.to_json()) == table
    assert [(atom.name, atom.arguments) for atom in table.goal] == [("on", ["akita_black_bowl_1", "plate_1"])]
    assert table.control_substeps == 25  # 20 Hz over 2 ms
    assert {fixture.name for fixture in table.fixtures} == {"wooden_cabinet_1", "flat_stove_1"}
    drawer = next(entity for entity in table.entities if entity.name == "wooden_cabinet_1_top_region")
    # LIBERO's WoodenCabinet: open below the upper end of [-0.16, -0.14], closed above the lower end of [0, 0.005].
    assert (drawer.conditions["open"].op, drawer.conditions["open"].value) == ("<", -0.14)
    assert (drawer.conditions["close"].op, drawer.conditions["close"].value) == (">", 0.0)


def test_the_union_has_the_suite_s_own_scene():
    assets = resolve_assets("builtin")
    # libero_spatial comes first among all: its task 1 is their task 1
    assert compiled_scene(load_suite("130").tasks[1], assets) is compiled_scene(TASK, assets)
    for number, own in ((21, load_suite("goal").tasks[1]), (129, load_suite("90").tasks[89])):
        assert scene_folder(load_suite("130").tasks[number], assets) == scene_folder(own, assets)


def test_fixtures_stand_in_their_regions_and_repeat():
    table = compiled_scene(TASK, resolve_assets("builtin")).table
    poses = sample_fixture_poses(table, np.random.default_rng(3))
    again = sample_fixture_poses(table, np.random.default_rng(3))
    np.testing.assert_array_equal(poses.positions, again.positions)
    for fixture, position, quaternion in zip(table.fixtures, poses.positions, poses.quaternions, strict=True):
        assert fixture.x_ranges[0][0] <= position[0] <= fixture.x_ranges[0][1]
        assert fixture.y_ranges[0][0] <= position[1] <= fixture.y_ranges[0][1]
        assert np.linalg.norm(quaternion) == pytest.approx(1.0)


@pytest.mark.parametrize("damage", ["truncate", "truncate model", "remove", "other bytes"])
def test_a_broken_entry_is_built_again(damage, caplog, own_scene):
    assets, folder = own_scene
    assert compiled_scene(TASK, assets).folder == folder
    whole = compiled_scene(TASK, assets).model_content()
    part = max(parts_folder(folder).iterdir(), key=lambda path: path.stat().st_size)
    content = part.read_bytes()
    if damage == "other bytes":
        # of the right size, and a model that MuJoCo reads: only the checksum tells
        part.write_bytes(content[:-1000] + bytes([content[-1000] ^ 1]) + content[-999:])
    elif damage == "truncate":
        text = (folder / "scene.json").read_text()
        (folder / "scene.json").write_text(text[: len(text) // 2])
    elif damage == "truncate model":
        os.truncate(part, len(content) // 2)
    else:
        part.unlink()
    compiled_scene.cache_clear()
    assert compiled_scene(TASK, assets).load_model().nq > 0
    assert compiled_scene(TASK, assets).model_content() == whole
    assert f"the compiled scene {folder} is damaged" in caplog.text


def test_a_broken_entry_that_cannot_be_replaced_is_named(tmp_path, own_scene):
    assets, folder = own_scene
    # a link, such as an administrator makes into a folder of another disk; nothing here removes those
    elsewhere = folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(elsewhere)
    compiled_scene(TASK, assets)
    compiled_scene.cache_clear()
    table = (elsewhere / "scene.json").read_bytes()
    (elsewhere / "scene.json").write_bytes(table[:-1] + b" ")
    with pytest.raises(SceneError, match=r"damaged \(scene.json has other.*cannot be replaced; remove it, or set"):
        compiled_scene(TASK, assets)
    folder.unlink()
    compiled_scene(TASK, assets)


def test_a_changed_asset_gives_another_entry(tmp_path):
    original = resolve_assets("builtin")
    copy = tmp_path / "assets"
    shutil.copytree(original.folder, copy)
    changed = AssetSet("folder-test", copy)
    before = scene_folder(TASK, changed)
    with (copy / "scenes" / "libero_tabletop_base_style.xml").open("a") as file:
        file.write("<!-- changed -->")
    assert scene_folder(TASK, AssetSet("folder-test", copy)) != before


def test_a_task_that_cannot_be_built_says_why(tmp_path):
    copy = tmp_path / "assets"
    shutil.copytree(resolve_assets("builtin").folder, copy)
    shutil.rmtree(copy / "stable_scanned_objects" / "plate")
    with pytest.raises(SceneError, match=r"libero_spatial task 1 .* cannot be built .*plate.xml cannot be read"):
        compiled_scene(TASK, AssetSet("folder-broken", copy))
    assert not list(scene_folder(TASK, AssetSet("folder-broken", copy)).parent.glob("*folder-broken*"))


BUILD = """
from libero_gym.assets import resolve_assets
from libero_gym.scene import compiled_scene
from libero_gym.tasks import load_suite
compiled_scene(load_suite("libero_spatial").tasks[1], resolve_assets("builtin")).load_model()
"""


@pytest.mark.slow
def test_two_processes_may_build_at_once(tmp_path):
    environment = {**os.environ, "LIBERO_GYM_CACHE": str(tmp_path)}
    processes = [subprocess.Popen([sys.executable, "-c", BUILD], env=environment) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert len(list((tmp_path / "scenes").iterdir())) == 1


@pytest.mark.slow
def test_a_killed_build_leaves_nothing_that_breaks_the_next_start(tmp_path):
    environment = {**os.environ, "LIBERO_GYM_CACHE": str(tmp_path)}
    for seconds in (0.6, 1.2, 2.0, 3.0, 4.5):  # a build takes five or more, generating the assets included
        process = subprocess.Popen([sys.executable, "-c", BUILD], env=environment, start_new_session=True)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert subprocess.run([sys.executable, "-c", BUILD], env=environment, check=False).returncode == 0
    assert len(list((tmp_path / "scenes").iterdir())) == 1  # nothing of the killed ones is left
    assert all(len(path.name) == 64 for path in (tmp_path / "parts").iterdir())  # names are whole checksums
    assert len(list((tmp_path / "assets").iterdir())) == 1
