"""Render worlds' cameras offscreen, as LIBERO's own renderer does, or faster.

A renderer belongs to one thread: its OpenGL context is current there. It serves any number of worlds and models.
"""

from __future__ import annotations

import atexit
import contextlib
import copy
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from libero_gym.engine.shared_model import SharedModel
from libero_gym.engine.world import World
from libero_gym.errors import RenderError
from libero_gym.render.culling import ViewCulling, left_out
from libero_gym.render.geometry import SHOWN_GROUPS, clipping_planes, geom_ids, metres
from libero_gym.render.gl import renderer_name
from libero_gym.render.software import in_software, missed_gpu, open_on, warn

#: "reference" renders what LIBERO does; "fast" decimated meshes, without multisampling, reflections and shadows.
QUALITIES = ("reference", "fast")
#: Observation key -> MuJoCo camera, by the name that `cameras=` takes.
CAMERAS = {"agentview": ("image", "agentview"), "wrist": ("wrist_image", "robot0_eye_in_hand")}
ORIENTATIONS = ("rot180", "upright")

#: As LIBERO's renderer has it.
_MAX_GEOMS = 1000
#: How depth and segmentation are rendered.
_ID_COLOURS = [int(mujoco.mjtRndFlag.mjRND_SEGMENT), int(mujoco.mjtRndFlag.mjRND_IDCOLOR)]


@dataclass
class _Uploaded:
    """What MuJoCo keeps on the GPU for one model, and its list of geometries to render."""

    context: mujoco.MjrContext
    scene: mujoco.MjvScene
    culling: ViewCulling
    size: int
    """Largest image that its buffer holds, pixels."""
    geometry: mujoco.MjvScene | None = None
    """The same as `scene` for depth and segmentation, once they are wanted."""


