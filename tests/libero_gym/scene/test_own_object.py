"""Models of one's own objects: any form that MuJoCo reads, sizes measured or LIBERO's, and what is refused."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import mujoco
import numpy as np
import own_task_files
import pytest

from libero_gym.assets import resolve_assets
from libero_gym.errors import ObjectError
from libero_gym.scene.build import _BASE
from libero_gym.scene.own_object import read_own_model
from libero_gym.scene.scene_object import own_object, read_object


def write(folder, world, rest=""):
    path = folder / "thing.xml"
    path.write_text(f"<mujoco>{rest}<worldbody>{world}</worldbody></mujoco>")
    return path


def compiled(item):
    """The object alone, as a scene compiles it."""
    root = ET.fromstring(_BASE)
    root.find("asset").extend(item.assets)
    root.find("worldbody").append(item.body)
    return mujoco.MjModel.from_xml_string(ET.tostring(root, encoding="unicode"))


def test_a_mesh_with_classes_degrees_and_a_free_joint(tmp_path):
    own_task_files.write_own_task(tmp_path / "own")
    model = read_own_model(tmp_path / "own" / "block.xml")
    # the box has half sizes 2, 3 and 2 cm about the origin
    assert (model.bottom, model.top) == pytest.approx((-0.02, 0.02))
    assert model.radius == pytest.approx(np.hypot(0.02, 0.03))
    alone = compiled(own_object(model, "block_1", "block", movable=True))
    assert alone.nv == 6
    # 400 kg per cubic metre; the mesh, which does not collide, weighs nothing
    assert alone.body("block_1_main").mass == pytest.approx(400 * 0.04 * 0.06 * 0.04)
    assert [list(alone.geom_group), list(alone.geom_contype)] == [[1, 0], [0, 1]]
    np.testing.assert_allclose(alone.geom_rgba[0], [0.1, 0.5, 0.2, 1], atol=1e-6)


def test_two_instances_share_no_name(tmp_path):
    own_task_files.write_own_task(tmp_path / "own")
    model = read_own_model(tmp_path / "own" / "block.xml")
    names = [
        {element.get("name") for element in (*item.body.iter(), *item.assets) if element.get("name")}
        for item in (own_object(model, f"block_{n}", "block", movable=True) for n in (1, 2))
    ]
    assert names[0].isdisjoint(names[1])
    assert len(names[0]) == len(names[1]) == 6  # body, mesh, two geometries, joint, site


def test_what_only_collides_is_rendered_too_and_its_sites_are_regions(tmp_path):
    own_task_files.write_own_task(tmp_path / "own")
    item = own_object(read_own_model(tmp_path / "own" / "stand.xml"), "stand_1", "stand", movable=False)
    alone = compiled(item)
    assert alone.nv == 0
    assert sorted(alone.geom_group) == [0, 1]
    assert item.regions.keys() == {"stand_1_top_region"}
    assert item.regions["stand_1_top_region"].size == (0.06, 0.06, 0.002)
    assert (item.bottom, item.top) == pytest.approx((0.0, 0.02))


def test_degrees_includes_frames_and_nested_classes_are_as_mujoco_has_them(tmp_path):
    (tmp_path / "part.xml").write_text(
        "<mujoco><geom type='sphere' size='0.01' pos='0 0 0.05' class='inner'/></mujoco>"
    )
    defaults = (
        "<compiler angle='degree'/><default><geom friction='0.7 0.1 0.1'/><default class='outer'><geom mass='0.1'/>"
        "<default class='inner'><geom solref='0.01 1'/></default></default></default>"
    )
    world = (
        "<body name='b' euler='0 0 30' childclass='outer'>"
        "<frame euler='90 0 0'><geom type='capsule' size='0.01 0.03'/></frame>"
        "<include file='part.xml'/><geom type='box' size='.01 .01 .01' class='main' mass='1' pos='.1 0 0'/>"
        "<body name='lid' pos='0 0 .1'><joint name='j' range='0 90'/><geom type='box' size='.02 .02 .001'/></body>"
        "</body>"
    )
    path = write(tmp_path, world, defaults)
    theirs = mujoco.MjSpec.from_file(str(path)).compile()
    ours = compiled(own_object(read_own_model(path), "x", "b", movable=False))
    collide = np.flatnonzero(ours.geom_group == 0)
    assert len(collide) == theirs.ngeom == 4
    order = np.lexsort(theirs.geom_pos.T), collide[np.lexsort(ours.geom_pos[collide].T)]
    for key in ("geom_type", "geom_size", "geom_pos", "geom_quat", "geom_friction", "geom_solref"):
        np.testing.assert_allclose(getattr(ours, key)[order[1]], getattr(theirs, key)[order[0]], atol=1e-6, err_msg=key)
    np.testing.assert_allclose(ours.jnt_range, theirs.jnt_range, atol=1e-5)  # MuJoCo writes six digits
    assert ours.body("x_main").mass == pytest.approx(1.2)  # 0.1 + 0.1 + 1, and the lid's own 0.1 beside


def test_an_object_of_libero_s_reads_the_same_as_one_of_one_s_own():
    folder = resolve_assets("builtin").folder
    theirs = read_object(folder, "bowl_1", "akita_black_bowl", movable=True)
    model = read_own_model(folder / theirs.category.file)
    ours = own_object(model, "bowl_1", "akita_black_bowl", movable=True)
    assert (ours.bottom, ours.top, ours.radius) == pytest.approx((theirs.bottom, theirs.top, theirs.radius))
    assert ours.regions.keys() == theirs.regions.keys()
    first, second = compiled(theirs), compiled(ours)
    for key in ("geom_size", "geom_pos", "geom_quat", "geom_friction", "geom_group", "body_inertia", "body_mass"):
        np.testing.assert_allclose(getattr(second, key), getattr(first, key), rtol=1e-4, atol=1e-6, err_msg=key)


BOX = "<geom type='box' size='.1 .1 .1'/>"


@pytest.mark.parametrize(
    ("world", "rest", "message"),
    [
        ("", "", "has 0 bodies in the world"),
        (f"<body>{BOX}</body><body>{BOX}</body>", "", "has 2 bodies in the world"),
        (f"<geom type='plane' size='1 1 1'/><body>{BOX}</body>", "", "a <geom> stands in the world"),
        (
            "<body><geom type='box' size='.1 .1 .1' contype='0' conaffinity='0'/></body>",
            "",
            "no geometry that collides",
        ),
        ("<body><geom type='bocks' size='.1 .1 .1'/></body>", "", "MuJoCo does not take .*bocks"),
        ("<body><geom type='mesh' mesh='m'/></body>", "<asset><mesh name='m' file='m.stl'/></asset>", r"m\.stl"),
        (f"<body><joint name='j'/>{BOX}</body>", "<actuator><motor joint='j'/></actuator>", "has <actuator><general>"),
        (
            f"<body>{BOX}<site name='top_site' pos='0 0 -1'/></body>",
            "",
            r"bottom_site is at -0.1 m, top_site at -1 m",
        ),
        (
            "<body><inertial pos='0 0 0' mass='0' diaginertia='0 0 0'/><geom type='box' size='.1 .1 .1'/></body>",
            "",
            "as a movable object: .*mass and inertia",
        ),
    ],
)
def test_what_is_refused_names_the_file(world, rest, message, tmp_path):
    path = write(tmp_path, world, rest)
    with pytest.raises(ObjectError, match=message) as caught:
        read_own_model(path)
    assert str(path) in str(caught.value)


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(ObjectError, match=r"none\.xml is not there"):
        read_own_model(tmp_path / "none.xml")
    (tmp_path / "broken.xml").write_text("<mujoco><worldbody>")
    with pytest.raises(ObjectError, match=r"MuJoCo does not take .*broken\.xml"):
        read_own_model(tmp_path / "broken.xml")


def test_libero_s_sites_count_more_than_what_is_measured(tmp_path):
    sites = "".join(
        f"<site name='{name}' pos='{pos}'/>"
        for name, pos in (("bottom_site", "0 0 -.2"), ("top_site", "0 0 .3"), ("horizontal_radius_site", ".4 0 0"))
    )
    for world in (f"<body>{BOX}{sites}</body>", f"<body><body name='object'>{BOX}</body>{sites}</body>"):
        model = read_own_model(write(tmp_path, world))
        assert (model.bottom, model.top, model.radius) == (-0.2, 0.3, 0.4)
        assert not own_object(model, "x", "x", movable=True).regions
