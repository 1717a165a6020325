"""Each axis and level changes what it claims to, and leaves everything else equal to the last bit."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys

import gymnasium
import mujoco
import numpy as np
import pytest

from libero_gym.assets.source import resolve_assets
from libero_gym.errors import AssetError, InitStateError, OptionError, SavedStateError
from libero_gym.scene.bundle_writer import write_bundle
from libero_gym.scene.shift_table import is_distractor
from libero_gym.scene.source import scene_source
from libero_gym.shifts import language
from libero_gym.shifts.camera import ANGLE, FIELD_OF_VIEW
from libero_gym.shifts.changes import Changes
from libero_gym.shifts.request import AXES, SWAPS, parse_variants
from libero_gym.shifts.robot import DISTANCE
from libero_gym.tasks.suites import SUITES, load_suite

OPTIONS = {"assets": "builtin", "image_size": 64, "depth": True, "segmentation": True, "settle_steps": 2}
LEVELS = [f"{axis}:{level}" for axis in AXES for level in range(1, 6)] + [f"{swap}:1" for swap in SWAPS]
IMAGES = ("image", "wrist_image")
GEOMETRY = ("image_depth", "image_segmentation", "wrist_image_depth", "wrist_image_segmentation")
STATE, SENTENCE = ("qpos", "qvel", "state"), ("instruction",)
#: Axis -> what of an episode is another than without it; all else is equal to the last bit.
DIFFERS = {
    "camera": ("image", "image_depth", "image_segmentation"),
    "light": IMAGES,
    "background": IMAGES,
    "language": SENTENCE,
    "noise": IMAGES,
    "object_swap": IMAGES,
    "instruction_swap": SENTENCE,
    "task_swap": SENTENCE,
}
#: Arrays of the model that an axis may change; shifted scenes are compared by names, below.
MODEL = {
    "camera": {"cam_pos", "cam_quat", "cam_fovy"},
    "light": {"light_pos", "light_dir", "light_diffuse", "light_specular"},
    "object_swap": {"geom_matid", "geom_rgba"},
}
#: What a step writes, and fixtures' poses, which are an episode's.
EPISODES = {"body_pos", "body_quat", "site_rgba"}
ACTIONS = np.random.default_rng(0).uniform(-1, 1, (3, 7)).astype(np.float32)


def make(shift=None, suite="Spatial", task=0, **kwargs):
    return gymnasium.make(f"libero_gym:libero/{suite}-v0", task=task, shift=shift, **{**OPTIONS, **kwargs})


def play(env, init_state=3):
    """What an episode begins with, and what it is after some actions."""
    seen, info = env.reset(seed=0, options={"init_state": init_state})
    found = [record(env, seen)]
    for action in ACTIONS:
        seen, *_, info = env.step(action)
    return [*found, record(env, seen)], info


def record(env, seen):
    data = env.unwrapped.data
    return {**seen, "qpos": data.qpos.copy(), "qvel": data.qvel.copy()}


def arrays(model):
    """Every array of a model, and its headlight."""
    found = {name: getattr(model, name) for name in dir(model) if not name.startswith("_")}
    numbers = {name: value.copy() for name, value in found.items() if isinstance(value, np.ndarray)}
    light = model.vis.headlight
    return {**numbers, "headlight": np.array([light.ambient, light.diffuse, light.specular])}


@pytest.fixture(scope="module")
def unshifted():
    env = make()
    episode, _ = play(env)
    return env, episode, arrays(env.unwrapped.model)


@pytest.mark.parametrize("shift", [name for name in LEVELS if name.split(":")[0] in DIFFERS])
def test_it_changes_what_it_claims_alone(unshifted, shift):
    axis = shift.split(":")[0]
    _, expected, model = unshifted
    env = make(shift)
    episode, info = play(env)
    assert info["shift"] == f"{shift}:3"  # the initial state's number
    for before, after in zip(expected, episode, strict=True):
        differ = {key for key in before if not np.array_equal(before[key], after[key])}
        assert differ <= set(DIFFERS[axis])
    # the first image shows it; a wrist camera may look at what did not change
    differ = {key for key in before if not np.array_equal(expected[0][key], episode[0][key])}
    assert DIFFERS[axis][0] in differ
    if axis != "background":
        now = arrays(env.unwrapped.model)
        # some polygons' normals of MuJoCo's are NaN
        changed = {name for name in model if not np.array_equal(model[name], now[name], equal_nan=True)} - EPISODES
        assert changed <= MODEL.get(axis, set()) | ({"headlight"} if axis == "light" else set())
        assert bool(changed) == (axis in MODEL)
    if axis == "task_swap":
        assert env.unwrapped.world.goal.satisfied(env.unwrapped.data) == [False]
        assert [p.arguments for p in env.unwrapped.world.scene.table.goal] != [["akita_black_bowl_1", "plate_1"]]


def test_the_object_that_is_swapped_is_painted_alone(unshifted):
    _, expected, _ = unshifted
    env = make("object_swap")
    episode, _ = play(env)
    names = env.unwrapped.segmentation_names()
    (before, after), seen = (expected[0], episode[0]), expected[0]["image_segmentation"][..., 0]
    target = np.isin(seen, [geom for geom, name in names.items() if name.startswith("akita_black_bowl_1/")])
    changed = (before["image"] != after["image"]).any(axis=-1)
    # multisampling mixes the pixels at its edge with those behind it
    wide = np.zeros_like(target)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            wide |= np.roll(target, (dy, dx), (0, 1))
    assert target.sum() > 20
    assert not (changed & ~wide).any()
    assert changed[target].mean() > 0.8


@pytest.mark.parametrize("shift", [f"{kind}:{level}" for kind in ("layout", "background") for level in range(1, 6)])
def test_a_shifted_scene_has_all_of_the_own_one(unshifted, shift):
    base, _, _ = unshifted
    env = make(shift)
    env.reset(seed=0, options={"init_state": 3})
    own, shifted = base.unwrapped.model, env.unwrapped.model
    for kind, count, fields in (
        ("body", own.nbody, ("mass", "inertia", "ipos", "iquat")),
        ("geom", own.ngeom, ("type", "size", "pos", "quat", "friction", "solref", "solimp", "contype", "margin")),
        ("joint", own.njnt, ("type", "axis", "pos", "range", "stiffness")),
        ("site", own.nsite, ("pos", "quat", "size")),
        ("actuator", own.nu, ("gainprm", "biasprm", "ctrlrange")),
        ("camera", own.ncam, ("pos", "quat", "fovy")),
    ):
        for index in range(count):
            before = getattr(own, kind)(index)
            if not before.name:
                continue
            after = getattr(shifted, kind)(before.name)
            assert all(np.array_equal(getattr(before, field), getattr(after, field)) for field in fields), before.name
    extra = {shifted.body(i).name for i in range(shifted.nbody)} - {own.body(i).name for i in range(own.nbody)}
    assert extra == ({f"distractor_{n}_main" for n in range(1, 5)} if shift.startswith("layout") else set())


@pytest.mark.parametrize("level", range(1, 6))
def test_the_camera_moves_by_its_level(unshifted, level):
    base, _, _ = unshifted
    env = make(f"camera:{level}", cameras=["agentview"])
    own, moved = base.unwrapped.model.camera("agentview"), env.unwrapped
    for state in range(5):
        env.reset(seed=0, options={"init_state": state})
        camera = moved.model.camera("agentview")
        views = []
        for quaternion in (own.quat, camera.quat):
            rotation = np.zeros(9)
            mujoco.mju_quat2Mat(rotation, quaternion)
            views.append(-rotation.reshape(3, 3)[:, 2])
        angle = math.acos(float(np.dot(*views)))
        assert (level - 1) / 5 < angle / ANGLE <= level / 5 + 1e-9
        assert abs(camera.fovy[0] - own.fovy[0]) <= FIELD_OF_VIEW * level / 5
        assert camera.pos[2] > 1.0  # the table's top is at 0.9


@pytest.mark.parametrize("level", range(1, 6))
def test_the_arm_begins_elsewhere_and_stays_there(level):
    base, env = make(settle_steps=0, cameras=[]), make(f"robot:{level}", settle_steps=0, cameras=[])
    for state in range(4):
        begun, rested = [], []
        for world_env in (base, env):
            world_env.reset(seed=0, options={"init_state": state})
            world = world_env.unwrapped.world
            begun.append(world.eef_position().copy())
            for _ in range(10):
                world_env.step(np.array([0, 0, 0, 0, 0, 0, -1.0], dtype=np.float32))
            rested.append(world.eef_position().copy())
        # published states have the arm some millimetres from home
        assert (level - 1) / 5 - 0.06 < np.linalg.norm(begun[1] - begun[0]) / DISTANCE <= level / 5 + 0.06
        # in the first step LIBERO's controller goes to home, wherever that is
        assert np.linalg.norm((rested[1] - begun[1]) - (rested[0] - begun[0])) < 0.004
        turned = world.home_rotation() - world.data.site_xmat[world.scene.table.robot.eef_site].reshape(3, 3)
        assert np.abs(turned).max() < 0.03


def first_states(shift, task, suite="libero_spatial", init_state=0):
    """The own and the shifted first state of a task, each with its world's table."""
    from libero_gym.options import check_options
    from libero_gym.shared_models import SharedModels

    options = check_options(suite, task=task, assets="builtin", shift=shift)
    models, (chosen,) = SharedModels(options), options.tasks
    variants = options.shift.sample(chosen.index, init_state, 0, training=False)
    applied = models.apply(chosen, variants)
    state = options.scenes.published_states(chosen)[0][init_state]
    return models.of(chosen), state, models.of(chosen, applied.scene), applied


