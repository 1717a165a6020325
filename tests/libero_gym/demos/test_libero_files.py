"""LIBERO's own HDF5 layout: written, and read as it is published, as others regenerate it, and as we write it."""

import json
import shutil

import h5py
import numpy as np
import pytest

from libero_gym.demos.dataset import DemoDataset
from libero_gym.demos.libero_export import export_files, quaternion
from libero_gym.demos.libero_import import find_files, import_files
from libero_gym.demos.location import locate
from libero_gym.demos.replay import replay
from libero_gym.engine.world import axis_angle
from libero_gym.errors import DatasetError
from libero_gym.render.renderer import orient

NAME = "KITCHEN_SCENE10_close_the_top_drawer_of_the_cabinet"


@pytest.fixture(scope="module")
def exported(recorded, tmp_path_factory):
    """Return a file that no test may change."""
    return export_files(recorded, tmp_path_factory.mktemp("hdf5") / "libero_90")[0]


@pytest.fixture
def path(exported, tmp_path):
    """Return a copy that a test may change."""
    (tmp_path / "libero_90").mkdir()
    return shutil.copy(exported, tmp_path / "libero_90" / exported.name)


def read(path, tmp_path, **kwargs):
    return import_files(find_files(path), locate(str(tmp_path / "imported")), **kwargs)


def test_the_layout_is_libero_s(recorded, exported):
    assert exported.name == f"{NAME}_demo.hdf5"
    episode = recorded.episode(1)
    steps = len(episode)
    with h5py.File(exported) as file:
        data = file["data"]
        assert (data.attrs["num_demos"], data.attrs["total"]) == (3, sum(record.steps for record in recorded.records))
        assert data.attrs["env_name"] == "Libero_Kitchen_Tabletop_Manipulation"
        assert json.loads(data.attrs["problem_info"]) == {
            "problem_name": "libero_kitchen_tabletop_manipulation",
            "domain_name": "robosuite",
            "language_instruction": "close the top drawer of the cabinet",
        }
        assert data.attrs["bddl_file_name"] == f"bddl_files/libero_90/{NAME}.bddl"
        assert data.attrs["bddl_file_content"].startswith("(define (problem LIBERO_Kitchen")
        assert json.loads(data.attrs["env_args"])["type"] == 1
        demo = data["demo_1"]
        assert demo.attrs["num_samples"] == steps
        np.testing.assert_array_equal(demo.attrs["init_state"], episode.sim_states[0])
        shapes = {name: member.shape for name, member in demo["obs"].items()}
        assert shapes == {
            "agentview_rgb": (steps, 32, 32, 3),
            "eye_in_hand_rgb": (steps, 32, 32, 3),
            "ee_pos": (steps, 3),
            "ee_ori": (steps, 3),
            "ee_states": (steps, 6),
            "gripper_states": (steps, 2),
            "joint_states": (steps, 7),
        }
        np.testing.assert_array_equal(demo["actions"], episode.actions)
        np.testing.assert_array_equal(demo["states"], episode.sim_states[:-1])
        assert demo["dones"][()].tolist() == demo["rewards"][()].tolist() == [0] * (steps - 1) + [1]
        assert demo["robot_states"].shape == (steps, 9)
        # rot180 is raw[::-1, ::-1], raw being what OpenGL renders.
        np.testing.assert_array_equal(demo["obs/agentview_rgb"][4], episode.observations["image"][4, ::-1, ::-1])


def test_the_quaternion_is_that_of_the_axis_angle_vector():
    rng = np.random.default_rng(0)
    for _ in range(20):
        wanted = rng.normal(size=4)
        wanted /= np.linalg.norm(wanted)  # (w, x, y, z)
        np.testing.assert_allclose(quaternion(axis_angle(wanted)), wanted[[1, 2, 3, 0]], atol=1e-7)
    np.testing.assert_array_equal(quaternion(np.zeros((1, 3))), [[0, 0, 0, 1]])


