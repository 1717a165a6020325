"""`libero-gym assets` with real folders; the download is in tests/libero_gym/assets/test_download.py."""

import json
import shutil
from pathlib import Path

import gymnasium
import pytest

from libero_gym.assets import resolve_assets
from libero_gym.errors import AssetError


@pytest.fixture
def cache(tmp_path):
    """A cache folder for one test, so that what it remembers is forgotten."""
    return str(tmp_path / "cache")


@pytest.fixture(scope="session")
def builtin():
    return resolve_assets("builtin").folder


def status(run, **variables):
    done = run("assets", "status", "--json", **variables)
    return done.returncode, json.loads(done.stdout)


def test_status_generate_verify_and_damage(run, cache):
    code, before = status(run, LIBERO_GYM_CACHE=cache)
    assert (code, before["uses"], before["because"]) == (0, "builtin", "LIBERO's own set is not here")
    assert "libero-gym assets generate" in before["note"]

    assert run("assets", "verify", "builtin", LIBERO_GYM_CACHE=cache).returncode == 2
    assert run("assets", "generate", LIBERO_GYM_CACHE=cache).stdout.startswith("written: ")
    assert "already there" in run("assets", "generate", LIBERO_GYM_CACHE=cache).stdout
    code, after = status(run, LIBERO_GYM_CACHE=cache)
    assert (code, after["damaged"], after["checked_by"]) == (0, [], "checksums of its manifest")
    assert after["name"] == f"builtin-{after['version']}"
    assert "whole" in run("assets", "verify", LIBERO_GYM_CACHE=cache).stdout

    mesh = sorted(Path(cache).rglob("*.obj"))[0]
    mesh.write_bytes(mesh.read_bytes()[:-1] + b"?")  # one byte, the size stays
    broken = run("assets", "verify", LIBERO_GYM_CACHE=cache)
    assert broken.returncode == 1
    assert f"{mesh.name}: has other bytes than the manifest says" in broken.stderr
    assert "1 damaged; fix it: libero-gym assets generate --force" in broken.stdout
    code, damaged = status(run, LIBERO_GYM_CACHE=cache)
    assert code == 1
    assert len(damaged["damaged"]) == 1
    assert run("assets", "generate", "--force", LIBERO_GYM_CACHE=cache).returncode == 0
    assert status(run, LIBERO_GYM_CACHE=cache)[0] == 0


def test_a_set_of_our_own_that_has_changed_does_not_pass_under_its_name(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("LIBERO_GYM_CACHE", str(tmp_path))
    folder = resolve_assets("builtin").folder
    mesh = sorted(folder.rglob("*.obj"))[0]
    original = mesh.read_bytes()
    mesh.write_bytes(original[:-1] + b"?")
    assert resolve_assets("builtin").folder == folder
    assert mesh.read_bytes() == original
    kept = next(path for path in folder.parent.iterdir() if path != folder)
    assert (kept / mesh.relative_to(folder)).read_bytes() == original[:-1] + b"?"  # it may have been on purpose
    assert f"have changed: it is made again, and the changed one kept in {kept}" in caplog.text

    # as a download leaves it: the layout, and a manifest
    official = shutil.copytree(folder, folder.parent / "official")
    assert resolve_assets("official").name == "official"
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


def test_use_is_remembered_and_comes_after_the_variable(run, cache, tmp_path, builtin):
    mine = tmp_path / "mine"
    shutil.copytree(builtin, mine)
    (mine / "scenes" / "note.xml").write_text("<mujoco/>")
    used = run("assets", "use", mine, LIBERO_GYM_CACHE=cache)
    assert used.returncode == 0
    assert f'assets="auto" now means {mine} (folder-' in used.stdout
    _, chosen = status(run, LIBERO_GYM_CACHE=cache)
    assert (chosen["uses"], chosen["because"]) == (str(mine), f"`libero-gym assets use {mine}`")
    _, other = status(run, LIBERO_GYM_CACHE=cache, LIBERO_GYM_ASSETS=str(builtin))
    assert other["uses"] == str(builtin)
    assert "comes first" in run("assets", "use", "builtin", LIBERO_GYM_CACHE=cache, LIBERO_GYM_ASSETS="x").stderr

    run("assets", "use", mine, LIBERO_GYM_CACHE=cache)
    shutil.rmtree(mine)
    lost = run("snapshot", "--suite", "spatial", "--task", 0, "--out", tmp_path / "x.png", LIBERO_GYM_CACHE=cache)
    assert lost.returncode == 2
    assert f"AssetError: `libero-gym assets use {mine}` is not a folder" in lost.stderr

    assert "builtin again" in run("assets", "use", "--reset", LIBERO_GYM_CACHE=cache).stdout
    assert status(run, LIBERO_GYM_CACHE=cache)[1]["uses"] == "builtin"


def test_an_environment_uses_what_is_remembered(cache, tmp_path, builtin, monkeypatch):
    from libero_gym.assets.default import forget, remember

    mine = tmp_path / "mine"
    shutil.copytree(builtin, mine)
    monkeypatch.setenv("LIBERO_GYM_CACHE", cache)
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
        (["verify", "official"], "AssetError: official: not here yet; get it with: libero-gym assets download"),
        (["verify", "/no/such/folder"], "AssetError: assets='/no/such/folder' is not a folder"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(arguments, message, run, cache):
    done = run("assets", *arguments, LIBERO_GYM_CACHE=cache, HOME=cache)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_libero_s_own_set_is_whole(run, official_assets):
    done = run("assets", "verify", official_assets)
    assert done.returncode == 0
    assert "structure of each file (it has no manifest): whole" in done.stdout
