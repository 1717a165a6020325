"""Damaged files of an asset set are found, by manifest and without one."""

import shutil

import pytest

from libero_gym.assets import resolve_assets
from libero_gym.assets.integrity import inspect
from libero_gym.assets.manifest import MANIFEST, content_digest, read_manifest
from libero_gym.errors import AssetError


@pytest.fixture
def copy(tmp_path):
    """A copy of the built-in set, with its manifest."""
    folder = tmp_path / "assets"
    shutil.copytree(resolve_assets("builtin").folder, folder)
    return folder


def of_kind(folder, ending):
    return sorted(folder.rglob(f"*.{ending}"))[0]


def cut(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3].rstrip(b"\n"))


@pytest.mark.parametrize("ending", ["xml", "png", "obj"])
@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_truncated_file_is_found(copy, ending, with_manifest):
    if not with_manifest:
        (copy / MANIFEST).unlink()
    assert inspect(copy).damages == ()
    path = of_kind(copy, ending)
    cut(path)
    inspection = inspect(copy)
    assert inspection.by_manifest is with_manifest
    assert [damage.path for damage in inspection.damages] == [path.relative_to(copy).as_posix()]


def test_a_lost_file_is_found(copy):
    mesh = of_kind(copy, "obj")
    mesh.unlink()
    assert [damage.reason for damage in inspect(copy).damages] == ["missing"]
    (copy / MANIFEST).unlink()
    (damage, *_) = inspect(copy).damages  # now by the XML that names it
    assert damage.reason.endswith(f"{mesh.name}, which is missing")


def test_an_empty_file_is_found(copy):
    (copy / MANIFEST).unlink()
    of_kind(copy, "obj").write_bytes(b"")
    assert [damage.reason for damage in inspect(copy).damages] == ["is empty"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        # One vertex is 3 floats: 16 + 12 bytes are asked for.
        ("a.msh", b"\1\0\0\0" + bytes(12), "has 16 bytes; its own counts ask for 28"),
        ("a.stl", bytes(80) + b"\1\0\0\0" + bytes(49), "has 133 bytes; its own counts ask for 134"),
        ("a.stl", b"solid x\nfacet normal 0 0 1\n", "is a text STL without its end"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n", "has 3 vertices and a face that names number 4"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "has no faces"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nf 1 2", "has a face without three vertices"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3", "ends in the middle of a line"),
        ("a.obj", b"v 0 0 0\nv 1 0\n", "has a vertex without three numbers"),
    ],
)
def test_meshes_that_contradict_themselves(name, data, reason, tmp_path):
    (tmp_path / name).write_bytes(data)
    assert [damage.reason for damage in inspect(tmp_path).damages] == [reason]


def test_whole_meshes_are_whole(tmp_path):
    (tmp_path / "a.msh").write_bytes(b"\1\0\0\0" + bytes(12) + bytes(12))
    (tmp_path / "b.stl").write_bytes(bytes(80) + b"\1\0\0\0" + bytes(50))
    (tmp_path / "c.stl").write_bytes(b"solid x\nfacet normal 0 0 1\nendfacet\nendsolid x\n")
    (tmp_path / "d.obj").write_bytes(b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/1 2/2 3/3\n")
    assert inspect(tmp_path).damages == ()


def test_a_broken_manifest_is_named(copy):
    cut(copy / MANIFEST)
    with pytest.raises(AssetError, match=f"{MANIFEST} is not a manifest"):
        read_manifest(copy)


def test_the_digest_is_that_of_the_contents(copy, tmp_path):
    twin = tmp_path / "twin"
    shutil.copytree(copy, twin, copy_function=shutil.copyfile)  # other times
    assert content_digest(twin) == content_digest(copy)
    (twin / MANIFEST).unlink()  # lies beside the contents
    assert content_digest(twin) == content_digest(copy)
    of_kind(twin, "xml").write_text("<mujoco/>")
    assert content_digest(twin) != content_digest(copy)
