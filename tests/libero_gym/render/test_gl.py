"""Choosing an OpenGL library."""

import subprocess
import sys
from importlib.util import find_spec

import gymnasium
import numpy as np
import pytest

from libero_gym.errors import RenderError
from libero_gym.render import gl


def test_a_backend_that_renders_is_chosen_and_remembered(cache_folder):
    gl.choose_backend.cache_clear()
    backend = gl.choose_backend()
    assert backend in gl.BACKENDS
    assert gl._recall(None) == {backend: True}


def test_an_unknown_library_fails_with_a_line():
    assert "no_such_backend" in (gl.probe("no_such_backend") or "")


def test_no_library_at_all_names_the_packages(monkeypatch, tmp_path):
    monkeypatch.setenv("LIBERO_GYM_CACHE", str(tmp_path))
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(gl, "probe", lambda backend, device: f"{backend} is not there")
    gl.choose_backend.cache_clear()
    with pytest.raises(RenderError, match=r"egl is not there.*apt-get install libegl1 libgl1 .*libosmesa6"):
        gl.choose_backend()
    gl.choose_backend.cache_clear()


needs_egl = pytest.mark.skipif(gl.probe("egl") is not None, reason="EGL does not draw here")


@needs_egl
def test_a_device_by_its_index_renders_the_same_image():
    frames = []
    for device in (None, 0):
        env = gymnasium.make(
            "libero_gym:libero/Spatial-v0", task=1, assets="builtin", image_size=32, render_device=device
        )
        frames.append(env.reset(seed=0, options={"init_state": 0})[0]["image"])
        env.close()
    assert frames[0].std() > 10
    np.testing.assert_array_equal(frames[0], frames[1])


@needs_egl
def test_a_device_that_is_not_there_is_named():
    env = gymnasium.make("libero_gym:libero/Spatial-v0", task=1, assets="builtin", image_size=32, render_device=99)
    with pytest.raises(RenderError, match=r"render_device 99 of \d+ EGL devices; allowed: 0 to \d"):
        env.reset(seed=0)


def test_a_device_needs_egl(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    gl.choose_backend.cache_clear()
    with pytest.raises(RenderError, match="render_device 0 needs EGL, and MUJOCO_GL is 'osmesa'"):
        gl.choose_backend(0)


TRITON_AFTERWARDS = """
import gymnasium
env = gymnasium.make("libero_gym:libero/Spatial-v0", task=1, assets="builtin", image_size=32)
env.reset(seed=0)
import triton
print(env.step(env.action_space.sample())[0]["image"].std())
"""


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
def test_triton_may_be_imported_after_an_image_was_rendered():
    done = subprocess.run([sys.executable, "-c", TRITON_AFTERWARDS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout) > 10


def test_what_renders_has_a_name():
    backend = gl.choose_backend()
    context = gl.open_context(backend)
    context.make_current()
    name = gl.renderer_name(context)
    context.free()
    assert len(name) > 3
    assert name != "unknown"
    assert gl.attempt(backend).renderer == name


def test_software_beside_a_gpu_is_said_once(tmp_path, caplog):
    gl.warn_of_software("llvmpipe (LLVM 15.0.6, 256 bits)", tmp_path)
    assert not caplog.records  # no GPU here
    (tmp_path / "gpu").mkdir()
    (tmp_path / "gpu" / "nvidia0").touch()
    (tmp_path / "gpu" / "nvidiactl").touch()
    for _ in range(3):
        gl.warn_of_software("llvmpipe (LLVM 15.0.6, 256 bits)", tmp_path / "gpu")
        gl.warn_of_software("NVIDIA H100 80GB HBM3/PCIe/SSE2", tmp_path / "gpu")
    (record,) = caplog.records
    assert "rendered in software (llvmpipe" in record.getMessage()
    assert f"{tmp_path}/gpu/nvidia0" in record.getMessage()
    assert "nvidiactl" not in record.getMessage()