class Renderer:
    """Offscreen images in one thread; `Renderer.of_thread` returns it, so that a thread makes one context a device."""

    _threads = threading.local()

    def __init__(self, device: int | str | None = None, software_rendering: str = "warn") -> None:
        """
        Args:
            device: index of the EGL device that renders, or "cuda:0"; None for the first that works.
            software_rendering: one of `libero_gym.render.software.SOFTWARE_RENDERING`.

        Raises:
            RenderError: no OpenGL library can render here, or none on the GPU that has to.
        """
        self._gl, reason = open_on(device, software_rendering)
        self._gl.make_current()
        #: What renders, e.g. "NVIDIA H100 80GB HBM3/PCIe/SSE2".
        self.name = renderer_name(self._gl)
        self._missed_gpu = missed_gpu(self.name, reason)
        self._device = device
        # Python may drop a thread's renderer when OpenGL is already shut down, which drivers report noisily.
        self._close_at_exit = weakref.WeakMethod(self.close)
        atexit.register(_close_if_alive, self._close_at_exit)
        self._thread = threading.get_ident()
        #: By the model's `id` and the quality; a finalizer takes them out before another model can have that `id`.
        self._uploads: dict[tuple[int, str], _Uploaded] = {}
        #: Of models that are gone, to be freed in the renderer's own thread.
        self._orphans: deque[_Uploaded] = deque()
        self._busy = False
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = [group in SHOWN_GROUPS for group in range(mujoco.mjNGROUP)]
        self._geoms_only = copy.copy(self._option)
        self._geoms_only.sitegroup[:] = 0
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED

    @classmethod
    def of_thread(cls, device: int | str | None = None, software_rendering: str = "warn") -> Renderer:
        """Return the calling thread's renderer on a device, made at the first call.

        Raises:
            RenderError: no OpenGL library can render here, or none on the GPU that has to.
        """
        renderers = cls.made_in_thread()
        if device not in renderers:
            renderers[device] = cls(device, software_rendering)
        renderer = renderers[device]
        if renderer._missed_gpu is not None and software_rendering != "allow":
            if software_rendering == "error":
                raise RenderError(renderer._missed_gpu)
            warn(renderer._missed_gpu)
        return renderer

    @property
    def description(self) -> str:
        """Its name, and where it leaves a GPU unused that fact."""
        unused = self._missed_gpu is not None and in_software(self.name)
        return f"{self.name}, in software although there is a GPU" if unused else self.name

    @classmethod
    def made_in_thread(cls) -> dict[int | str | None, Renderer]:
        """Return the calling thread's renderers so far, by device."""
        if not hasattr(cls._threads, "renderers"):
            cls._threads.renderers = {}
        renderers: dict[int | str | None, Renderer] = cls._threads.renderers
        return renderers

    def render(self, world: World, camera: str, out: np.ndarray, quality: str = "reference") -> None:
        """Render a view of a world at the moment that observations show, with OpenGL's origin: the bottom row first.

        Args:
            world: the world.
            camera: MuJoCo's name of the camera.
            out: (S, S, 3) uint8, C-contiguous, receives the image.
            quality: one of `QUALITIES`.
        """
        with self._uploaded(world, quality, out.shape[0]) as uploaded:
            self._draw(world, camera, uploaded, uploaded.scene, self._option, out, None)

    def render_geometry(
        self,
        world: World,
        camera: str,
        quality: str = "reference",
        *,
        depth: np.ndarray | None = None,
        segmentation: np.ndarray | None = None,
    ) -> None:
        """Render what is where, at the same moment and with the same origin: see `libero_gym.render.geometry`.

        Args:
            world: the world.
            camera: MuJoCo's name of the camera.
            quality: one of `QUALITIES`; it decides about the meshes' detail.
            depth: (S, S) float32, receives metres; None if it is not wanted.
            segmentation: (S, S) int32, receives geom ids; None if it is not wanted.
        """
        wanted = depth if segmentation is None else segmentation
        assert wanted is not None, "neither depth nor segmentation is wanted"
        size = wanted.shape[0]
        colours = None if segmentation is None else np.empty((size, size, 3), dtype=np.uint8)
        buffer = None if depth is None else np.empty((size, size), dtype=np.float32)
        with self._uploaded(world, quality, size) as uploaded:
            if uploaded.geometry is None:
                uploaded.geometry = mujoco.MjvScene(world.model, _MAX_GEOMS)
                uploaded.geometry.flags[_ID_COLOURS] = 1
            self._draw(world, camera, uploaded, uploaded.geometry, self._geoms_only, colours, buffer)
            if depth is not None and buffer is not None:
                depth[...] = metres(buffer, *clipping_planes(world.model))
            if segmentation is not None and colours is not None:
                segmentation[...] = geom_ids(colours, uploaded.geometry)

    @contextlib.contextmanager
    def _uploaded(self, world: World, quality: str, size: int) -> Iterator[_Uploaded]:
        """Return a context in which a world's model is on the GPU, and stays there."""
        self._busy = True
        try:
            self._gl.make_current()  # another library may have made its own current since
            self._free_orphans()
            yield self._upload_of(world.shared, quality, size)
        finally:
            self._busy = False
            self._free_orphans()

    def _draw(
        self,
        world: World,
        camera: str,
        uploaded: _Uploaded,
        scene: mujoco.MjvScene,
        option: mujoco.MjvOption,
        colours: np.ndarray | None,
        depth: np.ndarray | None,
    ) -> None:
        """Render a scene and read one or both of the buffers, (S, S, 3) uint8 and (S, S) float32."""
        wanted = depth if colours is None else colours
        assert wanted is not None
        # The buffers of all models share one OpenGL context, where the last one made or used is bound.
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, uploaded.context)
        viewport = mujoco.MjrRect(0, 0, wanted.shape[1], wanted.shape[0])
        model, aspect = world.model, viewport.width / viewport.height
        number = self._camera.fixedcamid = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        world.show_indicators()
        with (
            world.observed() as data,
            left_out(model, uploaded.culling.out_of_view(model, data, number, scene, aspect)),
        ):
            mujoco.mjv_updateScene(model, data, option, None, self._camera, mujoco.mjtCatBit.mjCAT_ALL, scene)
        mujoco.mjr_render(viewport, scene, uploaded.context)
        mujoco.mjr_readPixels(colours, depth, viewport, uploaded.context)

    def release(self, shared: SharedModel) -> None:
        """Free what is kept for a model; call it in the renderer's own thread."""
        self._orphan(id(shared))
        self._gl.make_current()
        self._free_orphans()

    def close(self) -> None:
        """Free the models' memory and the context; call it in the renderer's own thread."""
        self._gl.make_current()
        self._orphans.extend(self._uploads.values())
        self._uploads.clear()
        self._free_orphans()
        self._gl.free()
        if self.made_in_thread().get(self._device) is self:
            del self.made_in_thread()[self._device]

    def _upload_of(self, shared: SharedModel, quality: str, size: int) -> _Uploaded:
        key = (id(shared), quality)
        uploaded = self._uploads.get(key)
        if uploaded is None:
            # Whoever drops an environment without close() frees what was kept for it, too.
            weakref.finalize(shared, _model_is_gone, weakref.ref(self), id(shared)).atexit = False
        if uploaded is None or uploaded.size < size:
            if uploaded is not None:
                uploaded.context.free()
            uploaded = self._uploads[key] = _upload(shared.model, quality, size)
        return uploaded

    def _orphan(self, model: int) -> None:
        for key in [key for key in list(self._uploads) if key[0] == model]:
            self._orphans.append(self._uploads.pop(key))

    def _free_orphans(self) -> None:
        while self._orphans:
            self._orphans.popleft().context.free()


def _model_is_gone(renderer: weakref.ref[Renderer], model: int) -> None:
    """Free what a renderer has kept for a model: now in the renderer's own thread, else when it renders next."""
    found = renderer()
    if found is None:
        return
    found._orphan(model)
    if found._thread == threading.get_ident() and not found._busy:
        found._gl.make_current()
        found._free_orphans()


def _close_if_alive(close: weakref.WeakMethod[Callable[[], None]]) -> None:
    method = close()
    if method is not None:
        with contextlib.suppress(Exception):  # a context of another thread may not be ours to free any more
            method()


def _upload(model: mujoco.MjModel, quality: str, size: int) -> _Uploaded:
    samples = model.vis.quality.offsamples
    model.vis.global_.offwidth = model.vis.global_.offheight = size
    model.vis.quality.offsamples = 0 if quality == "fast" else samples
    context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_150)
    model.vis.quality.offsamples = samples
    context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
    scene = mujoco.MjvScene(model, _MAX_GEOMS)
    if quality == "fast":
        scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
    return _Uploaded(context, scene, ViewCulling(model), size)


def depth_key(camera: str) -> str:
    """Return the observation key of a camera's depth."""
    return f"{CAMERAS[camera][0]}_depth"


def segmentation_key(camera: str) -> str:
    """Return the observation key of a camera's segmentation."""
    return f"{CAMERAS[camera][0]}_segmentation"


def orient(raw: np.ndarray, orientation: str) -> np.ndarray:
    """Turn an image (..., H, W, C) with OpenGL's origin to "rot180", as published policies take it, or upright."""
    return raw[..., ::-1, ::-1, :] if orientation == "rot180" else raw[..., ::-1, :, :]
