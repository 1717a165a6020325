"""Parts of models that scenes share as files; those of a bundle are in test_bundle.py."""

from __future__ import annotations

import hashlib

import pytest

from libero_gym.assets import resolve_assets
from libero_gym.scene import compiled_scene
from libero_gym.scene.model_parts import check_parts, model_of, share_model, shared_model
from libero_gym.tasks import load_suite

TASKS = load_suite("libero_spatial").tasks[1:3]


@pytest.fixture(scope="module")
def models() -> list[bytes]:
    return [compiled_scene(task, resolve_assets("builtin")).model_content() for task in TASKS]


def test_two_models_take_little_more_than_one_and_come_back(models, tmp_path):
    names = [share_model(model_of(model), tmp_path) for model in models]
    assert [shared_model(parts, tmp_path) for parts in names] == models
    # both scenes have the same meshes and textures
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1.3 * max(map(len, models))
    for path in tmp_path.iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def test_a_damaged_part_is_noticed_and_written_again(models, tmp_path):
    names = share_model(model_of(models[0]), tmp_path)
    (tmp_path / names[0]).write_bytes(b"other")
    with pytest.raises(OSError, match=f"{names[0]} in .* has other bytes than were written"):
        check_parts(names, tmp_path)
    assert share_model(model_of(models[0]), tmp_path) == names
    check_parts(names, tmp_path)
    (tmp_path / names[-1]).unlink()
    with pytest.raises(OSError, match=names[-1]):
        shared_model(names, tmp_path)
