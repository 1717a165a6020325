"""After `pip install "libero-gym[demos]"`, nothing needs a network: commands in a network namespace that has none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from window import press_in_window

REPOSITORY = Path(__file__).parents[2]
UV = shutil.which("uv") or str(REPOSITORY / ".uv" / "bin" / "uv")
#: A user's own namespace, in which this process is root, with no network in it, not even a loopback that is up.
ALONE = ["unshare", "--map-root-user", "--net"]

USE = """
import socket
import gymnasium
import numpy as np

try:
    socket.create_connection(("192.0.2.1", 443), timeout=5)  # an address for documentation, RFC 5737
except OSError as error:
    print(error.strerror)
env = gymnasium.make("libero_gym:libero/Spatial-v0", task=0, image_size=64)
observation, _ = env.reset(seed=0)
assert env.step(env.action_space.sample())[0]["image"].std() > 10, "a blank image"
envs = gymnasium.make_vec(
    "libero_gym:libero/10-v0",
    num_envs=2,
    vectorization_mode="vector_entry_point",
    workers=2,
    worker_kind="process",
    task=[0, 1],
    image_size=64,
)
envs.reset(seed=0)
observations, *_ = envs.step(envs.action_space.sample())
assert all(image.std() > 10 for image in observations["image"]), "a blank image"
envs.close()
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """The folder of programs of an environment that has the wheel and what it declares."""
    if sys.platform != "linux" or subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system gives no network namespaces: unshare --map-root-user --net true")
    folder = tmp_path_factory.mktemp("offline")
    build = [UV, "build", "--quiet", "--package", "libero-gym", "--wheel", "--out-dir", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    subprocess.run([UV, "venv", "--quiet", "--no-config", "--python", sys.executable, str(environment)], check=True)
    python = str(environment / "bin" / "python")
    install = [UV, "pip", "install", "--quiet", "--no-config", "--python", python, f"{wheel}[demos]"]
    subprocess.run(install, cwd=folder, check=True)
    return environment / "bin"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_everything_works_without_a_network(programs, display, tmp_path, monkeypatch):
    for variable in ("PYTHONPATH", "VIRTUAL_ENV", "LIBERO_GYM_ASSETS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LIBERO_GYM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(program: str, *arguments: object) -> str:
        command = [*ALONE, str(programs / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    assert run("python", "-c", USE) == f"{os.strerror(101)}\n"  # ENETUNREACH
    assert "pick up the black bowl between the plate and the ramekin" in run(
        "libero-gym", "tasks", "--suite", "spatial"
    )
    out = tmp_path / "demonstrations"
    run("libero-gym", "demos", "--suite", "spatial", "--task", 3, "--per-task", 1, "--size", 32, "--out", out)
    assert json.loads(run("libero-gym", "demos", "info", out, "--json"))["episodes"] == 1
    checks = json.loads(run("libero-gym", "doctor", "--json"))
    assert checks["ok"] is True
    driven = tmp_path / "driven.npz"
    play = ["play", "--suite", "spatial", "--task", 1, "--record", driven]
    output = press_in_window(display, [*ALONE, programs / "libero-gym", *play], ["Up", "Up", "ctrl+q"])
    assert f"written: {driven}" in output
