"""`libero-gym bundle` as a person runs it: what it prints and how it leaves."""

from __future__ import annotations

import gymnasium
import pytest

from libero_gym.assets.builtin import VERSION

BUILTIN = f"builtin-{VERSION}"


def test_help_says_what_it_does_and_gives_an_example(run):
    assert "bundle" in run("--help").stdout
    done = run("bundle", "--help")
    assert done.returncode == 0
    for word in ("--suite", "--task", "--assets", "--out", "Example", "LIBERO_GYM_ASSETS"):
        assert word in done.stdout


def test_bundle_writes_what_gymnasium_then_runs(run, start, tmp_path):
    out = tmp_path / "new" / "bundle"
    done = start("bundle", "--suite", "spatial", "--task", 1, "--task", 0, "--assets", "builtin", "--out", out)
    assert done.returncode == 0, done.stderr
    assert f"scenes of {BUILTIN}" in done.stdout
    rows = [line.split()[:2] for line in done.stdout.splitlines() if line.startswith("libero_spatial")]
    assert rows == [["libero_spatial", "0"], ["libero_spatial", "1"]]
    assert f"written: {out}" in done.stdout
    assert "2/2" in done.stderr  # the progress bar

    env = gymnasium.make("libero_gym:libero/Spatial-v0", task=0, assets=out, image_size=32, settle_steps=0)
    assert env.reset(seed=0)[1]["assets"] == BUILTIN
    env.close()

    again = run("bundle", "--suite", "spatial", "--task", 1, "--assets", "builtin", "--out", out)
    assert again.returncode == 2
    assert (
        again.stderr == f"OptionError: --out {out} exists and is not an empty folder; name another one, or remove "
        "it first\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "spatil"], "SuiteError: unknown suite 'spatil'"),
        (["--suite", "spatial", "--task", "12"], "TaskError: unknown task '12' in libero/Spatial-v0; allowed: 0..9"),
        (["--suite", "spatial", "--suite", "goal", "--task", "1"], "OptionError: --task 1 with 2 suites; name one"),
        (
            ["--suite", "spatial", "--assets", "buildin"],
            "AssetError: unknown asset set 'buildin' (did you mean 'builti",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(arguments, message, run, tmp_path):
    done = run("bundle", *arguments, "--out", tmp_path / "bundle")
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []
