"""Intrinsics and extrinsics against points of the scene whose place is known."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from camera_rays import camera_rays

from libero_gym.render.renderer import CAMERAS, ORIENTATIONS

SIZE = 96


def project(parameters, points):
    """Columns, rows and depths (n,) of world points (n, 3)."""
    homogeneous = np.c_[points, np.ones(len(points))]
    camera = (np.linalg.inv(parameters["extrinsics"]) @ homogeneous.T)[:3]
    u, v, _ = parameters["intrinsics"] @ (camera / camera[2])
    return u, v, camera[2]


def unproject(parameters, depth):
    """World points (H, W, 3) of a depth image (H, W)."""
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]]
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
    camera = pixels @ np.linalg.inv(parameters["intrinsics"]).T * depth[..., None]
    return camera @ parameters["extrinsics"][:3, :3].T + parameters["extrinsics"][:3, 3]


@pytest.fixture(scope="module", params=ORIENTATIONS)
def moved(request):
    """An environment in motion, what it returned last, and which orientation its images have."""
    env = gymnasium.make(
        "libero_gym:libero/Spatial-v0",
        task=1,
        assets="builtin",
        image_size=SIZE,
        settle_steps=2,
        depth=True,
        segmentation=True,
        camera_parameters=True,
        image_orientation=request.param,
    )
    env.reset(seed=0)
    for _ in range(4):
        observation, _, _, _, info = env.step(np.array([0.5, 0.4, -0.6, 0.2, 0.1, 0.3, -1], dtype=np.float32))
    yield env.unwrapped, observation, info["camera_parameters"], request.param
    env.close()


def test_extrinsics_are_rigid_and_only_mirrored_images_have_a_negative_focal_length(moved):
    for parameters in moved[2].values():
        assert parameters["intrinsics"].shape == (3, 3)
        assert parameters["extrinsics"].shape == (4, 4)
        assert parameters["intrinsics"].dtype == parameters["extrinsics"].dtype == np.float64
        rotation = parameters["extrinsics"][:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
        np.testing.assert_array_equal(parameters["extrinsics"][3], [0, 0, 0, 1])
        assert (parameters["intrinsics"][0, 0] < 0) == (moved[3] == "rot180")


def test_focal_length_is_that_of_the_cameras_angle(moved):
    # agentview has 45 degrees: half the height is seen under 22.5, at f = (96 / 2) / tan(22.5) = 115.882 pixels.
    intrinsics = moved[2]["agentview"]["intrinsics"]
    assert intrinsics[1, 1] == pytest.approx(115.882, abs=1e-3)
    # Pixels 0 to 95 have their middle at 47.5.
    np.testing.assert_array_equal(intrinsics[:2, 2], [47.5, 47.5])


@pytest.mark.parametrize("camera", CAMERAS)
def test_depth_becomes_the_points_that_rays_meet(moved, camera):
    env, observation, parameters, orientation = moved
    key, name = CAMERAS[camera]
    depth = observation[f"{key}_depth"][..., 0]
    rows, columns = (index.reshape(-1) for index in np.mgrid[:SIZE:7, :SIZE:7])
    with env.world.observed() as data:
        centre, directions = camera_rays(env.model, data, name, SIZE, rows, columns, mirrored=orientation == "rot180")
    expected = centre + directions * depth[rows, columns][:, None]
    np.testing.assert_allclose(unproject(parameters[camera], depth)[rows, columns], expected, atol=1e-6)


@pytest.mark.parametrize("camera", CAMERAS)
def test_vertices_of_objects_are_seen_where_they_project(moved, camera):
    env, observation, parameters, _ = moved
    depth = observation[f"{CAMERAS[camera][0]}_depth"][..., 0]
    ids = observation[f"{CAMERAS[camera][0]}_segmentation"][..., 0]
    seen, on_geom, model = 0, 0, env.model
    for geom in (number for number, name in env.segmentation_names().items() if "_1/" in name or "_2/" in name):
        mesh = model.geom_dataid[geom]
        vertices = model.mesh_vert[model.mesh_vertadr[mesh] :][: model.mesh_vertnum[mesh]].astype(float)
        with env.world.observed() as data:
            points = vertices @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom]
        u, v, z = project(parameters[camera], points)
        columns, rows = np.rint(u).astype(int), np.rint(v).astype(int)
        inside = (z > 0) & (columns >= 1) & (columns < SIZE - 1) & (rows >= 1) & (rows < SIZE - 1)
        for row, column, distance in zip(rows[inside], columns[inside], z[inside], strict=True):
            # As far away as what is seen there or next to it: not hidden by anything.
            if np.abs(depth[row - 1 : row + 2, column - 1 : column + 2] - distance).min() < 1e-3:
                seen += 1
                on_geom += geom in ids[row - 1 : row + 2, column - 1 : column + 2]
    assert seen > 500
    # The others lie behind something that is as near, such as a drawer's back behind its front.
    assert on_geom / seen > 0.95


def test_the_hand_stays_where_the_wrist_camera_sees_it(moved):
    # The camera is part of the hand, whose position `state` has: of the same moment, or it would shift by millimetres.
    env, observation, parameters, _ = moved
    places = [project(parameters["wrist"], observation["state"][None, :3].astype(float))]
    for _ in range(3):
        observation, _, _, _, info = env.step(np.array([-0.8, 0.7, 0.5, 0.4, -0.3, 0.2, 1], dtype=np.float32))
        places.append(project(info["camera_parameters"]["wrist"], observation["state"][None, :3].astype(float)))
    np.testing.assert_allclose(np.squeeze(places), np.squeeze(places[:1] * 4), atol=1e-3)
    assert np.ptp(np.squeeze(places), axis=0)[:2].max() < 1e-3  # pixels
    # LIBERO's wrist camera looks along the fingers, so their tips are in the image's middle column.
    assert np.squeeze(places[0])[0] == pytest.approx((SIZE - 1) / 2, abs=1)


def test_info_has_them_on_request_of_the_cameras_in_use():
    options = {"task": 1, "assets": "builtin", "image_size": 16, "settle_steps": 0}
    env = gymnasium.make("libero_gym:libero/Spatial-v0", **options, cameras=["wrist"], camera_parameters=True)
    _, first = env.reset(seed=0)
    before = first["camera_parameters"]["wrist"]["extrinsics"].copy()
    info = env.step(np.ones(7, dtype=np.float32))[4]
    assert set(first["camera_parameters"]) == set(info["camera_parameters"]) == {"wrist"}
    assert np.abs(info["camera_parameters"]["wrist"]["extrinsics"] - before).max() > 1e-4
    np.testing.assert_array_equal(first["camera_parameters"]["wrist"]["extrinsics"], before)  # a copy, not a view
    env.close()
    env = gymnasium.make("libero_gym:libero/Spatial-v0", **options)
    assert "camera_parameters" not in env.reset(seed=0)[1]
    env.close()
