"""Bundles: what comes out equals what went in, wherever the folder lies, and errors name what is wrong with one."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest

from libero_gym.assets import AssetSet, resolve_assets
from libero_gym.assets.builtin import VERSION
from libero_gym.errors import AssetError, LiberoGymError, OptionError, SceneError, SuiteError
from libero_gym.scene import compiled_scene
from libero_gym.scene.bundle import BundledScenes
from libero_gym.scene.bundle_writer import write_bundle
from libero_gym.scene.source import InstalledScenes, scene_source
from libero_gym.tasks import load_suite

BUILTIN = f"builtin-{VERSION}"
SPATIAL = "libero_gym:libero/Spatial-v0"
TASKS = [load_suite("spatial").tasks[index] for index in (1, 4)]
REPOSITORY = Path(__file__).parents[3]

#: Prints a digest of everything that two tasks, both qualities and two splits return.
WALK = """
import hashlib, json, sys
import gymnasium, numpy as np
digest = hashlib.sha256()
for quality, split in (("reference", "eval"), ("fast", "train")):
    env = gymnasium.make("libero_gym:libero/Spatial-v0", task=[1, 4], assets=sys.argv[1], image_size=32, settle_steps=1,
                         render_quality=quality, split=split, render_mode="rgb_array")
    for task in (1, 4):
        env.reset(seed=5, options={"task": task})
        for action in np.random.default_rng(task).uniform(-1, 1, (6, 7)).astype(np.float32):
            observation, reward, terminated, truncated, info = env.step(action)
            for key in ("image", "wrist_image", "state"):
                digest.update(observation[key].tobytes())
            digest.update(env.unwrapped.get_sim_state().tobytes())
            digest.update(json.dumps([observation["instruction"], reward, terminated, truncated, info]).encode())
        digest.update(env.render().tobytes())
assert observation["image"].std() > 10, "a blank image"
absent = {"robosuite", "libero", "scipy", "platformdirs", "click", "tabulate", "tqdm", "PIL", "fast_simplification"}
print(json.dumps({"digest": digest.hexdigest(), "assets": info["assets"],
                  "loaded": sorted(absent & {name.split(".")[0] for name in sys.modules})}))
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """A bundle of two tasks, moved after it was written."""
    written = tmp_path_factory.mktemp("written") / "bundle"
    write_bundle(TASKS, resolve_assets("builtin"), written)
    return written.rename(tmp_path_factory.mktemp("moved") / "elsewhere")


@pytest.fixture
def copy(bundle, tmp_path) -> Path:
    """A copy to do harm to."""
    return shutil.copytree(bundle, tmp_path / "copy")


def make(assets, **kwargs):
    return gymnasium.make(SPATIAL, **{"task": 1, "assets": assets, "image_size": 32, "settle_steps": 1, **kwargs})


