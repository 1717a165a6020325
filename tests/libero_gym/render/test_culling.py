"""Images without what their camera cannot see: the same to the last bit, by less work."""

import gymnasium
import mujoco
import numpy as np
import pytest

from libero_gym.render.culling import ViewCulling, left_out
from libero_gym.render.gl import choose_backend, open_context

SIZE = 64
FLAGS = mujoco.mjtRndFlag


class Stage:
    """A model, and images of its camera 0 with and without what lies out of view."""

    def __init__(self, xml: str) -> None:
        self.model = mujoco.MjModel.from_xml_string(xml)
        self.data = mujoco.MjData(self.model)
        self.gl = open_context(choose_backend())
        self.gl.make_current()
        self.model.vis.global_.offwidth = self.model.vis.global_.offheight = SIZE
        self.context = mujoco.MjrContext(self.model, mujoco.mjtFontScale.mjFONTSCALE_150)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.context)
        self.scene = mujoco.MjvScene(self.model, 1000)
        self.option = mujoco.MjvOption()
        self.option.geomgroup[:] = [group in (1, 2) for group in range(mujoco.mjNGROUP)]
        self.camera = mujoco.MjvCamera()
        self.camera.type, self.camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0

    def image(self, hidden: np.ndarray) -> np.ndarray:
        out = np.empty((SIZE, SIZE, 3), dtype=np.uint8)
        view = mujoco.MjrRect(0, 0, SIZE, SIZE)
        with left_out(self.model, hidden):
            mujoco.mjv_updateScene(
                self.model, self.data, self.option, None, self.camera, mujoco.mjtCatBit.mjCAT_ALL, self.scene
            )
        mujoco.mjr_render(view, self.scene, self.context)
        mujoco.mjr_readPixels(out, None, view, self.context)
        return out

    def out_of_view(self) -> set[str]:
        mujoco.mj_forward(self.model, self.data)
        hidden = ViewCulling(self.model).out_of_view(self.model, self.data, 0, self.scene)
        np.testing.assert_array_equal(self.image(hidden), self.image(hidden[:0]))
        return {self.model.geom(int(geom)).name for geom in hidden}

    def close(self) -> None:
        self.context.free()
        self.gl.free()


