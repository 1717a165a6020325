"""Names and paths of datasets."""

import pytest

from libero_gym.demos.location import locate
from libero_gym.errors import DatasetError


def test_an_id_is_among_minari_s_datasets(monkeypatch, tmp_path):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    from minari.storage.datasets_root_dir import get_dataset_path

    for name in ("libero/spatial-builtin-v0", "pushed-v12"):
        assert locate(name).folder == get_dataset_path(name)
        assert locate(name).dataset_id == name


def test_a_path_gets_an_id_that_minari_takes(tmp_path):
    from minari.dataset.minari_dataset import parse_dataset_id

    for name, expected in (("my demos", "my-demos-v0"), ("a-v3", "a-v3"), ("x.y", "x-y-v0")):
        location = locate(str(tmp_path / name))
        assert location.folder == tmp_path / name
        assert location.dataset_id == expected
        parse_dataset_id(location.dataset_id)


def test_a_relative_folder_that_exists(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert locate("here").dataset_id == "here-v0"
    assert locate("./there").dataset_id == "there-v0"


@pytest.mark.parametrize("name", ["demos", "libero/demos", "", "libero/v0"])
def test_what_is_neither(name):
    with pytest.raises(DatasetError, match=r"allowed: a Minari id with a version, such as 'libero/.*-v0', or a path"):
        locate(name)
