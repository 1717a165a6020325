"""What a first use waits for is printed, and nothing where nothing is waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from libero_gym.waiting import waiting_for


def test_only_a_wait_that_lasts_is_logged(caplog):
    with waiting_for("nothing", after=5.0):
        pass
    with waiting_for("compiling", after=0.01):
        time.sleep(0.2)
    assert [(record.levelname, record.message) for record in caplog.records] == [("WARNING", "compiling")]


FIRST_RESET = """
import gymnasium
gymnasium.make("libero_gym:libero/Spatial-v0", task=1, assets="builtin", cameras=(), settle_steps=1).reset(seed=0)
"""


@pytest.mark.slow
def test_the_first_reset_says_what_it_compiles_and_the_second_is_silent(tmp_path):
    environment = {**os.environ, "LIBERO_GYM_CACHE": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    printed = []
    for _ in range(2):
        command = [sys.executable, "-c", FIRST_RESET]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        printed.append([line for line in done.stderr.splitlines() if line.startswith("compiling")])
        assert done.stdout == ""
    scene = "compiling the scene of libero_spatial task 1 with builtin-2 assets (once)"
    # a scene of the built-in assets takes a tenth of a second, which is only announced on a machine that is busy
    assert [line for line in printed[0] if line != scene] == ["compiling the control step (once)"]
    assert scene not in printed[1]
