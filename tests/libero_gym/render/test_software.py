"""What follows where images are rendered without the GPU that is there, or that was asked for."""

from __future__ import annotations

import logging
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from libero_gym.errors import OptionError, RenderError
from libero_gym.render import egl, gl, software
from libero_gym.render.renderer import Renderer

ENV = "libero_gym:libero/Spatial-v0"
OPTIONS = {"task": 1, "assets": "builtin", "image_size": 32}
LLVMPIPE, H100 = "llvmpipe (LLVM 15.0.6, 256 bits)", "NVIDIA H100 80GB HBM3/PCIe/SSE2"


def cuda_gpus() -> bool:
    try:
        return any(number is not None for number in egl.cuda_numbers())
    except egl.EglError:
        return False


needs_no_gpu = pytest.mark.skipif(cuda_gpus(), reason="a GPU renders here")


@pytest.fixture(autouse=True)
def no_thread_keeps_a_renderer() -> None:
    for renderer in list(Renderer.made_in_thread().values()):
        renderer.close()
    software.warn.cache_clear()


@pytest.fixture
def gpu(tmp_path: Path) -> Path:
    """Devices of a machine with a GPU."""
    for name in ("nvidia0", "nvidiactl"):
        (tmp_path / name).touch()
    return tmp_path


def test_software_beside_a_gpu_is_a_sentence(tmp_path: Path, gpu: Path) -> None:
    (tmp_path / "none").mkdir()
    assert software.missed_gpu(LLVMPIPE, devices=tmp_path / "none") is None  # no GPU here
    assert software.missed_gpu(H100, devices=gpu) is None
    assert software.missed_gpu(LLVMPIPE, devices=gpu) == (
        f"images are rendered in software ({LLVMPIPE}), although there is a GPU ({gpu}/nvidia0): the driver's EGL "
        "library is missing. In a container set NVIDIA_DRIVER_CAPABILITIES=all; on Debian or Ubuntu: apt-get install "
        "libnvidia-gl-VERSION"
    )


def test_a_device_that_was_asked_for_counts_as_a_gpu(tmp_path: Path) -> None:
    sentence = software.missed_gpu(LLVMPIPE, "render_device 'cuda:0' has no EGL device", tmp_path)
    assert sentence is not None
    assert sentence.startswith(f"images are rendered in software ({LLVMPIPE}), because render_device 'cuda:0' has no")
    sentence = software.missed_gpu("AMD Radeon", "render_device 'cuda:0' has no EGL device", tmp_path)
    assert sentence is not None
    assert sentence.startswith("images are rendered by AMD Radeon, ")


def test_a_sentence_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        software.warn("images are rendered in software")
    assert [record.getMessage() for record in caplog.records] == ["images are rendered in software"]


@needs_no_gpu
def test_a_gpu_that_is_not_there_is_warned_of_once_and_changes_no_image(caplog: pytest.LogCaptureFixture) -> None:
    images = []
    with caplog.at_level(logging.WARNING, "libero_gym"):
        for device in (None, "cuda:0", "cuda:0"):
            env = gymnasium.make(ENV, render_device=device, **OPTIONS)
            images.append(env.reset(seed=0, options={"init_state": 0})[0]["image"])
            env.close()
    np.testing.assert_array_equal(images[0], images[1])
    (record,) = caplog.records
    assert "because render_device 'cuda:0'" in record.getMessage()


@needs_no_gpu
def test_it_may_be_refused(caplog: pytest.LogCaptureFixture) -> None:
    strict = gymnasium.make(ENV, render_device="cuda:0", software_rendering="error", **OPTIONS)
    with pytest.raises(RenderError, match=r"render_device 'cuda:0'.*software_rendering='warn' renders without it"):
        strict.reset(seed=0)
    # also where the thread's renderer was made for an environment that allows it
    lenient = gymnasium.make(ENV, render_device="cuda:0", software_rendering="allow", **OPTIONS)
    lenient.reset(seed=0)
    with pytest.raises(RenderError, match="because render_device 'cuda:0'"):
        strict.reset(seed=0)
    assert not caplog.records
    lenient.close()


@needs_no_gpu
def test_what_it_is_asked_of_the_machine_s_gpus(monkeypatch: pytest.MonkeyPatch, gpu: Path) -> None:
    """Without a device, too: a machine with a GPU whose EGL library is missing."""
    missed = software.missed_gpu
    monkeypatch.setattr("libero_gym.render.renderer.missed_gpu", lambda name, reason: missed(name, reason, gpu))
    env = gymnasium.make(ENV, software_rendering="error", **OPTIONS)
    with pytest.raises(RenderError, match=r"in software \(.*\), although there is a GPU \(.*nvidia0\)"):
        env.reset(seed=0)
    env = gymnasium.make(ENV, software_rendering="allow", **OPTIONS)
    assert env.unwrapped.renderer.endswith(", in software although there is a GPU")
    env.close()


def test_what_renders_has_a_name_before_the_first_image() -> None:
    name = gl.attempt(gl.choose_backend()).renderer
    env = gymnasium.make(ENV, software_rendering="allow", **OPTIONS)
    attribute = env.metadata["renderer_attribute"]
    assert env.get_wrapper_attr(attribute).startswith(name)
    env.close()
    for kind in ("thread", "process"):
        envs = gymnasium.make_vec(
            ENV, num_envs=2, vectorization_mode="vector_entry_point", workers=2, worker_kind=kind, **OPTIONS
        )
        names = envs.get_attr(envs.metadata["renderer_attribute"])
        assert len(names) == 2
        assert all(found.startswith(name) for found in names)
        envs.close()


def test_without_cameras_nothing_renders() -> None:
    env = gymnasium.make(ENV, cameras=[], **OPTIONS)
    assert env.unwrapped.renderer is None
    assert "renderer_attribute" not in env.metadata
    assert not Renderer.made_in_thread()
    env.close()


@pytest.mark.parametrize("device", ["cuda", "cuda:", "cuda:-1", "cuda:1.0", "gpu:0", "0", "cuda:1001", "CUDA:0"])
def test_a_device_is_cuda_s_number_or_egl_s_index(device: str) -> None:
    with pytest.raises(
        OptionError, match=f"render_device '{device}' in libero/Spatial-v0; allowed: \"cuda:N\", an EGL"
    ):
        gymnasium.make(ENV, render_device=device, **OPTIONS)


def test_what_software_rendering_may_be() -> None:
    with pytest.raises(OptionError, match=r"software_rendering 'never'.*allowed: warn, error, allow"):
        gymnasium.make(ENV, software_rendering="never", **OPTIONS)
