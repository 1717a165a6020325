"""The "fast" quality: fewer faces, nearly the same image, the same physics."""

import numpy as np

from libero_gym.assets import resolve_assets
from libero_gym.engine.shared_model import SharedModel
from libero_gym.engine.world import World
from libero_gym.render.renderer import Renderer, orient
from libero_gym.scene import compiled_scene
from libero_gym.scene.decimation import _nearest
from libero_gym.scene.fixtures import sample_fixture_poses
from libero_gym.tasks import load_suite
from libero_gym.tasks.init_states import published_states

TASK = load_suite("libero_spatial").tasks[1]


def worlds():
    # By its path: under its own name the built-in set has a coarse robot in any case.
    scene = compiled_scene(TASK, resolve_assets(resolve_assets("builtin").folder))
    made = [World(SharedModel.load(scene, decimated=decimated)) for decimated in (False, True)]
    for world in made:
        world.reset(published_states(TASK)[0][0], sample_fixture_poses(scene.table, np.random.default_rng(0)))
    return made


def test_fast_renders_a_fraction_of_the_faces_and_nearly_the_same_image():
    reference, fast = worlds()
    # Meshes of collision shapes are counted too, and stay whole: 12,500 of 186,000 faces.
    assert fast.model.mesh_facenum.sum() < 0.3 * reference.model.mesh_facenum.sum()
    images = []
    for world, quality in ((reference, "reference"), (fast, "fast")):
        raw = np.empty((128, 128, 3), dtype=np.uint8)
        Renderer.of_thread().render(world, "agentview", raw, quality)
        images.append(raw.astype(float))
    # A blank or a broken mesh changes large areas by tens of grey levels.
    assert np.abs(images[0] - images[1]).mean() < 4.0


def test_physics_does_not_see_the_decimation():
    reference, fast = worlds()
    for action in np.random.default_rng(1).uniform(-1, 1, (5, 7)):
        reference.step(action)
        fast.step(action)
    np.testing.assert_array_equal(reference.get_sim_state(), fast.get_sim_state())


def test_orientations():
    raw = np.arange(2 * 3 * 3).reshape(2, 3, 3)
    np.testing.assert_array_equal(orient(raw, "upright")[0], raw[1])
    np.testing.assert_array_equal(orient(raw, "rot180")[0, 0], raw[1, 2])


def test_the_nearest_vertex_is_the_first_of_the_nearest():
    rng = np.random.default_rng(0)
    vertices = rng.normal(size=(700, 3)).astype(np.float32)
    vertices[350:] = vertices[:350]  # as along a seam, where two vertices are at one place
    points = np.concatenate([rng.normal(size=(200, 3)), vertices[:5]])
    apart = ((points[:, None] - vertices[None].astype(np.float64)) ** 2).sum(axis=2)
    np.testing.assert_array_equal(_nearest(vertices, points), apart.argmin(axis=1))