def by_joint(shared, state):
    """Positions of each joint by name, and whether velocities are zero."""
    model, found = shared.model, {}
    for joint in range(model.njnt):
        width = 7 if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE else 1
        begin = 1 + int(model.jnt_qposadr[joint])
        found[model.joint(joint).name] = state[begin : begin + width]
    return found


def test_the_arm_alone_begins_elsewhere():
    own, state, _, applied = first_states("robot:5", 0)
    changed = np.flatnonzero(applied.state(state) != state)
    assert changed.tolist() == [1 + address for address in own.scene.table.robot.arm_qpos]


def test_two_objects_change_places():
    own, state, _, applied = first_states("position_swap", 0)
    before, after = by_joint(own, state), by_joint(own, applied.state(state))
    moved = [name for name in before if not np.array_equal(before[name], after[name])]
    assert len(moved) == 2
    first, second = moved
    np.testing.assert_array_equal(after[first][:2], before[second][:2])
    np.testing.assert_array_equal(after[second][:2], before[first][:2])
    for name in moved:
        np.testing.assert_array_equal(after[name][2:], before[name][2:])  # height and rotation stay


@pytest.mark.parametrize(
    ("level", "added", "moved", "distance"),
    [(1, 1, 0, 0.0), (2, 2, 1, 0.02), (3, 2, 1, 0.04), (4, 3, 2, 0.06), (5, 4, 2, 0.08)],
)
def test_a_layout_adds_objects_and_moves_some(level, added, moved, distance):
    own, state, shared, applied = first_states(f"layout:{level}", 3, "libero_goal")
    before, after = by_joint(own, state), by_joint(shared, applied.state(state))
    extra = {name: after[name] for name in after if is_distractor(name)}
    assert set(after) - set(before) == set(extra)
    assert len(extra) == 4
    assert sum(place[2] > 0 for place in extra.values()) == added  # the others are far below
    changed = {name: after[name] - before[name] for name in before if not np.array_equal(before[name], after[name])}
    assert len(changed) == moved
    for difference in changed.values():
        assert not difference[2:].any()
        assert distance / 2 <= np.linalg.norm(difference[:2]) <= distance + 1e-12


