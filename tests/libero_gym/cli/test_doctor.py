"""`libero-gym doctor` on installations that are broken for real, and on a whole one."""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from libero_gym.assets import resolve_assets
from libero_gym.assets.manifest import MANIFEST


@pytest.fixture(scope="module")
def examine(run, start):
    """Run it and give its exit code, and its results by check; `anew` where its own process shall see the variables."""

    def examined(anew=False, **variables):
        done = (start if anew else run)("doctor", "--json", **variables)
        assert "Traceback" not in done.stderr
        tree = json.loads(done.stdout)
        assert tree["findings"] == tree["checks"]  # the old name
        assert tree["ok"] is (done.returncode == 0)
        failed = [result for result in tree["checks"] if result["status"] == "failed"]
        assert all(result["fix"] for result in failed)
        assert all(result["mend"] == result["fix"] for result in tree["checks"])  # the old name
        return done.returncode, {result["check"]: result for result in tree["checks"]}

    return examined


@pytest.fixture(scope="module")
def builtin():
    return resolve_assets("builtin").folder


@pytest.fixture(scope="module")
def bundle(run, tmp_path_factory):
    """An asset set of a single scene, for what is not about scenes."""
    folder = tmp_path_factory.mktemp("bundle") / "scenes"
    done = run("bundle", "--suite", "spatial", "--task", 0, "--assets", "builtin", "--out", folder)
    assert done.returncode == 0, done.stderr
    return str(folder)


@pytest.mark.slow
def test_here_all_is_well(start):
    done = start("doctor")
    assert done.returncode == 0, done.stdout
    assert "all is well (" in done.stdout
    assert "failed" not in done.stdout
    assert "libero_spatial 0" in done.stdout


@pytest.mark.slow
def test_five_tasks_of_libero_s_own_assets_settle_and_look_as_recorded(examine, official_assets):
    code, found = examine(LIBERO_GYM_ASSETS="official")
    assert code == 0
    assert "585 files, 422 MB, whole by checksums" in found["assets"]["found"]
    assert found["settling"]["status"] == found["images"]["status"] == "ok"
    for suite in ("spatial", "object", "goal", "10", "90"):
        assert f"libero_{suite} 0" in found["settling"]["found"]


def test_no_opengl_library(examine, bundle, tmp_path):
    """Empty files of the libraries' names, in the place that the loader looks in first."""
    for name in ("libEGL.so", "libEGL.so.1", "libOSMesa.so", "libOSMesa.so.6", "libOSMesa.so.8"):
        (tmp_path / name).touch()
    code, found = examine(anew=True, LD_LIBRARY_PATH=str(tmp_path), LIBERO_GYM_ASSETS=bundle)
    assert code == 1
    for backend, package in (("egl", "libegl1"), ("osmesa", "libosmesa6")):
        result = found[f"opengl {backend}"]
        assert result["status"] == "failed"
        assert "its library is not there or cannot be loaded" in result["found"]
        assert f"apt-get install {package}" in result["fix"]
    assert found["settling"]["status"] == "ok"  # physics needs none
    assert found["images"]["status"] == "skipped"


def test_the_library_that_mujoco_gl_asks_for_is_missing(examine, bundle, tmp_path):
    for name in ("libOSMesa.so", "libOSMesa.so.6", "libOSMesa.so.8"):
        (tmp_path / name).touch()
    variables = {"LD_LIBRARY_PATH": str(tmp_path), "LIBERO_GYM_ASSETS": bundle}
    code, found = examine(anew=True, MUJOCO_GL="osmesa", **variables)
    if found["opengl egl"]["status"] != "ok":
        pytest.skip("this machine has no EGL that is to be found beside the missing OSMesa")
    assert code == 1
    assert found["mujoco"]["status"] == "ok"  # its import fails with this variable, which is no fault of its own
    assert found["opengl osmesa"]["fix"].startswith("unset MUJOCO_GL, which asks for osmesa; or ")
    code, found = examine(anew=True, MUJOCO_GL=None, **variables)
    assert code == 0
    assert found["opengl osmesa"]["status"] == "note"