def walk(python, assets, **environment):
    result = subprocess.run(
        [str(python), "-c", WALK, str(assets)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout)


def test_models_and_states_come_back_byte_for_byte(bundle, tmp_path):
    scenes, installed = scene_source(bundle), InstalledScenes("builtin")
    assert isinstance(scenes, BundledScenes)
    for task in TASKS:
        assert scenes.suite("spatial").select(task.index) == (task,)
        digests = []
        for source in (scenes, installed):
            file = tmp_path / "model.mjb"
            mujoco.mj_saveModel(source.scene(task).load_model(), str(file), None)
            digests.append(hashlib.sha256(file.read_bytes()).hexdigest())
            for states in source.published_states(task):
                assert not states.flags.writeable
                digests.append(states.tobytes())
        assert digests[: len(digests) // 2] == digests[len(digests) // 2 :]
        assert scenes.scene(task).table == installed.scene(task).table


def test_what_tasks_share_is_stored_once(bundle):
    model = compiled_scene(TASKS[0], resolve_assets("builtin")).model_content()
    # Both scenes have the same meshes and textures. zlib alone halves a model, and would keep two of them.
    assert (bundle / "parts.bin").stat().st_size < 0.6 * len(model)


def test_environments_equal_those_of_the_assets(bundle):
    assert walk(sys.executable, bundle)["digest"] == walk(sys.executable, "builtin")["digest"]


def test_it_travels_to_processes_by_its_folder(bundle):
    scenes = BundledScenes.open(bundle)
    scenes.scene(scenes.tasks[0])  # loaded, which must not travel
    sent = pickle.dumps(scenes)
    assert len(sent) < 4096  # what the smallest pipe holds, so that starting a process does not wait for it
    assert pickle.loads(sent).tasks == scenes.tasks


def test_the_union_has_the_tasks_that_it_has_by_their_numbers_among_all(bundle):
    scenes = scene_source(bundle)
    assert scenes.scene(scenes.suite("130").select(4)[0]) is scenes.scene(TASKS[1])
    # Task 1 of libero_goal is task 21 of all 130, whichever of them are in the bundle.
    chosen = (load_suite("goal").tasks[1], load_suite("spatial").tasks[4])
    mixed = BundledScenes(bundle, BUILTIN, None, chosen, {}, {})
    assert [(task.id, task.suite, task.index) for task in mixed.suite("130").tasks] == [
        (4, "libero_spatial", 4),
        (21, "libero_goal", 1),
    ]
    with pytest.raises(AssetError, match=r"does not have libero_130 task 1; it has libero_goal 1; libero_spatial 4\."):
        mixed.select(mixed.suite("130"), 1)
    with pytest.raises(AssetError, match="does not have libero_130"):
        BundledScenes(bundle, BUILTIN, None, (), {}, {}).suite("130")


def test_info_names_the_set_that_it_was_made_from(bundle):
    env = make(bundle)
    assert env.reset(seed=0)[1]["assets"] == env.unwrapped.metadata["assets"] == BUILTIN
    env.close()


def test_the_variable_names_it_too_and_all_tasks_are_those_it_has(bundle, monkeypatch):
    monkeypatch.setenv("LIBERO_GYM_ASSETS", str(bundle))
    envs = gymnasium.make_vec(SPATIAL, num_envs=2, vectorization_mode="vector_entry_point", image_size=32, split="all")
    assert envs.metadata["init_states"] == {1: 100, 4: 100}
    _, info = envs.reset(seed=0, options={"task": np.array([4, 1])})
    assert list(info["task_id"]) == [4, 1]
    envs.close()


@pytest.mark.parametrize(
    ("suite", "kwargs", "error", "message"),
    [
        (SPATIAL, {"task": 2}, AssetError, r"does not have libero_spatial task 2; it has libero_spatial 1, 4\. Write"),
        (SPATIAL, {"task": "pick_up"}, AssetError, "does not have libero_spatial task 'pick_up'; it has .* 1, 4"),
        ("libero/Goal-v0", {}, AssetError, r"does not have libero_goal; it has libero_spatial 1, 4.*libero-gym bundle"),
        (SPATIAL, {"engine": "robosuite"}, OptionError, "holds no assets; allowed: 'native'"),
        (SPATIAL, {"suite": "libero_sptial"}, SuiteError, "did you mean 'libero_spatial'"),
    ],
)
def test_what_it_does_not_have_is_said(bundle, suite, kwargs, error, message):
    with pytest.raises(error, match=message) as raised:
        gymnasium.make(suite, assets=bundle, **kwargs)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("mujoco", "3.3.1", r"compiled with MuJoCo 3\.3\.1, this is \S+; install mujoco==3\.3\.1, or write it again"),
        ("format", 99, r"has format 99\.\d+, this libero-gym reads 2\.\d+; install libero-gym"),
        ("suites", [1], r"bundle\.json cannot be read \(AttributeError.*copy the bundle again, or write"),
    ],
)
def test_a_bundle_for_something_else_is_refused(copy, entry, value, message):
    index = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps({**index, entry: value}))
    with pytest.raises(AssetError, match=message) as raised:
        make(copy)
    assert "\n" not in str(raised.value)


