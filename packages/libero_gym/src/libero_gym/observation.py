"""What a policy sees of an episode, at the moment that `libero_gym.engine.observed` states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from libero_gym.engine import privileged
from libero_gym.engine.world import World
from libero_gym.episode import Episode
from libero_gym.options import EnvOptions
from libero_gym.render.renderer import CAMERAS, Renderer, depth_key, orient, segmentation_key
from libero_gym.spaces import STATE_SIZE

#: Images for people, from `render()`: height and width in pixels, never less than the observation's.
RENDER_SIZE = 256


def empty_arrays(options: EnvOptions) -> dict[str, np.ndarray]:
    """Make the arrays of an observation of `spaces.observation_space`, not filled yet."""
    size = options.image_size
    arrays: dict[str, np.ndarray] = {
        CAMERAS[camera][0]: np.empty((size, size, 3), dtype=np.uint8) for camera in options.cameras
    }
    if options.depth:
        arrays |= {depth_key(camera): np.empty((size, size, 1), dtype=np.float32) for camera in options.cameras}
    if options.segmentation:
        arrays |= {segmentation_key(camera): np.empty((size, size, 1), dtype=np.int32) for camera in options.cameras}
    arrays["state"] = np.empty(STATE_SIZE, dtype=np.float32)
    if options.privileged:
        arrays["privileged_state"] = np.empty(privileged.SIZE, dtype=np.float32)
    return arrays


def observe(episode: Episode, options: EnvOptions, out: Mapping[str, np.ndarray] | None = None) -> dict[str, Any]:
    """Return the observation of `spaces.observation_space`, rendered with the calling thread's renderer.

    The first observation of a settled scene is rendered once and copied afterwards.

    Args:
        episode: whose world is looked at.
        options: cameras, size, orientation, quality.
        out: arrays that receive the observation's arrays, as `empty_arrays` gives them; None for new ones.
    """
    settled = episode.settled if episode.elapsed_steps == 0 else None
    arrays = dict(empty_arrays(options) if out is None else out)
    if settled is not None and settled.arrays is not None:
        for key, array in arrays.items():
            array[...] = settled.arrays[key]
    else:
        for camera in options.cameras:
            image = arrays[CAMERAS[camera][0]]
            render_view(episode.world, camera, options, options.image_orientation, image)
            if episode.shift.noise is not None:
                number = list(CAMERAS).index(camera)
                episode.shift.noise.spoil(image, number, episode.seed, episode.elapsed_steps)
            if options.depth or options.segmentation:
                depth, segmentation = arrays.get(depth_key(camera)), arrays.get(segmentation_key(camera))
                _render_geometry(episode.world, camera, options, depth, segmentation)
        arrays["state"][...] = episode.world.proprioception()
        if options.privileged:
            episode.read_privileged(arrays["privileged_state"])
        if settled is not None:
            settled.arrays = {key: array.copy() for key, array in arrays.items()}
    return with_instruction(arrays, episode, options)


def with_instruction(arrays: Mapping[str, np.ndarray], episode: Episode, options: EnvOptions) -> dict[str, Any]:
    """Return an observation of these arrays, with the task's sentence unless it is left out."""
    return {**arrays, "instruction": episode.instruction} if options.instruction else dict(arrays)


def renderer_of(options: EnvOptions) -> Renderer:
    """Return what renders in the calling thread, made at the first call.

    Raises:
        RenderError: no OpenGL library can render here, or none on the GPU that has to.
    """
    return Renderer.of_thread(options.render_device, options.software_rendering)


def render_view(world: World, camera: str, options: EnvOptions, orientation: str, out: np.ndarray) -> None:
    """Render one camera's view into `out`, (S, S, 3) uint8.

    Raises:
        RenderError: no OpenGL library can render here, or none on the GPU that has to.
    """
    raw = np.empty(out.shape, dtype=np.uint8)
    renderer_of(options).render(world, CAMERAS[camera][1], raw, options.render_quality)
    out[...] = orient(raw, orientation)


def _render_geometry(
    world: World, camera: str, options: EnvOptions, depth: np.ndarray | None, segmentation: np.ndarray | None
) -> None:
    """Render one camera's depth and segmentation into arrays (S, S, 1), as far as they are given."""
    shape = (options.image_size, options.image_size)
    raw_depth = None if depth is None else np.empty(shape, dtype=np.float32)
    raw_segmentation = None if segmentation is None else np.empty(shape, dtype=np.int32)
    renderer_of(options).render_geometry(
        world, CAMERAS[camera][1], options.render_quality, depth=raw_depth, segmentation=raw_segmentation
    )
    for out, raw in ((depth, raw_depth), (segmentation, raw_segmentation)):
        if out is not None and raw is not None:
            out[...] = orient(raw[..., None], options.image_orientation)
