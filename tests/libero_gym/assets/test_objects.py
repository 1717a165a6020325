"""Movable objects of the built-in set against LIBERO's own, where those assets are here."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from libero_gym.assets import builtin
from libero_gym.assets.builtin.catalog import load_catalog

OBJECTS = load_catalog().objects
FOLDERS = ("stable_hope_objects", "stable_scanned_objects", "turbosquid_objects")
CONTAINERS = ("basket", "wooden_tray")


@pytest.fixture(scope="module")
def assets(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("builtin") / "assets"
    builtin.generate(folder)
    return folder


def compile_object(assets: Path, name: str) -> mujoco.MjModel:
    """Compile the object alone with the masses that robosuite gives it: visual geoms have none."""
    (file,) = (assets / folder / name / f"{name}.xml" for folder in FOLDERS if (assets / folder / name).is_dir())
    spec = mujoco.MjSpec.from_file(str(file))
    for geom in spec.geoms:
        if geom.group == 1:
            geom.mass = 0.0
    return spec.compile()


def bounds(model: mujoco.MjModel, group: int) -> np.ndarray:
    """(2, 3) lower and upper corner of a group's shapes, metres, in the frame of the object's body."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    origin = data.xpos[model.body("object").id]
    corners = []
    for geom in np.flatnonzero(model.geom_group == group):
        centre, turn = data.geom_xpos[geom] - origin, data.geom_xmat[geom].reshape(3, 3)
        if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH:
            mesh = model.geom_dataid[geom]
            first = model.mesh_vertadr[mesh]
            points = model.mesh_vert[first : first + model.mesh_vertnum[mesh]] @ turn.T + centre
        else:
            assert model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_BOX
            signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
            points = (signs * model.geom_size[geom]) @ turn.T + centre
        corners += [points.min(axis=0), points.max(axis=0)]
    return np.array([np.min(corners, axis=0), np.max(corners, axis=0)])


@pytest.mark.parametrize("name", OBJECTS)
def test_sizes_and_mass_are_the_official_ones(assets, official_assets, name):
    ours, theirs = compile_object(assets, name), compile_object(official_assets, name)
    for group in (0, 1):
        our_bounds, their_bounds = bounds(ours, group), bounds(theirs, group)
        allowed = np.maximum(0.003, 0.05 * (their_bounds[1] - their_bounds[0]))
        if (name, group) == ("basket", 1):
            allowed = np.full(3, 0.02)  # ours is seen as wide as its collision boxes; LIBERO's mesh is narrower
        assert (np.abs(our_bounds - their_bounds) <= allowed).all(), (group, 1e3 * (our_bounds - their_bounds))
    assert ours.body_mass.sum() == pytest.approx(theirs.body_mass.sum(), rel=0.1)
    centres = [
        (model.body_mass @ (model.body_ipos + model.body_pos)) / model.body_mass.sum() for model in (ours, theirs)
    ]
    np.testing.assert_allclose(centres[0], centres[1], atol=0.0055)
    assert sorted(ours.body("object").inertia) == pytest.approx(sorted(theirs.body_inertia.max(axis=0)), rel=0.1)


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_is_cheap_to_render_and_to_collide_with(assets, name):
    model = compile_object(assets, name)
    assert model.mesh_facenum.sum() <= 1200
    assert np.count_nonzero(model.geom_group == 0) <= 40
    assert model.ntex == 1
    assert max(model.tex_height[0], model.tex_width[0]) <= 512
    assert model.body_mass.sum() > 0.002


@pytest.mark.parametrize("name", [name for name in OBJECTS if name not in CONTAINERS])
def test_faces_look_outwards(assets, name):
    """The volume inside a mesh whose faces all look outwards is positive: images would show holes otherwise."""
    model = compile_object(assets, name)
    corners = model.mesh_vert[model.mesh_face].astype(float)
    volume = np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    extent = np.ptp(model.mesh_vert, axis=0)
    assert volume > 0.005 * extent.prod()
