"""Where libero_gym writes: shared caches, full disks, homes that cannot be written."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import libero_gym
from libero_gym.cache_folder import cache_folder, publish_folder
from libero_gym.errors import LiberoGymError


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o755), (0o002, 0o775), (0o077, 0o700)])
def test_a_published_folder_has_the_mode_of_the_umask(tmp_path, umask, mode):
    """0o777 & ~0o022 = 0o755: other users of a shared cache can read what one has compiled."""
    before = os.umask(umask)
    try:
        folder = publish_folder(tmp_path / "scene", lambda out: (out / "file").write_text("x") and None)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == mode
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]


def test_what_cannot_be_written_is_one_named_error_and_leaves_nothing(tmp_path):
    def write(out: Path) -> None:
        (out / "half").write_text("x")
        with open("/dev/full", "w") as file:  # a full disk
            file.write("x" * 100_000)

    with pytest.raises(LiberoGymError, match=r"cannot be written \(No space left on device\); set LIBERO_GYM_CACHE"):
        publish_folder(tmp_path / "scene", write)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(LiberoGymError, match="cannot be written"):
        publish_folder(tmp_path / "file" / "scene", write)


def test_a_home_that_cannot_be_written_gives_way_to_a_private_temporary_folder(tmp_path, monkeypatch, caplog):
    from libero_gym import cache_folder as module

    monkeypatch.delenv("LIBERO_GYM_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "libero-gym"  # it can be made, so it is the user's

    (tmp_path / "home").write_text("a file")
    module._temporary_cache.cache_clear()
    folder = cache_folder()
    assert folder == cache_folder() == tmp_path / f"libero-gym-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [record.message for record in caplog.records] == [
        f"the user's cache folder cannot be written; using {folder} (LIBERO_GYM_CACHE names another)"
    ]

    # a folder of that name that others can write is not trusted: they could change the models in it
    folder.chmod(0o777)
    module._temporary_cache.cache_clear()
    other = cache_folder()
    assert other != folder
    assert other.parent == tmp_path
    module._temporary_cache.cache_clear()


READ_ONLY = """
import gymnasium
env = gymnasium.make("libero_gym:libero/Spatial-v0", task=1, assets="builtin", cameras=(), settle_steps=1)
env.reset(seed=0)
env.step(env.action_space.sample())
"""


@pytest.mark.slow
def test_a_read_only_installation_without_a_home_works(tmp_path):
    package = tmp_path / "site" / "libero_gym"
    shutil.copytree(Path(libero_gym.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").write_text("in the way")  # works for root too, whom no mode stops
    (tmp_path / "tmp").mkdir()
    environment = {key: value for key, value in os.environ.items() if key not in ("LIBERO_GYM_CACHE", "XDG_CACHE_HOME")}
    environment |= {"HOME": "/dev/null", "PYTHONPATH": str(package.parent), "TMPDIR": str(tmp_path / "tmp")}
    done = subprocess.run(
        [sys.executable, "-B", "-c", READ_ONLY], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "tmp" / f"libero-gym-{os.getuid()}"
    assert {path.name for path in folder.iterdir()} >= {"assets", "scenes"}
    lines = [line for line in done.stderr.splitlines() if not line.startswith("compiling the scene")]  # slow machines
    assert len(lines) == 1
    assert f"cannot be written; using {folder}" in lines[0]
