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
    assert "no_such_backend" in (gl.attempt("no_such_backend").failure or "")


def test_no_library_at_all_names_the_packages(monkeypatch, tmp_path):
    monkeypatch.setenv("LIBERO_GYM_CACHE", str(tmp_path))
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(gl, "attempt", lambda backend, device: gl.Attempt(None, f"{backend} is not there"))
    gl.choose_backend.cache_clear()
    with pytest.raises(RenderError, match=r"egl is not there.*apt-get install libegl1 libgl1 .*libosmesa6"):
        gl.choose_backend()
    gl.choose_backend.cache_clear()


needs_egl = pytest.mark.skipif(gl.attempt("egl").failure is not None, reason="EGL does not draw here")


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


def test_a_gpu_of_cuda_needs_egl_and_leaves_a_way_out(monkeypatch):
    """What names a GPU of CUDA may be rendered elsewhere, as `software_rendering` says; an EGL index may not."""
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    gl.choose_backend.cache_clear()
    with pytest.raises(gl.GpuUnusableError, match="render_device 'cuda:0' needs EGL, and MUJOCO_GL is 'osmesa'"):
        gl.choose_backend("cuda:0")
    with pytest.raises(RenderError) as caught:
        gl.choose_backend(0)
    assert not isinstance(caught.value, gl.GpuUnusableError)


@pytest.mark.parametrize("wrong", [True, False])
def test_a_number_that_cuda_does_not_have_leaves_none(monkeypatch, tmp_path, wrong):
    monkeypatch.setenv("LIBERO_GYM_CACHE", str(tmp_path))
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    outcome = gl.Attempt(None, "render_device 'cuda:5' has no EGL device", wrong_device=wrong)
    monkeypatch.setattr(gl, "attempt", lambda backend, device: outcome)
    gl.choose_backend.cache_clear()
    with pytest.raises(RenderError, match="'cuda:5' has no EGL device") as caught:
        gl.choose_backend("cuda:5")
    assert isinstance(caught.value, gl.GpuUnusableError) is not wrong


def test_what_works_is_remembered_by_what_cuda_shows(monkeypatch, tmp_path):
    """The same name is another GPU in a process that CUDA shows others to."""
    monkeypatch.setenv("LIBERO_GYM_CACHE", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    gl._remember("cuda:0", {"egl": True})
    assert gl._recall("cuda:0") == {"egl": True}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    assert gl._recall("cuda:0") == {}