def overlaps(shared, applied, state):
    """Pairs of bodies that are deeper in each other than 2 mm when an episode begins."""
    model, data = shared.model, mujoco.MjData(shared.model)
    shared.show(applied.look)
    first = state if applied.state is None else applied.state(state)
    data.qpos[:] = first[1 : 1 + model.nq]
    mujoco.mj_fwdPosition(model, data)
    pairs = model.geom_bodyid[data.contact.geom[data.contact.dist < -0.002]]
    return {tuple(sorted(model.body(int(body)).name for body in pair)) for pair in pairs}


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_nothing_new_overlaps_in_any_task(suite):
    """Each task, two levels of the axes that move something, in two initial states."""
    from libero_gym.options import check_options
    from libero_gym.shared_models import SharedModels
    from libero_gym.shifts.footprints import middle_fixtures

    missing = []
    for task in load_suite(suite).tasks:
        options = check_options(suite, task=task.id, assets="builtin")
        models = SharedModels(options)
        states = options.scenes.published_states(task)[0]
        for kind in ("", "layout"):
            middle_fixtures(models.of(task, kind).model, models.of(task, kind).scene.table)
        for variant, level in ((0, 2), (1, 5)):
            applied = models.apply(task, parse_variants(f"layout:{level}:{variant}"))
            for state in states[[variant, 40]]:
                own = overlaps(models.of(task), models.apply(task, ()), state)
                new = overlaps(models.of(task, "layout"), applied, state) - own
                assert new == set(), (task.name, level, variant)
            first = by_joint(models.of(task, "layout"), applied.state(states[0]))
            if not any(is_distractor(name) and first[name][2] > 0 for name in first):
                missing.append((task.name, level, variant))
            applied = models.apply(task, parse_variants(f"robot:{level}:0"))
            assert overlaps(models.of(task), applied, states[0]) <= overlaps(
                models.of(task), models.apply(task, ()), states[0]
            )
    assert missing == []  # every layout adds something


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("level", range(1, 6))
def test_paraphrases_are_not_mistaken(suite, level):
    sentences = {task.instruction for task in load_suite(suite).tasks}
    for variant in range(20):
        said = {}
        for sentence in sorted(sentences):
            changes = Changes(look=None)
            language.change(changes, sentence, level, np.random.default_rng([variant, level]))
            assert changes.instruction != sentence
            assert changes.instruction not in said  # another sentence was changed to it
            assert changes.instruction not in sentences
            assert len(changes.instruction) <= 256
            said[changes.instruction] = sentence