def test_a_broken_index_is_named(copy):
    text = (copy / "bundle.json").read_text()
    (copy / "bundle.json").write_text(text[: len(text) // 2])
    with pytest.raises(AssetError, match=r"bundle\.json cannot be read \(JSONDecodeError"):
        make(copy)


@pytest.mark.parametrize("name", ["parts.bin", "scenes/libero_spatial-1/fast.npz"])
def test_a_truncated_file_is_named_before_anything_is_simulated(copy, name):
    size = (copy / name).stat().st_size
    os.truncate(copy / name, size // 2)
    with pytest.raises(SceneError, match=rf"not whole: {name} has {size // 2} bytes of {size}; copy or write"):
        make(copy)
    (copy / name).unlink()
    with pytest.raises(SceneError, match=rf"not whole: {name} is missing"):
        make(copy)


def test_overwritten_parts_are_an_error_not_a_scene(copy):
    with (copy / "parts.bin").open("r+b") as file:
        file.write(bytes(200_000))  # the first part, which zlib made, and more
    with pytest.raises(SceneError, match="is damaged"):
        make(copy).reset(seed=0)


def test_one_changed_bit_of_any_file_is_an_error_not_a_scene(copy):
    """Parts are coordinates that zlib left as they are, too: only a checksum sees what has become of those."""
    rows = np.load(copy / "scenes" / "libero_spatial-1" / "model.npy")
    stored = next(row for row in rows.tolist() if row[1] == row[2] and row[2] > 1000)  # not compressed
    places = [("parts.bin", stored[0] + 500)]
    for path in (copy / "scenes" / "libero_spatial-1").iterdir():
        places.append((path.relative_to(copy).as_posix(), path.stat().st_size // 2))
    assert len(places) == 6
    for name, place in places:
        content = bytearray((copy / name).read_bytes())
        content[place] ^= 1
        (copy / name).write_bytes(content)
        with pytest.raises(SceneError, match=r"(other bytes than were written).*copy or write it again"):
            make(copy).reset(seed=0)
        content[place] ^= 1
        (copy / name).write_bytes(content)
    make(copy).reset(seed=0)


def test_writing_refuses_a_folder_in_use_and_takes_an_empty_one(tmp_path):
    used, empty = tmp_path / "used", tmp_path / "empty"
    used.mkdir()
    (used / "thesis.tex").write_text("do not touch")
    with pytest.raises(OptionError, match="exists and is not an empty folder"):
        write_bundle(TASKS[:1], resolve_assets("builtin"), used)
    assert [path.name for path in used.iterdir()] == ["thesis.tex"]
    empty.mkdir()
    write_bundle(TASKS[:1], resolve_assets("builtin"), empty)
    assert (empty / "bundle.json").is_file()


def test_a_bundle_that_cannot_be_finished_leaves_nothing(tmp_path):
    broken = tmp_path / "assets"
    shutil.copytree(resolve_assets("builtin").folder, broken)
    shutil.rmtree(broken / "stable_scanned_objects" / "plate")
    out = tmp_path / "out" / "bundle"
    with pytest.raises(SceneError, match=r"libero_spatial task 1 .* cannot be built"):
        write_bundle(TASKS, AssetSet("folder-broken", broken), out)
    assert list(out.parent.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(LiberoGymError, match="cannot be written"):
        write_bundle(TASKS, resolve_assets("builtin"), tmp_path / "file" / "bundle")


def test_a_bundle_is_not_something_to_compile_from(bundle):
    with pytest.raises(AssetError, match="is a bundle of compiled scenes"):
        resolve_assets(bundle)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_runs_where_only_four_packages_are(bundle, tmp_path):
    uv = shutil.which("uv") or str(REPOSITORY / ".uv" / "bin" / "uv")
    python = tmp_path / "environment" / "bin" / "python"
    pinned = [f"{name}=={version(name)}" for name in ("mujoco", "llvmlite", "numpy", "gymnasium")]
    wheels = tmp_path / "wheels"
    for command in (
        ["build", "--quiet", "--package", "libero-gym", "--wheel", "--out-dir", str(wheels)],
        ["venv", "--quiet", "--python", sys.executable, str(python.parents[1])],
        ["pip", "install", "--quiet", "--python", str(python), *pinned],
    ):
        subprocess.run([uv, *command], cwd=REPOSITORY, check=True)
    wheel = next(wheels.glob("libero_gym-*.whl"))
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps", str(wheel)], check=True)
    done = subprocess.run([python.with_name("libero-gym"), "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(
        r"libero-gym: click, tabulate, tqdm are not installed; .* pip install click tabulate tqdm\n", done.stderr
    )
    there = walk(python, bundle, LIBERO_GYM_CACHE=str(tmp_path / "cache"), PYTHONPATH="")
    assert there["loaded"] == []
    here = walk(sys.executable, "builtin")
    assert (there["digest"], there["assets"]) == (here["digest"], BUILTIN)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["gl.json"]  # nothing is compiled or unpacked
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), "click", "tabulate", "tqdm"], check=True)
    environment = {**os.environ, "LIBERO_GYM_ASSETS": str(bundle), "LIBERO_GYM_CACHE": str(tmp_path / "cache")}
    for words in (["doctor"], ["assets", "status"]):
        command = [python.with_name("libero-gym"), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