def test_another_mujoco(examine, tmp_path):
    """A package folder that Python finds first, with the metadata of another version."""
    metadata = tmp_path / "mujoco-3.4.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mujoco\nVersion: 3.4.0\n")
    code, found = examine(anew=True, PYTHONPATH=str(tmp_path))
    assert code == 1
    assert found["mujoco"]["found"].startswith("3.4.0; allowed: >=3.3.0,<3.3.3, because 3.3.3 renders the floor darker")
    assert found["mujoco"]["fix"] == 'pip install "mujoco>=3.3.0,<3.3.3"'
    assert found["settling"]["status"] == "skipped"


def test_a_mujoco_whose_library_is_of_another_version_than_its_package(examine, tmp_path):
    """The real package, with metadata that claims a version beside it."""
    metadata = tmp_path / "mujoco-3.3.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mujoco\nVersion: 3.3.1\n")
    code, found = examine(anew=True, PYTHONPATH=str(tmp_path))
    assert code == 1
    assert "the package says 3.3.1" in found["mujoco"]["found"]


def test_a_mujoco_that_cannot_be_imported(examine, tmp_path):
    """The real package with its library cut short."""
    real = Path(sysconfig.get_path("purelib")) / "mujoco"
    broken = tmp_path / "mujoco"
    broken.mkdir()
    for path in real.glob("*.py"):
        shutil.copy(path, broken)
    for path in [*real.glob("*.so*"), *real.glob("*.dylib")]:
        (broken / path.name).write_bytes(path.read_bytes()[:1000])
    code, found = examine(anew=True, PYTHONPATH=str(tmp_path))
    assert code == 1
    assert "cannot be imported" in found["mujoco"]["found"]


@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_truncated_asset_file(examine, tmp_path, builtin, with_manifest):
    copy = tmp_path / "assets"
    shutil.copytree(builtin, copy)
    if not with_manifest:
        (copy / MANIFEST).unlink()
    image = sorted(copy.rglob("*.png"))[0]
    image.write_bytes(image.read_bytes()[:500])
    code, found = examine(LIBERO_GYM_ASSETS=str(copy))
    assert code == 1
    assert image.relative_to(copy).as_posix() in found["assets"]["found"]
    assert found["settling"]["status"] == "skipped"


def test_a_folder_of_another_layout(examine, tmp_path):
    (tmp_path / "scenes").mkdir()
    code, found = examine(LIBERO_GYM_ASSETS=str(tmp_path))
    assert code == 1
    problem = found["assets"]["found"]
    assert problem.startswith(
        f"LIBERO_GYM_ASSETS={str(tmp_path)!r} is not laid out as LIBERO's assets: it lacks articul"
    )
    assert "unset LIBERO_GYM_ASSETS" in found["assets"]["fix"]


def test_a_remembered_folder_that_is_gone(run, examine, tmp_path, builtin):
    cache = str(tmp_path / "cache")
    shutil.copytree(builtin, tmp_path / "assets")
    assert run("assets", "use", tmp_path / "assets", LIBERO_GYM_CACHE=cache).returncode == 0
    shutil.rmtree(tmp_path / "assets")
    code, found = examine(LIBERO_GYM_CACHE=cache, LIBERO_GYM_ASSETS=None)
    assert code == 1
    assert "libero-gym assets use --reset" in found["assets"]["fix"]


def test_a_cache_that_cannot_be_written(examine, tmp_path):
    """A file in the folder's place, and a folder where nobody may make one, not even root."""
    (tmp_path / "file").write_text("here")
    code, found = examine(LIBERO_GYM_CACHE=str(tmp_path / "file"))
    assert code == 1
    assert found["cache"]["found"] == f"{tmp_path / 'file'} is a file, not a folder"
    assert "set LIBERO_GYM_CACHE" in found["cache"]["fix"]
    if sys.platform == "linux":
        code, found = examine(LIBERO_GYM_CACHE="/proc/cache")
        assert code == 1
        assert found["cache"]["found"].startswith("/proc/cache cannot be written (")


def test_a_bad_command_line_is_2(run):
    assert run("doctor", "--jsn").returncode == 2
