"""Show an environment in MuJoCo's window, in real time.

The window has its own model and data: its buttons can change both, and opening it computes on the data.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np

from libero_gym.env import LiberoEnv
from libero_gym.errors import DisplayError
from libero_gym.options import CONTROL_HZ
from libero_gym.play.keyboard import Keyboard
from libero_gym.recording import Recorder, Recording, Repetition, repeat

_PROBE = """
import sys, glfw
ready = glfw.init()
glfw.window_hint(glfw.VISIBLE, False) if ready else None
sys.exit(0 if ready and glfw.create_window(16, 16, "", None, None) else 3)
"""
_PROBE_SECONDS = 60.0


def check_display() -> None:
    """Check that a window can be opened; MuJoCo's own would wait for ever where it cannot.

    Raises:
        DisplayError: there is no display, or it has no OpenGL.
    """
    advice = "play on a machine with a screen, or write a video of a recorded episode: libero-gym play FILE --out f.mp4"
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise DisplayError(f"there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set); {advice}")
    if sys.platform == "darwin" and not os.environ.get("MJPYTHON_BIN"):
        raise DisplayError(f"on macOS windows need MuJoCo's own Python: mjpython -m libero_gym.cli play ...; {advice}")
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, timeout=_PROBE_SECONDS, check=False, text=True
        )
        errors = [line.partition("GLFWError: ")[2] for line in done.stderr.splitlines() if "GLFWError: " in line]
        reason = (errors or [f"exit status {done.returncode}"])[0]
        opened = done.returncode == 0
    except subprocess.TimeoutExpired:
        opened, reason = False, f"no window within {_PROBE_SECONDS:.0f} s"
    if not opened:
        raise DisplayError(f"a window cannot be opened on DISPLAY={os.environ.get('DISPLAY')} ({reason}); {advice}")


class Window:
    """A window that shows the state of an environment."""

    def __init__(self, env: LiberoEnv, pressed: Callable[[int], None] | None = None) -> None:
        """Open a window for the environment's present task; `pressed` receives the GLFW codes of keys."""
        import mujoco.viewer

        self._env = env
        self._model = copy.copy(env.model)
        self._data = mujoco.MjData(self._model)
        self._copy_state()
        before = set(threading.enumerate())
        self._viewer: Any = mujoco.viewer.launch_passive(
            self._model, self._data, key_callback=pressed, show_left_ui=False, show_right_ui=False
        )
        self._threads = set(threading.enumerate()) - before
        self._viewer.opt.geomgroup[0] = 0  # collision shapes
        camera = self._viewer.cam
        camera.lookat[:] = env.data.body("robot0_base").xpos + np.array([0.5, 0.0, 0.1])
        camera.distance, camera.azimuth, camera.elevation = 1.3, 180.0, -25.0
        self._next = time.perf_counter()

    def is_open(self) -> bool:
        """Return whether the window is still open."""
        return bool(self._viewer.is_running())

    def show(self) -> None:
        """Show the environment's state, and wait until a control step has passed since the last call."""
        with self._viewer.lock():
            self._copy_state()
        self._viewer.sync()
        self._next = max(self._next + 1.0 / CONTROL_HZ, time.perf_counter())
        time.sleep(self._next - time.perf_counter() if self._next > time.perf_counter() else 0.0)

    def _copy_state(self) -> None:
        source, model = self._env.model, self._model
        # Fixture poses and lit burners are in the model.
        model.body_pos[:], model.body_quat[:], model.site_rgba[:] = source.body_pos, source.body_quat, source.site_rgba
        self._data.qpos[:], self._data.qvel[:] = self._env.data.qpos, self._env.data.qvel
        self._data.time = self._env.data.time
        mujoco.mj_forward(model, self._data)

    def close(self) -> None:
        """Close the window and wait for its thread; a process that ends before that crashes."""
        self._viewer.close()
        for thread in self._threads:
            thread.join(timeout=10.0)


def drive(
    env: LiberoEnv,
    keyboard: Keyboard,
    recorder: Recorder,
    report: Callable[[str], None],
    *,
    seed: int,
    init_state: int,
) -> None:
    """Let a person drive until the window is closed.

    Args:
        env: without a time limit.
        keyboard: gives the actions.
        recorder: receives the last attempt.
        report: called with a line at the end of every attempt.
        seed: see `LiberoEnv.reset`.
        init_state: see `LiberoEnv.reset`.
    """

    def begin() -> None:
        _, info = env.reset(seed=seed, options={"init_state": init_state})
        recorder.begin(info)

    begin()
    window = Window(env, keyboard.press)
    over = False
    try:
        while window.is_open():
            if keyboard.take_restart():
                begin()
                over = False
            if not over:
                action = keyboard.action()
                _, _, terminated, truncated, info = env.step(action)
                recorder.add(action, info)
                over = terminated or truncated
                if over:
                    outcome = "success" if terminated else "the simulation diverged"
                    report(f"{outcome} after {len(recorder)} steps ({len(recorder) / CONTROL_HZ:.1f} s); N restarts")
            window.show()
    finally:
        window.close()


def watch(recording: Recording, env: LiberoEnv) -> Repetition:
    """Show a recording in a window, which stays open at the end until it is closed."""
    env.reset(seed=recording.seed, options={"init_state": recording.init_state})
    window = Window(env)

    def show(_: dict[str, object]) -> bool:
        window.show()
        return window.is_open()

    try:
        repetition = repeat(recording, env, show)
        while window.is_open():
            window.show()
    finally:
        window.close()
    return repetition