def test_every_task_can_be_asked_for_another(unshifted):
    from libero_gym.shifts.swaps import other_tasks

    scenes = scene_source("builtin")
    for suite in ("libero_spatial", "libero_object", "libero_goal"):
        for task in load_suite(suite).tasks:
            found = other_tasks(task, scenes.scene(task).table)
            assert found
            assert task.instruction not in found
    # LIBERO's goal suite has one scene: each of its tasks allows the nine others
    assert len(found) == 9


REPEATS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from test_shifts import digests
print(json.dumps(digests()))
"""


def digests():
    """A checksum of the first and of a later observation and state of each axis, at its highest level."""
    found = {}
    for shift in [f"{axis}:5:7" for axis in AXES] + [f"{swap}:1:7" for swap in SWAPS]:
        with make(shift, suite="Goal", task=3, image_size=32, depth=False, segmentation=False) as env:
            episode, info = play(env)
        text = b"".join(
            value.encode() if isinstance(value, str) else value.tobytes() for part in episode for value in part.values()
        )
        found[info["shift"]] = hashlib.sha256(text).hexdigest()
    return found


def test_another_process_makes_the_same_of_an_id():
    here = digests()
    folder = __file__.rsplit("/", 1)[0]
    done = subprocess.run([sys.executable, "-c", REPEATS, folder], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == here
    assert list(here) == [f"{axis}:5:7" for axis in AXES] + [f"{swap}:1:7" for swap in SWAPS]
    assert len(set(here.values())) == len(here)


def test_worlds_of_one_model_keep_their_looks():
    """Four environments of one worker share a model; each looks as it does alone, whatever the others did between."""
    shift = "camera:0-5+light:0-5+background:0-5+layout:0-5+robot:0-5+noise:0-5"
    arguments = {"task": 0, "assets": "builtin", "image_size": 32, "settle_steps": 2, "shift": shift}
    kind = {"num_envs": 4, "vectorization_mode": "vector_entry_point"}
    batch = gymnasium.make_vec("libero_gym:libero/Spatial-v0", workers=1, **kind, **arguments)
    states = [0, 1, 2, 3]
    seen, info = batch.reset(seed=5, options={"init_state": np.array(states)})
    rows = [seen]
    for action in ACTIONS:
        seen, *_ = batch.step(np.repeat(action[None], 4, axis=0))
        rows.append(seen)
    assert len(set(info["shift"])) == 4
    for index, state in enumerate(states):
        alone = gymnasium.make("libero_gym:libero/Spatial-v0", **arguments)
        single, alone_info = alone.reset(seed=5 + index, options={"init_state": state})
        singles = [single, *(alone.step(action)[0] for action in ACTIONS)]
        assert alone_info["shift"] == info["shift"][index]
        for row, single in zip(rows, singles, strict=True):
            for key in ("image", "wrist_image", "state"):
                np.testing.assert_array_equal(row[key][index], single[key])
        # and the id alone makes it again, whatever the generator says
        again = gymnasium.make("libero_gym:libero/Spatial-v0", **{**arguments, "shift": info["shift"][index] or None})
        first, _ = again.reset(seed=5 + index, options={"init_state": state})
        np.testing.assert_array_equal(first["image"], singles[0]["image"])
    batch.close()


def test_a_saved_state_has_its_shift_and_goes_on_to_the_last_bit():
    shift = "camera:1-5+layout:1-5+robot:1-5+noise:1-5"
    env = make(shift, image_size=32)
    env.reset(seed=1, options={"init_state": 4})
    env.step(ACTIONS[0])
    state = env.unwrapped.save_state()
    expected, *_, info = env.step(ACTIONS[1])
    other = make(shift, image_size=32)
    seen, restored = other.reset(options={"state": state})
    assert restored["shift"] == info["shift"]
    seen, *_ = other.step(ACTIONS[1])
    for key, value in expected.items():
        np.testing.assert_array_equal(value, seen[key])
    for refusing in (make(None, image_size=32), make("camera:2", image_size=32)):
        with pytest.raises(SavedStateError, match="a saved state of shift 'camera:"):
            refusing.reset(options={"state": state})


def test_what_an_environment_says_of_it():
    env = make("camera:2")
    assert env.unwrapped.metadata["shift"] == "camera:2"
    assert env.unwrapped.metadata["variant_info"] == "shift"
    assert any("shift 'camera:2'" in sentence for sentence in env.unwrapped.metadata["benchmark_caveats"])
    _, info = make("camera:0").reset(seed=0)
    assert info["shift"] == ""
    _, info = make().reset(seed=0)
    assert "shift" not in info


def test_what_it_refuses():
    with pytest.raises(OptionError, match="engine 'robosuite' with shift 'camera:2'"):
        make("camera:2", engine="robosuite")
    env = make("robot:2")
    env.reset(seed=0)
    with pytest.raises(InitStateError, match="sim_state with shift 'robot:2:0'"):
        env.reset(options={"sim_state": env.unwrapped.get_sim_state()})
    light = make("light:2")
    light.reset(seed=0)
    light.reset(options={"sim_state": light.unwrapped.get_sim_state()})  # which changes no state


def test_a_bundle_has_no_shifted_scenes(tmp_path):
    folder = tmp_path / "bundle"
    write_bundle(load_suite("libero_spatial").tasks[:1], resolve_assets("builtin"), folder)
    bundled = {"assets": str(folder), "settle_steps": 0}
    seen, _ = make("camera:5", **bundled).reset(seed=0, options={"init_state": 3})
    expected, _ = make("camera:5", settle_steps=0).reset(seed=0, options={"init_state": 3})
    np.testing.assert_array_equal(seen["image"], expected["image"])
    with pytest.raises(AssetError, match="a layout shift needs a scene that the bundle"):
        make("layout:1", **bundled).reset(seed=0)
