"""`libero-gym demos`, as a person runs it."""

import json
from pathlib import Path

import minari
import pytest

SCRIPTS = str(Path(__file__).parents[1] / "demos")
RECORD = (
    "demos",
    "--suite",
    90,
    "--task",
    0,
    "--size",
    32,
    "--assets",
    "builtin",
    "--expert",
    "scripted_actions:Pusher",
)


@pytest.fixture(scope="module")
def root(start, tmp_path_factory):
    """A folder of Minari datasets with one in it."""
    folder = tmp_path_factory.mktemp("minari")
    done = start(
        *RECORD, "--per-task", 2, "--out", "libero/drawer-v0", PYTHONPATH=SCRIPTS, MINARI_DATASETS_PATH=str(folder)
    )
    assert done.returncode == 0, done.stderr
    assert f"written: {folder}/libero/drawer-v0 (2 episodes, " in done.stdout
    assert "2 of 2" in done.stdout
    assert "recording" in done.stderr  # the progress bar
    assert "2/2" in done.stderr
    return folder


def test_minari_loads_it_by_its_name(root, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(root))
    assert "libero/drawer-v0" in minari.list_local_datasets()
    dataset = minari.load_dataset("libero/drawer-v0")
    assert [episode.rewards.sum() for episode in dataset] == [1.0, 1.0]


def test_info(run, root):
    done = run("demos", "info", "libero/drawer-v0", MINARI_DATASETS_PATH=str(root))
    assert done.returncode == 0, done.stderr
    for text in (
        "libero/drawer-v0",
        "close the top drawer of the cabinet",
        "builtin-",
        "q99",
        "scripted_actions:Pusher",
    ):
        assert text in done.stdout
    tree = json.loads(run("demos", "info", root / "libero" / "drawer-v0", "--json").stdout)
    assert (tree["episodes"], tree["split"], tree["image_size"]) == (2, "train", 32)
    assert tree["tasks"][0]["successes"] == 2
    assert tree["statistics"]["libero_90"]["num_trajectories"] == 2


def test_replay(run, root):
    done = run("demos", "replay", root / "libero" / "drawer-v0", "--assets", "builtin")
    assert done.returncode == 0, done.stderr
    assert "2 of 2 succeed, 2 repeat to the last bit" in done.stdout
    done = run("demos", "replay", root / "libero" / "drawer-v0", "--assets", "builtin", "--workers", 1, "--json")
    tree = json.loads(done.stdout)
    assert tree["ok"]
    assert [episode["difference"] for episode in tree["episodes"]] == [0.0, 0.0]


def test_replay_names_what_no_longer_succeeds(run, root, tmp_path):
    import shutil

    import h5py

    shutil.copytree(root / "libero" / "drawer-v0", tmp_path / "changed-v0")
    path = next((tmp_path / "changed-v0" / "data" / "episodes").glob("*_0001.hdf5"))
    with h5py.File(path, "a") as file:
        file["episode/actions"][:, :6] = 0
    done = run("demos", "replay", tmp_path / "changed-v0", "--assets", "builtin", "--workers", 1)
    assert done.returncode == 1
    assert "1 of 2 succeed, 1 repeat to the last bit; no longer: 1" in done.stdout


def test_export_and_import(run, root, tmp_path):
    done = run("demos", "export", root / "libero" / "drawer-v0", "--hdf5", tmp_path / "files")
    assert done.returncode == 0, done.stderr
    assert "(1 files, 2 episodes)" in done.stdout
    done = run("demos", "import", tmp_path / "files", "--out", tmp_path / "back-v0")
    assert done.returncode == 0, done.stderr
    assert minari.MinariDataset(tmp_path / "back-v0" / "data").total_episodes == 2


def test_too_few_is_exit_code_1(run, tmp_path):
    record = [*RECORD[:-1], "scripted_actions:refuses", "--per-task", 1, "--out", tmp_path / "few"]
    done = run(*record, PYTHONPATH=SCRIPTS)
    assert done.returncode == 1
    assert "0 of 1" in done.stdout
    assert "no expert: no way to do KITCHEN_SCENE10_close_the_top_drawer_of_the_cabinet" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "spatial"], "OptionError: --out and one of --suite and --task-file are required"),
        (["--suite", "spatail", "--out", "./x"], "SuiteError: unknown suite 'spatail' (did you mean"),
        (["--suite", "spatial", "--out", "x"], "DatasetError: 'x' is no name of a dataset; allowed: a Minari id with"),
        (["--suite", "spatial", "--out", "./x", "--split", "test"], "SplitError: unknown split 'test'"),
        (["--suite", "spatial", "--out", "./x", "--camera", "front"], "OptionError: unknown camera 'front'"),
        (
            ["--suite", "spatial", "--out", "./x", "--expert", "a.b:C"],
            "OptionError: --expert 'a.b:C' cannot be imported",
        ),
        (["replay", "./none"], "DatasetError: there is no dataset none-v0 at none"),
        (["info", "libero/none-v0"], "DatasetError: there is no dataset libero/none-v0 at"),
        (["export", "./none", "--hdf5", "x"], "DatasetError: there is no dataset none-v0"),
        (["import", "none.hdf5", "--out", "./x"], "DatasetError: none.hdf5 does not exist"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(arguments, message, run, tmp_path):
    done = run("demos", *arguments, LIBERO_GYM_ASSETS="builtin", MINARI_DATASETS_PATH=str(tmp_path))
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("using the built-in")]
    assert lines[0].startswith(message)
    assert len(lines) == 1


def test_another_asset_set_is_named(run, root, official_assets):
    done = run("demos", "replay", root / "libero" / "drawer-v0", "--assets", official_assets)
    assert done.returncode == 2
    assert done.stderr.startswith("DatasetError: the dataset drawer-v0 is of the asset set 'builtin-")
    assert done.stderr.count("\n") == 1


def test_without_the_libraries_it_names_the_extra(start, root, tmp_path):
    (tmp_path / "h5py.py").write_text("raise ImportError('not here')")
    done = start("demos", "info", root / "libero" / "drawer-v0", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "demonstrations need h5py" in done.stderr
    assert 'pip install "libero-gym[demos]"' in done.stderr
