"""`libero-gym snapshot`."""

import gymnasium
import numpy as np
import pytest
from PIL import Image


def test_a_sheet_shows_what_the_environment_shows(start, tmp_path):
    out = tmp_path / "new" / "sheet.png"
    done = start(
        *("snapshot", "--suite", "spatial", "--task", 0, "--task", 1, "--assets", "builtin", "--size", 64),
        *("--columns", 1, "--init-state", 7, "--quality", "fast", "--out", out),
    )
    assert done.returncode == 0, done.stderr
    assert f"written: {out} (2 tasks of builtin-" in done.stdout
    sheet = np.asarray(Image.open(out))
    env = gymnasium.make(
        "libero_gym:libero/Spatial-v0",
        task=0,
        assets="builtin",
        image_size=64,
        render_quality="fast",
        image_orientation="upright",
    )
    observation, _ = env.reset(seed=0, options={"init_state": 7})
    env.close()
    np.testing.assert_array_equal(sheet[6:70, 6:70], observation["image"])
    np.testing.assert_array_equal(sheet[6:70, 70:134], observation["wrist_image"])


def test_jpeg_is_smaller(run, tmp_path):
    sizes = []
    for name in ("a.png", "a.jpg"):
        arguments = ("--suite", "spatial", "--task", 1, "--assets", "builtin", "--out", tmp_path / name)
        assert run("snapshot", *arguments).returncode == 0
        with Image.open(tmp_path / name) as image:
            image.load()
        sizes.append((tmp_path / name).stat().st_size)
    assert sizes[1] < sizes[0] / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "spatial", "--out", "x.gif"], "OptionError: --out x.gif ends in '.gif'; allowed: .png, .jpg"),
        (["--suite", "spatial", "--quality", "fats", "--out", "x.png"], "OptionError: unknown --quality 'fats' (did"),
        (["--suite", "spatail", "--out", "x.png"], "SuiteError: unknown suite 'spatail' (did you mean"),
        (["--suite", "spatial", "--task", "11", "--out", "x.png"], "TaskError: unknown task '11'"),
        (["--suite", "spatial", "--assets", "bultin", "--out", "x.png"], "AssetError: unknown asset set 'bultin'"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(arguments, message, run):
    done = run("snapshot", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
