"""MuJoCo's warnings go to the log, and no file appears in the working folder."""

from __future__ import annotations

import os
import subprocess
import sys

#: Throws a simulation off its rails twice, in a worker's thread and in this one.
DIVERGE = """
import sys, threading
import gymnasium, mujoco, numpy as np

if "own" in sys.argv:
    mujoco.set_mju_user_warning(lambda message: print("my own handler:", message[:40]))
env = gymnasium.make("libero_gym:libero/Spatial-v0", task=1, assets="builtin", settle_steps=0, cameras=())
env.reset(seed=0)
libero = env.unwrapped

def diverge():
    state = libero.get_sim_state()
    state[1 + libero.model.nq + 3] = 1e12  # rad/s
    libero.set_sim_state(state)
    assert libero.step(np.zeros(7, np.float32))[3], "a diverged simulation truncates the episode"

thread = threading.Thread(target=diverge)
thread.start()
thread.join()
env.reset(seed=0)
diverge()
"""


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-c", DIVERGE, *arguments],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_diverged_simulation_is_one_line_in_the_log_and_no_file(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "MuJoCo" in line]
    assert len(lines) == 1
    assert lines[0].startswith("MuJoCo: Nan, Inf or huge value in QVEL at DOF 3. The simulation is unstable.")
    assert list(tmp_path.iterdir()) == []


def test_a_handler_of_the_user_is_kept(tmp_path):
    done = run(tmp_path, "own")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["my own handler: Nan, Inf or huge value in QVEL at DOF 3."] * 2
    assert "MuJoCo" not in done.stderr
    assert list(tmp_path.iterdir()) == []
