"""Depth and segmentation against rays through the pixels' centres, which are intersected without OpenGL."""

from __future__ import annotations

import gymnasium
import mujoco
import numpy as np
import pytest
from camera_rays import camera_rays, exact_hits, mujoco_hits

from libero_gym.render.geometry import clipping_planes, geom_ids, metres
from libero_gym.render.renderer import CAMERAS, Renderer

SIZE = 128
RAYS, RAYS_AT_EDGES = 250, 80
#: Suite, task, quality, orientation: tables, a floor with a basket, a study with books; stoves, a cabinet.
SCENES = [
    ("Spatial", 1, "reference", "rot180"),
    ("10", 2, "fast", "upright"),
    ("Object", 3, "reference", "upright"),
    ("90", 75, "fast", "rot180"),
]
#: Geoms whose surface OpenGL renders as it is; MuJoCo makes 28 flat sides of a cylinder.
FLAT = (mujoco.mjtGeom.mjGEOM_PLANE, mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_MESH)


@pytest.fixture(scope="module", params=SCENES, ids=lambda scene: "-".join(map(str, scene)))
def seen(request):
    """An environment whose hand moves, so that the observed moment is not the end of the step; what it observes."""
    suite, task, quality, orientation = request.param
    env = gymnasium.make(
        f"libero_gym:libero/{suite}-v0",
        task=task,
        assets="builtin",
        image_size=SIZE,
        settle_steps=2,
        depth=True,
        segmentation=True,
        render_quality=quality,
        image_orientation=orientation,
    )
    env.reset(seed=0)
    for _ in range(3):
        observation = env.step(np.array([0.3, 0.2, -0.5, 0.1, 0.2, 0.1, 1.0], dtype=np.float32))[0]
    yield env.unwrapped, observation, orientation == "rot180"
    env.close()


class Pixels:
    """Pixels of a camera's depth and segmentation, some of them at silhouettes, and rays through their centres."""

    def __init__(self, seen, camera):
        env, observation, mirrored = seen
        key, name = CAMERAS[camera]
        image = observation[f"{key}_depth"][..., 0].astype(float)
        ids = observation[f"{key}_segmentation"][..., 0]
        rng = np.random.default_rng(5)
        core = ids[1:-1, 1:-1]
        below, right = ids[2:, 1:-1] != core, ids[1:-1, 2:] != core
        edges = rng.permutation(1 + np.argwhere(below | right))[:RAYS_AT_EDGES]
        rows, columns = np.concatenate([rng.integers(1, SIZE - 1, (RAYS, 2)), edges]).T
        self.depth, self.geom = image[rows, columns], ids[rows, columns]
        around = [
            (slice(row - 1, row + 2), slice(column - 1, column + 2)) for row, column in zip(rows, columns, strict=True)
        ]
        self.inner = np.array([(ids[place] == ids[place][1, 1]).all() for place in around])
        self.slope = np.array([np.abs(image[place] - image[place][1, 1]).max() for place in around])
        with env.world.observed() as data:
            rays = camera_rays(env.model, data, name, SIZE, rows, columns, mirrored=mirrored)
            self.exact = exact_hits(env.model, data, *rays)
            self.mujoco = mujoco_hits(env.model, data, *rays)


@pytest.fixture(scope="module", params=CAMERAS)
def pixels(request, seen):
    return Pixels(seen, request.param)


def test_depth_is_the_distance_along_the_optical_axis(seen, pixels):
    model = seen[0].model
    near, _ = clipping_planes(model)
    error = np.abs(pixels.depth - pixels.exact.depth)
    assert np.median(error) < 1e-5
    # The buffer holds b = near / z in 2^-24 at worst, so that z is off by z^2 / near 2^-24: 6 micrometres at 1 m.
    # OpenGL puts vertices onto a grid of 1/256 of a pixel, across which depth changes by 1/256 of a pixel's slope.
    allowed = pixels.exact.depth**2 / near * 2**-24 + pixels.slope / 256
    surfaces = (pixels.geom == pixels.exact.geom) & np.isin(model.geom_type[pixels.geom], FLAT)
    assert surfaces.mean() > 0.9
    assert (error[surfaces] < allowed[surfaces]).all()
    assert error[surfaces & pixels.inner].max() < 1e-4


