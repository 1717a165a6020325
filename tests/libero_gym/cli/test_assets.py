"""`libero-gym assets` with real folders; the download is in tests/libero_gym/assets/test_download.py."""

import json
import shutil
from pathlib import Path

import gymnasium
import pytest

from libero_gym.assets import resolve_assets
from libero_gym.assets.manifest import content_digest
from libero_gym.errors import AssetError


@pytest.fixture
def cache(tmp_path):
    """A cache folder for one test, so that what it remembers is forgotten."""
    return str(tmp_path / "cache")


@pytest.fixture
def alone(run, cache, not_installed):
    """Run a command where LIBERO's own set is not installed, nothing is remembered and no variable names a set."""

    def run_alone(*arguments, **variables):
        nothing = {"LIBERO_GYM_CACHE": cache, "LIBERO_GYM_ASSETS": None, "PYTHONPATH": not_installed, "HOME": cache}
        return run(*arguments, **{**nothing, **variables})

    return run_alone


@pytest.fixture(scope="session")
def builtin():
    return resolve_assets("builtin").folder


def status(run, **variables):
    done = run("assets", "status", "--json", **variables)
    return done.returncode, json.loads(done.stdout)


def test_status_generate_verify_and_damage(alone, cache):
    code, before = status(alone)
    assert (code, before["uses"], before["because"]) == (0, "builtin", "LIBERO's own set is not here")
    assert "libero-gym assets generate" in before["note"]

    assert alone("assets", "verify", "builtin").returncode == 2
    assert alone("assets", "generate").stdout.startswith("written: ")
    assert "already there" in alone("assets", "generate").stdout
    code, after = status(alone)
    assert (code, after["damaged"], after["checked_by"]) == (0, [], "checksums of its manifest")
    assert after["name"] == f"builtin-{after['version']}"
    assert "whole" in alone("assets", "verify").stdout

    mesh = sorted(Path(cache).rglob("*.obj"))[0]
    mesh.write_bytes(mesh.read_bytes()[:-1] + b"?")  # one byte, the size stays
    broken = alone("assets", "verify")
    assert broken.returncode == 1
    assert f"{mesh.name}: has other bytes than the manifest says" in broken.stderr
    assert "1 damaged; fix it: libero-gym assets generate --force" in broken.stdout
    code, damaged = status(alone)
    assert code == 1
    assert len(damaged["damaged"]) == 1
    assert alone("assets", "generate", "--force").returncode == 0
    assert status(alone)[0] == 0


def test_a_set_of_our_own_that_has_changed_does_not_pass_under_its_name(tmp_path, monkeypatch, caplog, not_installed):
    monkeypatch.setenv("LIBERO_GYM_CACHE", str(tmp_path))
    monkeypatch.syspath_prepend(not_installed)
    folder = resolve_assets("builtin").folder
    mesh = sorted(folder.rglob("*.obj"))[0]
    original = mesh.read_bytes()
    mesh.write_bytes(original[:-1] + b"?")
    assert resolve_assets("builtin").folder == folder
    assert mesh.read_bytes() == original
    kept = next(path for path in folder.parent.iterdir() if path != folder)
    assert (kept / mesh.relative_to(folder)).read_bytes() == original[:-1] + b"?"  # it may have been on purpose
    assert f"have changed: it is made again, and the changed one kept in {kept}" in caplog.text

    # as a download leaves it: the layout, and a manifest; but the bytes are not LIBERO's
    official = shutil.copytree(folder, folder.parent / "official")
    assert resolve_assets("official").name == f"hub-{content_digest(official)[:12]}"
    assert "is not that of LIBERO's repository" in caplog.text
    (official / mesh.relative_to(folder)).write_bytes(original[:-1] + b"?")
    with pytest.raises(AssetError, match=r"official asset set in .* have changed since.*assets download --force"):
        resolve_assets("official")
    assert resolve_assets(official).name.startswith("folder-")


def test_generate_into_a_folder_of_one_s_own(run, cache, tmp_path, builtin):
    out = tmp_path / "mine"
    assert run("assets", "generate", "--out", out, LIBERO_GYM_CACHE=cache).returncode == 0
    names = {path.relative_to(out) for path in out.rglob("*")}
    assert names == {path.relative_to(builtin) for path in builtin.rglob("*")}
    again = run("assets", "generate", "--out", out, LIBERO_GYM_CACHE=cache)
    assert again.returncode == 2
    assert again.stderr.startswith(f"OptionError: --out {out} exists and is not an empty folder")


def test_use_is_remembered_and_comes_after_the_variable(alone, cache, tmp_path, builtin):
    mine = tmp_path / "mine"
    shutil.copytree(builtin, mine)
    (mine / "scenes" / "note.xml").write_text("<mujoco/>")
    used = alone("assets", "use", mine)
    assert used.returncode == 0
    assert f'assets="auto" now means {mine} (folder-' in used.stdout
    _, chosen = status(alone)
    assert (chosen["uses"], chosen["because"]) == (str(mine), f"`libero-gym assets use {mine}`")
    _, other = status(alone, LIBERO_GYM_ASSETS=str(builtin))
    assert other["uses"] == str(builtin)
    assert "comes first" in alone("assets", "use", "builtin", LIBERO_GYM_ASSETS="x").stderr

    alone("assets", "use", mine)
    shutil.rmtree(mine)
    lost = alone("snapshot", "--suite", "spatial", "--task", 0, "--out", tmp_path / "x.png")
    assert lost.returncode == 2
    assert f"AssetError: `libero-gym assets use {mine}` is not a folder" in lost.stderr

    assert "builtin again" in alone("assets", "use", "--reset").stdout
    assert status(alone)[1]["uses"] == "builtin"


def test_an_environment_uses_what_is_remembered(cache, tmp_path, builtin, monkeypatch, not_installed):
    from libero_gym.assets.default import forget, remember

    mine = tmp_path / "mine"
    shutil.copytree(builtin, mine)
    monkeypatch.setenv("LIBERO_GYM_CACHE", cache)
    monkeypatch.delenv("LIBERO_GYM_ASSETS")
    monkeypatch.syspath_prepend(not_installed)
    remember(str(mine))
    env = gymnasium.make("libero_gym:libero/Spatial-v0", task=0, cameras=())
    assert env.metadata["assets"].startswith("folder-")
    forget()
    assert gymnasium.make("libero_gym:libero/Spatial-v0", task=0, cameras=()).metadata["assets"].startswith("builtin-")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["use", "offical"], "AssetError: unknown asset set 'offical' (did you mean 'official'?)"),
        (["use", "/no/such/folder"], "AssetError: assets='/no/such/folder' is not a folder"),
        (["use"], "OptionError: name one of FOLDER, official, builtin, auto, or --reset alone"),
        (["use", "builtin", "--reset"], "OptionError: name one of"),
        (
            ["verify", "official"],
            "AssetError: official: not here yet; get it with: pip install 'libero-gym[official]', or",
        ),
        (["verify", "/no/such/folder"], "AssetError: assets='/no/such/folder' is not a folder"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(arguments, message, alone):
    done = alone("assets", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_libero_s_own_set_is_whole(run, official_assets):
    done = run("assets", "verify", official_assets)
    assert done.returncode == 0
    assert "585 files, 422.3 MB, checksums of its manifest: whole" in done.stdout
