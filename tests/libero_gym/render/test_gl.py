"""Choosing an OpenGL library."""

import pytest

from libero_gym.errors import RenderError
from libero_gym.render import gl


def test_a_backend_that_draws_is_chosen_and_remembered(cache_folder):
    gl.choose_backend.cache_clear()
    backend = gl.choose_backend()
    assert backend in gl.BACKENDS
    assert gl._recall() == {backend: True}


def test_an_unknown_library_fails_with_a_line():
    assert "no_such_backend" in (gl.probe("no_such_backend") or "")


def test_no_library_at_all_names_the_packages(monkeypatch, tmp_path):
    monkeypatch.setenv("LIBERO_GYM_CACHE", str(tmp_path))
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(gl, "probe", lambda backend: f"{backend} is not there")
    gl.choose_backend.cache_clear()
    with pytest.raises(RenderError, match=r"egl is not there.*apt-get install libegl1 libgl1 .*libosmesa6"):
        gl.choose_backend()
    gl.choose_backend.cache_clear()