@pytest.mark.parametrize("orientation", ["rot180", "upright"])
def test_ours_come_back_whole(orientation, recorded, exported, tmp_path):
    dataset = read(exported.parent, tmp_path, orientation=orientation)
    for record in recorded.records:
        before, after = recorded.episode(record.id), dataset.episode(record.id)
        for name in ("actions", "intended_actions", "rewards", "terminations", "truncations", "sim_states"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
        np.testing.assert_array_equal(before.observations["state"], after.observations["state"])
        raw = orient(before.observations["wrist_image"], "rot180")
        np.testing.assert_array_equal(after.observations["wrist_image"], orient(raw, orientation))
        for key in set(before.attributes) - {"file"}:
            np.testing.assert_array_equal(before.attributes[key], after.attributes[key])
    assert dataset.header.assets == recorded.header.assets
    assert [result.difference for result in replay(dataset, "builtin", 1)] == [0.0] * 3
    assert sorted(entry.name for entry in dataset.location.folder.iterdir()) == ["data", "dataset_statistics.json"]


def test_the_old_name_of_intended_actions_is_read_with_a_warning(recorded, path, tmp_path):
    with h5py.File(path, "a") as file:
        for demo in file["data"].values():
            demo.move("intended_actions", "meant_actions")
    with pytest.warns(FutureWarning, match="meant_actions is now called intended_actions"):
        dataset = read(path, tmp_path)
    np.testing.assert_array_equal(dataset.episode(1).intended_actions, recorded.episode(1).intended_actions)


def as_published(path):
    """What LIBERO's own files have and have not: an observation is from after the action with its index."""
    with h5py.File(path, "a") as file:
        del file["data"].attrs["libero_gym"]
        for demo in file["data"].values():
            known = json.loads(demo.attrs["libero_gym"])
            body = '<body name="wooden_cabinet_1_main" pos="{}" quat="{}"/>'.format(
                *(" ".join(map(repr, known[key][0])) for key in ("fixture_positions", "fixture_quaternions"))
            )
            demo.attrs["model_file"] = f"<mujoco><worldbody>{body}</worldbody></mujoco>"
            del demo.attrs["libero_gym"]
            final = demo["final_obs"]
            joints = np.array(final["sim_state"][1:8])
            last = {"joint_states": joints, "ee_pos": final["ee_states"][:3], "ee_ori": final["ee_states"][3:]}
            for name, member in demo["obs"].items():
                array = member[()]
                member[...] = np.concatenate([array[1:], [last[name] if name in last else final[name][()]]])
            del demo["final_obs"]


def test_published_files_begin_with_what_was_seen_before_the_second_action(recorded, path, tmp_path):
    as_published(path)
    dataset = read(path, tmp_path)
    before, after = recorded.episode(2), dataset.episode(2)
    np.testing.assert_array_equal(after.actions, before.actions[1:])
    np.testing.assert_array_equal(after.sim_states[:-1], before.sim_states[1:-1])
    assert np.isnan(after.sim_states[-1]).all()
    for key in ("image", "wrist_image", "state"):
        np.testing.assert_array_equal(after.observations[key], before.observations[key][1:])
    assert after.attributes["success"]
    assert (dataset.header.assets, dataset.header.source) == ("official", "LIBERO HDF5")
    np.testing.assert_array_equal(after.attributes["fixture_positions"], before.attributes["fixture_positions"])
    with pytest.raises(DatasetError, match="is of the asset set 'official'"):
        replay(dataset, "builtin", 1)


def test_published_files_are_executed_from_their_states_with_their_fixtures(recorded, path, tmp_path):
    as_published(path)
    dataset = read(path, tmp_path)
    # As if they were of LIBERO's own assets, and those were here.
    metadata = dataset.location.data / "metadata.json"
    tree = json.loads(metadata.read_text())
    tree["libero_gym"] |= {"assets": recorded.header.assets, "assets_version": recorded.header.assets_version}
    metadata.write_text(json.dumps(tree))
    for result in replay(DemoDataset.open(dataset.location), "builtin", 1):
        assert result.success
        # The state has positions and velocities, not what the gripper and the contact solver were about.
        assert 0 < result.difference < 0.03


def test_regenerated_files_without_attributes(recorded, path, tmp_path):
    with h5py.File(path, "a") as file:
        for group in (file["data"], *file["data"].values()):
            for name in list(group.attrs):
                del group.attrs[name]
        for demo in file["data"].values():
            del demo["final_obs"], demo["rewards"]
    dataset = read(path, tmp_path)  # the folder's name says the suite, the file's the task
    before, after = recorded.episode(0), dataset.episode(0)
    np.testing.assert_array_equal(after.actions, before.actions)
    np.testing.assert_array_equal(after.observations["image"][:-1], before.observations["image"][:-1])
    np.testing.assert_array_equal(after.observations["image"][-1], before.observations["image"][-2])
    assert after.attributes["success"]


def test_a_cut_file(path, tmp_path):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - 500)
    with pytest.raises(DatasetError, match=r"_demo\.hdf5 is cut off, damaged or not in LIBERO's layout"):
        read(path, tmp_path)
    assert not list((tmp_path / "imported").rglob("*"))


def test_what_does_not_fit_is_named(path, tmp_path):
    with h5py.File(path, "a") as file:
        demo = file["data/demo_1"]
        actions, states = demo["actions"][()], demo["states"][()]
        del demo["actions"]
        demo["actions"] = np.zeros((len(actions), 8))
    with pytest.raises(DatasetError, match=r"demo_1 has actions of shape \(\d+, 8\); expected \(T, 7\)"):
        read(path, tmp_path)
    with h5py.File(path, "a") as file:
        demo = file["data/demo_1"]
        del demo["actions"], demo["states"]
        demo["actions"], demo["states"] = actions, states[:, :-1]
    with pytest.raises(DatasetError, match=r"demo_1 has states of shape .*: another scene"):
        read(path, tmp_path)
    with h5py.File(path, "a") as file:
        demo = file["data/demo_1"]
        del demo["states"]
        demo["states"] = states[:-1]
    with pytest.raises(DatasetError, match=r"demo_1 has arrays for \[\d+, \d+\] control steps"):
        read(path, tmp_path)
    with h5py.File(path, "a") as file:
        file["data"].attrs["bddl_file_name"] = "somewhere/lift.bddl"
        file["data"].attrs["env_name"] = "Lift"
    with pytest.raises(DatasetError, match="of the environment 'Lift', task 'lift', which libero_90 does not have"):
        read(path, tmp_path)


def test_a_dataset_is_not_written_over(recorded, exported):
    with pytest.raises(DatasetError, match="there is a dataset pushed-v0"):
        import_files([exported], recorded.location)
    assert len(DemoDataset.open(recorded.location).records) == 3


def test_nothing_to_read(tmp_path):
    with pytest.raises(DatasetError, match=r"has no \*_demo.hdf5"):
        find_files(tmp_path)
    with pytest.raises(DatasetError, match="does not exist"):
        find_files(tmp_path / "none.hdf5")
