"""Each wheel is built, installed alone into an empty environment, and used there.

They are installed by uv, outside of this workspace and its settings: it links the gigabytes that the workspace's own
environment has from its cache, where pip would unpack them once more for each.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from package_use import USE

REPOSITORY = Path(__file__).parents[2]
UV = shutil.which("uv") or str(REPOSITORY / ".uv" / "bin" / "uv")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[str, Path]:
    """The three wheels."""
    out = tmp_path_factory.mktemp("wheels")
    subprocess.run(
        [UV, "build", "--all-packages", "--wheel", "--out-dir", str(out), "--quiet"], cwd=REPOSITORY, check=True
    )
    return {path.name.split("-")[0]: path for path in out.glob("*.whl")}


@pytest.fixture(scope="module")
def constraints(tmp_path_factory) -> Path:
    """The locked versions of torch and numpy, so that the test installs what the rest of the tests run on."""
    path = tmp_path_factory.mktemp("constraints") / "constraints.txt"
    lock = (REPOSITORY / "uv.lock").read_text()
    torch = re.search(r'name = "torch"\nversion = "([^"+]+)', lock)
    assert torch is not None
    path.write_text(f"torch=={torch.group(1)}\n")
    return path


def install(wheel: Path, folder: Path, constraints: Path, environment: dict[str, str]) -> list[str]:
    """Returns the command that lists what is there."""
    python = str(folder / "bin" / "python")
    check([UV, "venv", "--quiet", "--no-config", "--python", sys.executable, str(folder)], environment)
    pip, where = [UV, "pip"], ["--no-config", "--python", python]
    check([*pip, "install", "--quiet", *where, "--constraint", str(constraints), str(wheel)], environment)
    return [*pip, "list", *where]


def check(command: list[str], environment: dict[str, str]) -> str:
    """What it prints, if it succeeds; outside of the repository."""
    result = subprocess.run(
        command, env=environment, cwd=environment["HERE"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("package", list(USE))
def test_a_wheel_works_alone(package, wheels, constraints, tmp_path):
    folder = tmp_path / "environment"
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"LIBERO_GYM_CACHE": str(tmp_path / "cache"), "HERE": str(tmp_path)}
    listing = install(wheels[package], folder, constraints, environment)
    check([str(folder / "bin" / "python"), "-c", USE[package]], environment)
    others = set(USE) - {package}
    installed = {line.split()[0].replace("-", "_") for line in check(listing, environment).splitlines()[2:]}
    assert package in installed
    assert not installed & others
    if package == "libero_gym":
        # what a plain installation promises in its README
        assert not installed & {"hf_libero", "robosuite", "bddl", "torch", "robomimic", "wandb"}
        assert len(installed) <= 21, sorted(installed)
        size = sum(path.stat().st_size for path in (folder / "lib").rglob("*") if path.is_file())
        assert size < 350e6, f"{size:,} bytes"
