"""vla-eval (allenai/vla-evaluation-harness), over the workspace's packages: its LIBERO benchmark against our server."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.metadata import Distribution, distribution
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from client_environments import installed, overlay, python

from libero_gym.assets import resolve_assets
from libero_gym.render.gl import choose_backend
from libero_gym.scene.libero_import import libero_folder
from vla_policy import OpenVLAOFTPolicy


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def libero_paths(folder: Path, assets: Path) -> dict[str, str]:
    """Environment variables by which LIBERO finds its own files and the built-in assets, and renders as we do."""
    package = libero_folder()
    paths = {"benchmark_root": package, "bddl_files": package / "bddl_files", "init_states": package / "init_files"}
    paths |= {"datasets": folder, "assets": assets}
    (folder / "config.yaml").write_text("".join(f"{name}: {path}\n" for name, path in paths.items()))
    backend = choose_backend()
    return {"LIBERO_CONFIG_PATH": str(folder), "MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}


def wait_until_ready(port: int, server: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError(f"the server is not ready: {server.communicate(timeout=5)[1] if server.poll() else ''}")


@pytest.mark.slow
def test_its_benchmark_executes_what_our_policy_chooses(tmp_path: Path) -> None:
    env = overlay("vla-eval")
    spaces = gymnasium.make("libero_gym:libero/Spatial-v0", image_size=256, action_chunk=8)
    OpenVLAOFTPolicy.tiny(spaces.observation_space, spaces.action_space, seed=0).save_pretrained(tmp_path / "policy")
    port = free_port()
    command = [sys.executable, "-m", "vla_policy.vla_eval_server", f"--args.path={tmp_path / 'policy'}"]
    command += ["--address", f"127.0.0.1:{port}", "--args.device=cpu", "--args.max_batch_size=2"]
    server = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_until_ready(port, server)
        script = Path(__file__).parent / "inside_vla_eval.py"
        assets = resolve_assets("builtin").folder
        arguments = (f"ws://127.0.0.1:{port}", tmp_path / "seen.npz", assets)
        output = python(script, *arguments, env={**env, **libero_paths(tmp_path, assets)})
        assert output.splitlines()[-1] == "done"
    finally:
        server.terminate()
        server.communicate(timeout=30)
    # the same policy in this process: a chunk of 8 actions for what was seen at steps 0, 8 and 16 of 18
    policy = OpenVLAOFTPolicy.from_pretrained(tmp_path / "policy", value_head=False)
    with np.load(tmp_path / "seen.npz") as stored:
        seen = dict(stored)
    assert seen["instruction"][0] == "pick up the black bowl from table center and place it on the plate"
    assert seen["image"].shape == seen["wrist_image"].shape == (18, 256, 256, 3)
    for step in (0, 8, 16):
        batch = {key: seen[key][step : step + 1] for key in ("image", "wrist_image")}
        batch |= {
            "state": seen["state"][step : step + 1].astype(np.float32),
            "instruction": [str(seen["instruction"][0])],
        }
        expected = policy.predict(batch)[0][: 18 - step]
        np.testing.assert_allclose(seen["actions"][step : step + 8], expected, atol=1e-5)
    assert not np.array_equal(seen["actions"][0], seen["actions"][-1])


def test_its_command_has_the_name_of_vla_trainers() -> None:
    (theirs,) = Distribution.discover(name="vla-eval", path=[str(installed("vla-eval"))])
    ours = {entry.name for entry in distribution("vla-trainer").entry_points if entry.group == "console_scripts"}
    assert {entry.name for entry in theirs.entry_points} & ours == {"vla-eval"}


def test_without_it_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['vla_eval'] = None; import vla_policy.vla_eval_server"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(r'pip install "vla-eval>=0.8"', done.stderr)
