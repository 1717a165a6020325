"""`libero-gym play` without a display, and in a window where this machine can have one."""

import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from click.testing import CliRunner
from window import press_in_window

from libero_gym import Region, TaskSpec
from libero_gym.cli import app
from libero_gym.env import LiberoEnv
from libero_gym.errors import OptionError
from libero_gym.recording import Recorder, Recording
from libero_gym.tasks import load_suite


@pytest.fixture(scope="module")
def episode(tmp_path_factory):
    """Twelve steps of a hand that moves down."""
    env = LiberoEnv("spatial", task=1, assets="builtin", cameras=(), max_episode_steps=-1)
    recorder = Recorder(env, split="eval", settle_steps=10)
    recorder.begin(env.reset(seed=0, options={"init_state": 2})[1])
    action = np.array([0, 0, -1, 0, 0, 0, 1.0])
    for _ in range(12):
        recorder.add(action, env.step(action)[4])
    path = tmp_path_factory.mktemp("episode") / "episode.npz"
    recorder.finish().save(path)
    env.close()
    return path


def test_a_video_of_an_episode(start, episode, tmp_path):
    out = tmp_path / "new" / "video.mp4"
    done = start("play", episode, "--assets", "builtin", "--size", 64, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "12 steps, no success, exactly as recorded" in done.stdout
    frames = iio.imread(out)
    assert frames.shape == (13, 64, 128, 3)  # the initial state and a frame a step; two cameras side by side
    assert frames.std() > 10
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 1


def test_without_a_display_it_says_what_to_do(run, episode):
    for arguments in ((episode,), ("--suite", "spatial", "--task", 1)):
        done = run("play", *arguments, "--assets", "builtin", DISPLAY=None, WAYLAND_DISPLAY=None)
        assert done.returncode == 2
        assert done.stderr.startswith("DisplayError: there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is")
        assert "--out f.mp4" in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_number_of_the_union_is_driven_and_recorded_as_the_task_of_its_suite(monkeypatch, tmp_path):
    def drive(env, keyboard, recorder, report, *, seed, init_state):
        _, info = env.reset(seed=seed, options={"init_state": init_state})
        recorder.begin(info)
        action = keyboard.action()
        recorder.add(action, env.step(action)[4])

    monkeypatch.setattr("libero_gym.play.window.check_display", lambda: None)
    monkeypatch.setattr("libero_gym.play.window.drive", drive)
    path = tmp_path / "episode.npz"
    # Task 20 of all is task 0 of libero_goal, after ten of libero_spatial and ten of libero_object.
    arguments = ["play", "--suite", "130", "--task", "20", "--assets", "builtin", "--record", str(path)]
    CliRunner().invoke(app, arguments, catch_exceptions=False)
    recording = Recording.load(path)
    assert (recording.suite, recording.task) == ("libero_goal", load_suite("goal").tasks[0].name)


def test_a_task_of_ones_own_is_driven(monkeypatch, tmp_path):
    def drive(env, keyboard, recorder, report, *, seed, init_state):
        recorder.begin(env.reset(seed=seed, options={"init_state": init_state})[1])
        recorder.add(keyboard.action(), env.step(keyboard.action())[4])

    monkeypatch.setattr("libero_gym.play.window.check_display", lambda: None)
    monkeypatch.setattr("libero_gym.play.window.drive", drive)
    file, path = tmp_path / "mine.bddl", tmp_path / "episode.npz"
    file.write_text(TaskSpec(language="take the plate there", **load_plate()).to_bddl())
    arguments = ["play", "--task-file", str(file), "--assets", "builtin", "--record", str(path)]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.output.startswith("take the plate there\n")
    assert Recording.load(path).task == "mine"
    with pytest.raises(OptionError, match=r"--task-file .*mine\.bddl with --suite or --task; name one task"):
        CliRunner().invoke(app, [*arguments, "--suite", "spatial"], catch_exceptions=False)


def load_plate():
    """Return a task with one plate and two regions."""
    return {
        "problem": "LIBERO_Tabletop_Manipulation",
        "objects": {"plate_1": "plate"},
        "regions": {
            "main_table_left": Region("main_table", ((-0.15, -0.20, -0.05, -0.05),)),
            "main_table_right": Region("main_table", ((-0.10, 0.10, 0.10, 0.25),)),
        },
        "init": [("on", "plate_1", "main_table_left")],
        "goal": [("on", "plate_1", "main_table_right")],
    }


def test_a_display_that_is_not_there_does_not_hang(run, episode):
    done = run("play", episode, "--assets", "builtin", DISPLAY=":4711", WAYLAND_DISPLAY=None)
    assert done.returncode == 2
    assert done.stderr.startswith("DisplayError: a window cannot be opened on DISPLAY=:4711 (")


def test_another_asset_set_is_refused(run, episode, official_assets, tmp_path):
    done = run("play", episode, "--assets", official_assets, "--out", tmp_path / "video.mp4")
    assert done.returncode == 2
    assert done.stderr.startswith("RecordingError: it was recorded on the asset set 'builtin-")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "OptionError: name a task to drive with --suite and --task, or with --task-file, or a recorded EPISODE"),
        (["no.npz"], "RecordingError: no.npz does not exist"),
        (["no.npz", "--task", "1"], "OptionError: --task with a recorded episode"),
        (["--suite", "spatial", "--task", "1", "--out", "x.mp4"], "OptionError: --out without EPISODE"),
        (["--suite", "spatial", "--task", "1", "--record", "x.txt"], "OptionError: --record x.txt ends in '.txt'"),
        (["--suite", "spatail", "--task", "1"], "SuiteError: unknown suite 'spatail' (did you mean"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(arguments, message, run):
    done = run("play", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x.gif"], "OptionError: --out x.gif ends in '.gif'; allowed: .mp4"),
        (["--out", "x.mp4", "--size", "65"], "OptionError: --size 65; allowed: an even number"),
    ],
)
def test_a_video_that_cannot_be_made(arguments, message, run, episode):
    done = run("play", episode, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)


def test_without_the_library_for_videos_it_names_the_extra(start, episode, tmp_path):
    (tmp_path / "moviepy.py").write_text("raise ImportError('not here')")
    done = start("play", episode, "--out", tmp_path / "video.mp4", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == 'LiberoGymError: videos need moviepy: pip install "libero-gym[video]"\n'


@pytest.mark.slow
def test_driving_in_a_window_and_watching_it_again(display, tmp_path):
    command = Path(sys.executable).parent / "libero-gym"
    driven = tmp_path / "driven.npz"
    drive = [command, "play", "--suite", "spatial", "--task", 1, "--assets", "builtin", "--record", driven]
    output = press_in_window(display, drive, ["Up", "Up", "Next", "Return", "ctrl+q"])
    assert "Enter              close or open the gripper" in output
    actions = Recording.load(driven).actions
    assert f"written: {driven} ({len(actions)} steps)" in output
    # Away (-x), down (-z), then a closed gripper; nothing else moved.
    assert actions[:, 0].min() < 0 == actions[:, 0].max()
    assert actions[:, 2].min() < 0 == actions[:, 2].max()
    assert (actions[:, [1, 3, 4, 5]] == 0).all()
    assert (actions[0, 6], actions[-1, 6]) == (-1, 1)

    # It stays open at the end, so the keys come after the whole episode.
    watch = [command, "play", driven, "--assets", "builtin"]
    output = press_in_window(display, watch, ["F12"] * int(len(actions) / 20 / 0.3 + 10) + ["ctrl+q"])
    assert f"{len(actions)} steps, no success, exactly as recorded" in output