def test_segmentation_is_what_the_rays_meet(pixels):
    assert len(np.unique(pixels.geom)) > 5
    np.testing.assert_array_equal(pixels.geom[pixels.inner], pixels.exact.geom[pixels.inner])
    # At silhouettes a mean of two ids would be a third one. Only rays that meet an edge itself may be at odds.
    edges = ~pixels.inner
    assert edges.sum() >= RAYS_AT_EDGES
    assert (pixels.geom[edges] == pixels.exact.geom[edges]).mean() > 0.9


def test_mujocos_own_rays_meet_the_same(seen, pixels):
    # `mj_ray` misses triangles of meshes: about 1 of 100 rays goes through the robot's built-in ones.
    same = pixels.mujoco.geom == pixels.geom
    assert same[pixels.inner].mean() > 0.97
    flat = np.isin(seen[0].model.geom_type[pixels.geom], FLAT)
    error = np.abs(pixels.mujoco.depth - pixels.depth)[pixels.inner & same & flat]
    assert np.median(error) < 1e-5
    assert np.quantile(error, 0.97) < 1e-4


def test_an_edge_has_the_depth_of_one_of_its_sides(pixels):
    edges = ~pixels.inner & (pixels.geom == pixels.exact.geom)
    # A mean of both sides would be off by centimetres.
    assert (np.abs(pixels.depth - pixels.exact.depth)[edges] < 1e-3).mean() > 0.9


def test_sites_are_not_seen(seen):
    # The scenes are closed rooms. MuJoCo renders the sites of the gripper into segmentations: a stake between fingers.
    for key, _ in CAMERAS.values():
        assert (seen[1][f"{key}_segmentation"] >= 0).all()


def test_images_are_the_same_to_the_last_bit_beside_depth_and_segmentation():
    for quality in ("reference", "fast"):
        runs = []
        for wanted in (False, True):
            env = gymnasium.make(
                "libero_gym:libero/Spatial-v0",
                task=1,
                assets="builtin",
                image_size=64,
                settle_steps=1,
                render_quality=quality,
                depth=wanted,
                segmentation=wanted,
                camera_parameters=wanted,
            )
            run = [env.reset(seed=4)[0]]
            run += [env.step(np.full(7, 0.4, dtype=np.float32))[0] for _ in range(3)]
            runs.append(run)
            env.close()
        for without, beside in zip(*runs, strict=True):
            assert set(beside) - set(without) == {
                *("image_depth", "wrist_image_depth", "image_segmentation", "wrist_image_segmentation")
            }
            for key, value in without.items():
                np.testing.assert_array_equal(value, beside[key])


def test_only_what_is_wanted_is_written(seen):
    renderer, world = Renderer.of_thread(), seen[0].world
    depth, segmentation = np.empty((32, 32), dtype=np.float32), np.empty((32, 32), dtype=np.int32)
    renderer.render_geometry(world, "agentview", depth=depth, segmentation=segmentation)
    alone, ids_alone = np.empty_like(depth), np.empty_like(segmentation)
    renderer.render_geometry(world, "agentview", depth=alone)
    renderer.render_geometry(world, "agentview", segmentation=ids_alone)
    np.testing.assert_array_equal(alone, depth)
    np.testing.assert_array_equal(ids_alone, segmentation)


def test_depth_of_a_buffers_values():
    # b = near (far - z) / (z (far - near)). With planes at 0.5 and 2: 1 at z = 0.5, 0 at z = 2, and 0.5 x 1 / 1.5 = 1/3
    # at z = 1.
    buffer = np.array([1.0, 0.0, 1 / 3], dtype=np.float32)
    np.testing.assert_allclose(metres(buffer, 0.5, 2.0), [0.5, 2.0, 1.0], rtol=1e-7)


def test_ids_of_more_geoms_than_a_byte_can_count():
    # Geom 0 is in group 3, which is not rendered: geom g is number g - 1 in the scene, and its colour is g.
    hidden, balls = '<geom size="1" group="3"/>', '<geom size="1" group="1"/>' * 600
    model = mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{hidden}{balls}</worldbody></mujoco>")
    data, scene = mujoco.MjData(model), mujoco.MjvScene(model, 1000)
    mujoco.mj_forward(model, data)
    everything = mujoco.mjtCatBit.mjCAT_ALL
    mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, mujoco.MjvCamera(), everything, scene)
    colours = np.array([[0, 0, 0], [1, 0, 0], [255, 0, 0], [0, 1, 0], [88, 2, 0]], dtype=np.uint8)
    np.testing.assert_array_equal(geom_ids(colours, scene), [-1, 1, 255, 256, 600])
