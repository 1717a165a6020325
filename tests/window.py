"""A command that opens a window, and a person's keys in it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence


def press_in_window(display: str, command: Sequence[object], keys: Sequence[str]) -> str:
    """Start a command, wait for its window, press keys in it, the last of which closes it; what it printed."""
    environment = {**os.environ, "DISPLAY": display}

    def xdotool(*words):
        done = subprocess.run(["xdotool", *words], env=environment, capture_output=True, text=True, check=False)
        return done.stdout.split()

    process = subprocess.Popen(
        [str(word) for word in command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        deadline = time.monotonic() + 90
        while not (windows := xdotool("search", "--onlyvisible", "--class", ".")):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "no window"
            time.sleep(0.5)
        time.sleep(3)  # it listens a little later than it shows
        for key in keys:
            xdotool("key", "--window", windows[-1], key)
            time.sleep(0.3)
        output = process.communicate(timeout=60)[0]
    finally:
        process.kill()
    assert process.returncode == 0, output
    return output