@pytest.fixture
def stage():
    made = []

    def make(geoms: str, camera: str = 'fovy="90"', shadows: str = "false", materials: str = "") -> Stage:
        made.append(
            Stage(
                f"<mujoco><asset>{materials}</asset><worldbody>"
                f'<light pos="0 0 5" dir="0.3 0 -1" castshadow="{shadows}"/><camera {camera}/>'
                f'<geom name="collides" group="0" size=".1" pos="0 0 9"/>{geoms}</worldbody></mujoco>'
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


def ball(name: str, x: float, y: float, z: float, more: str = "") -> str:
    return f'<geom name="{name}" group="1" size=".1" pos="{x} {y} {z}" {more}/>'


def test_what_lies_beyond_a_side_or_behind_is_left_out(stage) -> None:
    # looks along -z with half a right angle to each side: at a depth of 1 from -1 to 1. The normal of a side is
    # (1, 0, 1) / sqrt 2, and a box of half sizes 0.1 reaches 0.2 / sqrt 2 along it: x - 1 > 0.2 is outside
    found = stage(
        ball("middle", 0, 0, -1)
        + ball("edge", 1.19, 0, -1)
        + ball("right", 1.21, 0, -1)
        + ball("left", -1.21, 0, -1)
        + ball("top", 0, 1.21, -1)
        + ball("bottom", 0, -1.21, -1)
        + ball("behind", 0, 0, 0.2)
    ).out_of_view()
    # a box is 2 mm larger than its geometry, to each side: 0.204 less than 0.21
    assert found == {"right", "left", "top", "bottom", "behind"}


def test_boxes_are_turned_with_their_geometries(stage) -> None:
    # 1 m long and 2 cm thick, at x = 1.8 and a depth of 1: along x it reaches into the view, along y it does not
    rod = '<geom name="{}" group="2" type="box" size="{}" pos="1.8 0 -1" euler="0 0 {}"/>'
    assert stage(rod.format("along x", "1 .01 .01", 0)).out_of_view() == set()
    assert stage(rod.format("along y", "1 .01 .01", 90)).out_of_view() == {"along y"}
    assert stage(rod.format("along y too", ".01 1 .01", 0)).out_of_view() == {"along y too"}


def test_a_plane_has_no_end(stage) -> None:
    assert stage('<geom name="floor" group="1" type="plane" size="1 1 1" pos="9 9 9"/>').out_of_view() == set()


def test_nothing_is_left_out_where_there_are_shadows(stage) -> None:
    geoms = ball("seen", 0, 0, -3) + ball("above", 0, 4, -3)
    lit = stage(geoms, shadows="true")
    assert lit.out_of_view() == set()
    lit.scene.flags[FLAGS.mjRND_SHADOW] = 0
    assert lit.out_of_view() == {"above"}


SHINY = '<material name="shiny" reflectance="0.9" rgba=".5 .5 .5 1"/><material name="dull" rgba=".5 .5 .5 1"/>'
#: The eye is at the origin, sees along y and 30 degrees downwards, 20 degrees to each side.
DOWN = 'xyaxes="1 0 0 0 .5 .866" fovy="40"'
#: Its top is 1 m lower, 1.5 to 2.5 m ahead and 0.5 m to each side.
TABLE = '<geom name="table" group="1" type="box" size=".5 .5 .1" pos="0 2 -1.1" material="{}"/>'
#: Both are above the view. The eye's image in the top is at z = -2. A line from there to a ball, 2.5 m higher and 4 m
#: ahead, is at the top's height 1.6 m ahead, and 0 and 0.6 m aside: of these the top has the first.
BALLS = ball("shown", 0, 4, 0.5, 'rgba="1 0 0 1"') + ball("beside", 1.5, 4, 0.5)


def test_what_shows_in_a_mirror_stays(stage) -> None:
    mirror = stage(TABLE.format("shiny") + BALLS, DOWN, materials=SHINY)
    assert mirror.out_of_view() == {"beside"}
    ball = np.array([mirror.model.geom("shown").id])
    assert (mirror.image(ball) != mirror.image(ball[:0])).any()  # it does show in it
    mirror.scene.flags[FLAGS.mjRND_REFLECTION] = 0
    assert mirror.out_of_view() == {"shown", "beside"}
    assert stage(TABLE.format("dull") + BALLS, DOWN, materials=SHINY).out_of_view() == {"shown", "beside"}


def test_nothing_is_left_out_beside_mirrors_without_an_end_or_several(stage) -> None:
    floor = '<geom name="floor" group="1" type="plane" size="9 9 1" pos="0 0 -1" material="shiny"/>'
    assert stage(floor + BALLS, DOWN, materials=SHINY).out_of_view() == set()
    other = TABLE.format("shiny").replace("table", "other").replace("0 2 -1.1", "9 9 9")
    assert stage(TABLE.format("shiny") + other + BALLS, DOWN, materials=SHINY).out_of_view() == set()


def test_images_of_crowds_are_the_same(stage) -> None:
    # a box that mirrors, before the eye or elsewhere, among other shapes
    rng = np.random.default_rng(0)
    kinds, left = ("sphere", "box", "capsule", "cylinder", "ellipsoid"), []
    for _ in range(12):
        places, turns = rng.uniform(-4, 4, (60, 3)), rng.uniform(0, 360, (60, 3))
        places[1] = rng.uniform(-1, 1, 3) * [1, 1, 0.5] - [0, 0, 2]
        crowd = "".join(
            f'<geom name="{number}" group="{1 + number % 2}" type="{kinds[number % 5]}" '
            f'size="{" ".join(map(str, rng.uniform(0.05, 0.6, 3)))}" pos="{" ".join(map(str, place))}" '
            f'euler="{" ".join(map(str, turn))}" material="{"shiny" if number == 1 else "dull"}"/>'
            for number, (place, turn) in enumerate(zip(places, turns, strict=True))
        )
        left.append(len(stage(crowd, f'euler="{rng.uniform(-40, 40)} 0 0" fovy="60"', materials=SHINY).out_of_view()))
    # a view of 60 degrees has a fifteenth of all directions; a mirror shows others
    assert min(left) > 20, left


@pytest.mark.parametrize(
    ("suite", "task", "quality"), [("Spatial", 3, "fast"), ("Goal", 2, "reference"), ("10", 5, "fast")]
)
def test_observations_are_the_same(suite, task, quality, monkeypatch) -> None:
    def observed(part: slice) -> tuple[list[dict[str, np.ndarray]], list[int]]:
        """Observations of an episode where this part of what is out of view is left out; how much that was."""
        left: list[int] = []
        original = ViewCulling.out_of_view

        def counted(self, *args, **kwargs):
            hidden = original(self, *args, **kwargs)[part]
            left.append(len(hidden))
            return hidden

        with monkeypatch.context() as patch:
            patch.setattr(ViewCulling, "out_of_view", counted)
            env = gymnasium.make(
                f"libero_gym:libero/{suite}-v0",
                task=task,
                assets="builtin",
                image_size=SIZE,
                render_quality=quality,
                depth=True,
                segmentation=True,
            )
            seen = [env.reset(seed=0)[0]]
            rng = np.random.default_rng(1)
            seen += [env.step(rng.uniform(-1, 1, 7).astype(np.float32))[0] for _ in range(4)]
            env.close()
        return seen, left

    ours, left = observed(slice(None))
    whole, none = observed(slice(0))
    # the hand sees little of a room; of a wide view something is missing, too
    assert min(left) > 3
    assert none == [0] * len(left)
    for mine, theirs in zip(ours, whole, strict=True):
        for key in mine:
            np.testing.assert_array_equal(mine[key], theirs[key], err_msg=key)
