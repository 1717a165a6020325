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


#: The first reset on a machine where building a scene takes long.
FIRST_RESET = """
import time
import gymnasium
from libero_gym.scene import cache

compile_scene = cache._compile
cache._compile = lambda *arguments: (time.sleep(1.5), compile_scene(*arguments))
gymnasium.make("libero_gym:libero/Spatial-v0", task=1, assets="builtin", cameras=(), settle_steps=1).reset(seed=0)
"""


@pytest.mark.slow
def test_the_first_reset_says_what_it_compiles_and_the_second_is_silent(tmp_path):
    environment = {**os.environ, "LIBERO_GYM_CACHE": str(tmp_path)}
    printed = []
    for _ in range(2):
        command = [sys.executable, "-c", FIRST_RESET]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        printed.append(done.stderr.splitlines())
        assert done.stdout == ""
    assert printed == [["compiling the scene of libero_spatial task 1 with builtin-2 assets (once)"], []]
