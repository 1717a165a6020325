"""scripts/test_versions.py: what it installs is what the packages declare, and its exit status."""

import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(REPOSITORY / "scripts" / "test_versions.py"))
PACKAGES = SCRIPT["PACKAGES"]


def project(package: str) -> dict[str, Any]:
    return dict(tomllib.loads((REPOSITORY / "packages" / package / "pyproject.toml").read_text())["project"])


@pytest.mark.parametrize("package", PACKAGES)
def test_it_knows_what_the_package_is(package: str) -> None:
    chosen, declared = PACKAGES[package], project(package)
    extras = declared["optional-dependencies"]
    # LIBERO's own assets are 1.7 GB, Stable-Baselines3 and TorchRL bring torch
    left_out = {"official", "robosuite", "sb3", "torchrl"}
    assert {*chosen.extras.split(","), *left_out} == {*extras, *left_out}
    lines = [*declared["dependencies"], *(line for extra in chosen.extras.split(",") for line in extras[extra])]
    assert [name for name in chosen.shown if not any(line.startswith(f"{name}>") for line in lines)] == []
    assert set(extras.get("robosuite", ())) <= set(chosen.oracle)
    folder = REPOSITORY / "tests" / package
    assert [path for path in (*chosen.tests, *chosen.left_out) if not (folder / path).exists()] == []


def test_each_lower_bound_is_named() -> None:
    # a dependency without one would be installed in its first version
    for package in PACKAGES:
        declared = project(package)
        lines = [
            *declared["dependencies"],
            *(line for extra in declared["optional-dependencies"].values() for line in extra),
        ]
        assert [line for line in lines if ">=" not in line and "==" not in line] == []


def test_what_fails_gives_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--python", "/no/python", "--package", "vla_policy", "--resolution", "highest"]
    assert SCRIPT["main"](arguments) == 1
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["Python", "resolution", "package", "result", "versions"]
    assert row.startswith("/no/python  highest     vla_policy  failed")


def test_continuous_integration_runs_it_on_the_lowest_versions() -> None:
    jobs = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text())["jobs"]
    assert {"run": "make lowest"} in jobs["lowest"]["steps"]


@pytest.mark.slow
def test_every_dependency_has_a_wheel_for_both_processors(capsys: pytest.CaptureFixture[str]) -> None:
    uv = shutil.which("uv") or str(REPOSITORY / ".uv" / "bin" / "uv")
    ask = [uv, "pip", "compile", "--quiet", "--no-config", "--no-cache", "-"]
    asked = subprocess.run(ask, input="tabulate\n", capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip(f"the package index cannot be reached: {asked.stderr.strip()}")
    assert SCRIPT["main"](["--wheels", "--resolution", "highest"]) == 0, capsys.readouterr()
