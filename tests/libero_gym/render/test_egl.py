"""Which EGL device is opened: EGL's own index, or the GPU that CUDA has under a number."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fake_egl import FakeEgl

from libero_gym.render import egl, gl, probe

#: A node of a cluster: its EGL devices 0 to 3 are the GPUs that CUDA calls 2, 3, 0 and 1; EGL lists five more.
NODE = [2, 3, 0, 1, *[None] * 5]

Open = Callable[..., tuple[ModuleType, FakeEgl]]


@pytest.fixture
def with_devices(monkeypatch: pytest.MonkeyPatch) -> Open:
    """The module, loaded once more and bound to a fake library: it remembers displays as long as it lives."""

    def bound(cuda: list[int | None], **arguments: Any) -> tuple[ModuleType, FakeEgl]:
        library = FakeEgl(cuda, **arguments)
        spec = importlib.util.spec_from_file_location("egl_of_a_node", egl.__file__)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(module, "_load", lambda: library)
        monkeypatch.delenv("MUJOCO_EGL_DEVICE_ID", raising=False)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        return module, library

    return bound


@pytest.mark.parametrize(("number", "index"), [(0, 2), (1, 3), (2, 0), (3, 1)])
def test_a_gpu_of_cuda_is_found_by_what_the_driver_says(with_devices: Open, number: int, index: int) -> None:
    module, library = with_devices(NODE)
    context = module.EglContext(f"cuda:{number}")
    assert library.displays == library.contexts == [index]
    context.make_current()
    module.EglContext(f"cuda:{number}")
    assert library.displays == [index]  # a display is opened once
    assert library.contexts == [index, index]


def test_an_index_stays_egl_s_own(with_devices: Open) -> None:
    module, library = with_devices(NODE)
    module.EglContext(1)
    module.EglContext()  # the first that opens
    assert library.contexts == [1, 0]


def test_each_device_has_its_number(with_devices: Open) -> None:
    module, _ = with_devices(NODE)
    assert module.cuda_numbers() == NODE


def test_all_devices_of_a_node_with_eight_gpus_are_seen(with_devices: Open) -> None:
    # NVIDIA's eight last: Mesa lists the same eight, and its software
    module, library = with_devices([*[None] * 9, *range(8)])
    module.EglContext("cuda:7")
    assert library.contexts == [16]


def test_of_several_with_the_same_number_the_first_that_opens_renders(with_devices: Open) -> None:
    module, library = with_devices([None, 0, 0, 1], closed=[1])
    module.EglContext("cuda:0")
    assert library.contexts == [2]


def test_a_device_without_the_attribute_never_matches(with_devices: Open) -> None:
    module, library = with_devices([None, None])
    with pytest.raises(module.EglError) as caught:
        module.EglContext("cuda:0")
    assert str(caught.value) == (
        "render_device 'cuda:0' has no EGL device (EGL devices: 0 is no CUDA GPU, 1 is no CUDA GPU; "
        "CUDA_VISIBLE_DEVICES is not set)"
    )
    assert type(caught.value) is module.EglError
    assert library.displays == []


def test_a_library_that_cannot_answer_is_no_crash(with_devices: Open) -> None:
    module, library = with_devices([0], query=False)
    with pytest.raises(module.EglError, match=r"'cuda:0' has no EGL device .*0 is no CUDA GPU"):
        module.EglContext("cuda:0")
    module.EglContext(0)
    assert library.contexts == [0]


def test_a_wrong_number_names_what_there_is(with_devices: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    module, _ = with_devices([1, None, 0])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6,7")
    with pytest.raises(module.CudaDeviceError) as caught:
        module.EglContext("cuda:2")
    assert str(caught.value) == (
        "render_device 'cuda:2' has no EGL device (EGL devices: 0 is cuda:1, 1 is no CUDA GPU, 2 is cuda:0; "
        "CUDA_VISIBLE_DEVICES is '6,7')"
    )


def test_a_gpu_that_does_not_open_is_named(with_devices: Open) -> None:
    module, _ = with_devices(NODE, closed=[3])
    with pytest.raises(module.EglError, match="'cuda:1': EGL cannot open its device 3 "):
        module.EglContext("cuda:1")


def test_the_probe_tells_a_wrong_number_from_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(error: type[Exception]) -> int | str | None:
        def make(_device: object) -> None:
            raise error("no such device")

        beside = SimpleNamespace(EglContext=make, EglError=egl.EglError, CudaDeviceError=egl.CudaDeviceError)
        monkeypatch.setitem(sys.modules, "egl", beside)
        with pytest.raises(SystemExit) as caught:
            probe.open_context("egl", "cuda:3")
        return caught.value.code

    assert refuse(egl.CudaDeviceError) == 4
    assert refuse(egl.EglError) == "no such device"


@pytest.mark.skipif(gl.attempt("egl").failure is not None, reason="EGL does not render here")
def test_the_library_that_is_here_is_asked_the_same() -> None:
    numbers = egl.cuda_numbers()
    assert len(numbers) == len(egl._devices())
    assert all(number is None or number >= 0 for number in numbers)
    # and a display opens after devices that have no such attribute
    egl.EglContext(0).free()


def test_threads_that_render_in_software_have_displays_of_their_own() -> None:
    """llvmpipe looks through the scenes of all contexts of a display, also while another thread writes them."""
    try:
        egl._library()
    except egl.EglError as error:
        pytest.skip(f"no EGL: {error}")
    before = dict(egl._contexts)
    contexts: list[egl.EglContext] = []
    all_open = threading.Barrier(4)

    def render() -> str:
        context = gl.open_context("egl")
        contexts.append(context)
        all_open.wait(60)
        context.make_current()
        name = context.renderer_name()
        context.free()
        return name

    with ThreadPoolExecutor(4) as threads:
        names = {future.result() for future in [threads.submit(render) for _ in range(4)]}
    if not all(name.startswith(egl.SOFTWARE) for name in names):
        pytest.skip(f"a GPU renders: {names}")
    # four displays, of which this process may use some already
    most = max(sum(1 for context in contexts if context._display == display) for display in egl._contexts)
    assert most <= 1 + sum(before.values())
    assert {display: count for display, count in egl._contexts.items() if count} == {
        display: count for display, count in before.items() if count
    }


def test_a_display_of_a_gpu_is_shared(with_devices: Open) -> None:
    module, library = with_devices(NODE)
    first, second = module.EglContext(0), module.EglContext(0)
    assert first._display == second._display
    assert library.contexts == [0, 0]
