"""Checkpoints are whole or absent, and which ones stay."""

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from vla_trainer import checkpoint
from vla_trainer.checkpoint import Score
from vla_trainer.errors import CheckpointError, TrainingDivergedError

METRIC = "eval/success_rate"


class Linear(nn.Linear):
    def save_pretrained(self, directory: Path) -> None:
        if self.bias is None:
            raise OSError("disk full")
        (directory / "policy.txt").write_text("here")


class Careless(nn.Linear):
    def save_pretrained(self, directory: Path) -> None:
        raise TypeError("a mistake of the policy's")


def names(folder: Path) -> list[str]:
    return [path.name for path in checkpoint.found(folder)]


def save(folder: Path, step: int, score: float | None = None, keep: int | None = None, metric: str = METRIC) -> Path:
    return checkpoint.save(folder, step, Linear(2, 3), {"iteration": step}, keep, score=Score(metric, score))


def best(folder: Path) -> str:
    return checkpoint.follow(folder / "best").name


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    policy = Linear(2, 3)
    path = checkpoint.save(tmp_path / "checkpoints", 7, policy, {"iteration": 7, "rng": {"state": 2**100}})
    assert path.name == "step_000007"
    assert (path / "policy.txt").exists()
    another = Linear(2, 3)
    assert checkpoint.load(path, another) == {"iteration": 7, "rng": {"state": 2**100}}
    torch.testing.assert_close(another.weight, policy.weight)
    assert checkpoint.newest(tmp_path) == path


def test_it_is_not_there_before_it_is_published(tmp_path: Path) -> None:
    written = checkpoint.write(tmp_path / "checkpoints", 1, partial(checkpoint.write_policy, Linear(2, 3)), {})
    assert checkpoint.newest(tmp_path) is None
    assert written.publish() == checkpoint.newest(tmp_path)
    assert names(tmp_path / "checkpoints") == ["step_000001"]
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1


def test_an_interrupted_save_leaves_no_checkpoint(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, Linear(2, 3), {})
    with pytest.raises(CheckpointError, match=r"cannot write checkpoint .*step_000002: disk full"):
        checkpoint.save(tmp_path, 2, Linear(2, 3, bias=False), {})
    with pytest.raises(TypeError, match="a mistake"):
        checkpoint.save(tmp_path, 2, Careless(2, 3), {})
    assert [path.name for path in tmp_path.iterdir()] == ["step_000001"]


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """What a full disk does, at a place that a test can choose: a write ends with an OSError."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class Large(nn.Linear):
    """120 kB of weights."""

    def __init__(self, write: Callable[[nn.Linear, Path], None]) -> None:
        super().__init__(100, 300)
        self.write = write

    def save_pretrained(self, directory: Path) -> None:
        self.write(self, directory)


def by_safetensors(policy: nn.Linear, directory: Path) -> None:
    from safetensors.torch import save_file

    save_file(dict(policy.state_dict()), directory / "model.safetensors")


@pytest.mark.parametrize("write", [by_safetensors, lambda policy, directory: None])
def test_a_full_disk_is_named_and_leaves_the_older_ones(tmp_path: Path, write: Callable) -> None:
    policy = Large(write)
    older = checkpoint.save(tmp_path, 1, policy, {})
    with no_file_larger_than(50_000), pytest.raises(CheckpointError, match=r"step_000002: .*File too large") as raised:
        checkpoint.save(tmp_path, 2, policy, {}, keep=1)
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["step_000001"]
    checkpoint.load(older, policy)


def test_old_ones_go(tmp_path: Path) -> None:
    for step in (1, 2, 1_000_000):
        checkpoint.save(tmp_path, step, Linear(2, 3), {}, keep=2)
    assert names(tmp_path) == ["step_000002", "step_1000000"]


def test_the_best_one_stays_and_is_pointed_at(tmp_path: Path) -> None:
    save(tmp_path, 1, 0.5, keep=1)
    assert best(tmp_path) == "step_000001"
    save(tmp_path, 2, 0.9, keep=1)
    save(tmp_path, 3, None, keep=1)
    save(tmp_path, 4, float("nan"), keep=1)
    save(tmp_path, 5, 0.7, keep=1)
    assert names(tmp_path) == ["step_000002", "step_000005"]
    assert best(tmp_path) == "step_000002"
    assert not (tmp_path / "best").readlink().is_absolute()
    # of equals the newest, and no temporary file stays
    save(tmp_path, 6, 0.9, keep=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "step_000006"]
    assert json.loads((tmp_path / "step_000006/score.json").read_text()) == {"metric": METRIC, "value": 0.9}
    # scores in another metric are not compared
    save(tmp_path, 7, 0.1, keep=2, metric="env/success_rate")
    assert best(tmp_path) == "step_000007"
    save(tmp_path, 8, None, keep=2, metric="rollout/reward_mean")
    assert not (tmp_path / "best").is_symlink()
    with pytest.raises(CheckpointError, match="no checkpoint there has a score"):
        best(tmp_path)


def test_what_was_just_saved_is_never_pruned(tmp_path: Path) -> None:
    save(tmp_path, 5)
    save(tmp_path, 3, keep=1)
    assert names(tmp_path) == ["step_000003", "step_000005"]
    save(tmp_path, 5, keep=1)  # the same step again replaces it
    assert names(tmp_path) == ["step_000005"]


def test_where_links_cannot_be_made_a_file_says_which_is_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(self: Path, target: str) -> None:
        raise OSError("operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", no_links)
    save(tmp_path, 1, 0.5)
    save(tmp_path, 2, 0.4)
    assert (tmp_path / "best").read_text() == "step_000001\n"
    assert best(tmp_path) == "step_000001"
    checkpoint.load(tmp_path / "best", Linear(2, 3))


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path) is None
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        checkpoint.load(tmp_path, Linear(2, 3))
    path = checkpoint.save(tmp_path / "checkpoints", 1, Linear(2, 3), {})
    with pytest.raises(CheckpointError, match="another policy"):
        checkpoint.load(path, Linear(5, 3))
    (path / "trainer_state.pt").unlink()
    with pytest.raises(CheckpointError, match="step_000001 is not a checkpoint"):
        checkpoint.newest(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "empty", "changed"])
def test_a_damaged_one_is_named_with_the_one_to_use_instead(tmp_path: Path, damage: str) -> None:
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step, Linear(40, 30), {})
    file = tmp_path / "step_000003/trainer_state.pt"
    whole = file.read_bytes()
    middle = len(whole) // 2
    broken = {"cut": whole[:middle], "empty": b"", "changed": whole[:middle] + b"\x55\xaa\x55" + whole[middle + 3 :]}
    file.write_bytes(broken[damage])
    (tmp_path / "step_000002/trainer_state.pt").write_bytes(whole[:-100])  # this one is no good either
    with pytest.raises(CheckpointError, match=r"step_000003 is damaged: .*--resume .*step_000001$"):
        checkpoint.load(tmp_path / "step_000003", Linear(40, 30))
    (tmp_path / "step_000001/trainer_state.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="no older one that is whole"):
        checkpoint.load(tmp_path / "step_000003", Linear(40, 30))


def test_newer_ones_than_a_run_goes_on_from_are_renamed(tmp_path: Path) -> None:
    for step, score in ((1, 0.5), (2, 0.4), (3, 0.9)):
        save(tmp_path, step, score)
    moved = checkpoint.continue_from(tmp_path / "step_000001", METRIC)
    assert [path.name for path in moved] == ["step_000003.set_aside", "step_000002.set_aside"]
    assert names(tmp_path) == ["step_000001"]
    assert best(tmp_path) == "step_000001"
    save(tmp_path, 3, 0.1)
    again = checkpoint.continue_from(tmp_path / "step_000001", METRIC)
    assert [path.name for path in again] == ["step_000003.set_aside_2"]


def test_weights_that_are_not_finite_are_never_written(tmp_path: Path) -> None:
    policy = Linear(2, 3)
    save(tmp_path, 1, 0.5, keep=2)
    save(tmp_path, 2, 0.9, keep=2)
    before = sorted(path.name for path in tmp_path.iterdir())
    for bad in (float("nan"), float("inf"), 1e30):
        with torch.no_grad():
            policy.weight[1, 0] = bad
        with pytest.raises(TrainingDivergedError, match=r"step_000003 would hold are not finite: weight"):
            checkpoint.save(tmp_path, 3, policy, {}, keep=1, score=checkpoint.Score(METRIC, 1.0))
        assert sorted(path.name for path in tmp_path.iterdir()) == before
        assert best(tmp_path) == "step_000002"


def test_weights_that_are_not_finite_are_never_loaded(tmp_path: Path) -> None:
    # as an earlier version of this package has written it
    path = checkpoint.save(tmp_path, 1, Linear(2, 3), {})
    state = torch.load(path / checkpoint.STATE_FILE, weights_only=True)
    state["policy"]["weight"][0, 1] = torch.nan
    torch.save(state, path / checkpoint.STATE_FILE)
    policy = Linear(2, 3)
    before = policy.weight.clone()
    with pytest.raises(CheckpointError, match=r"step_000001 holds weights that are not finite: weight"):
        checkpoint.load(path, policy)
    assert torch.equal(policy.weight, before)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b'{"metric": "eval/success_rate", "value": "9"}', b"NaN"])
def test_a_damaged_score_is_none(content: bytes, tmp_path: Path) -> None:
    save(tmp_path, 1, 0.5)
    (save(tmp_path, 2, 0.9) / "score.json").write_bytes(content)
    assert checkpoint.best(tmp_path, METRIC) == tmp_path / "step_000001"


@pytest.mark.parametrize("content", [b"step_000009", b"../elsewhere", b"\xff\xfe", b"", b"a/../../b"])
def test_a_damaged_pointer_to_the_best_is_named(content: bytes, tmp_path: Path) -> None:
    save(tmp_path, 1, 0.5)
    (tmp_path / "best").unlink()
    (tmp_path / "best").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"best points at .*, which is not a checkpoint"):
        checkpoint.follow(tmp_path / "best")


def test_a_zip_or_pickle_of_something_else_is_named_without_advice_to_run_it(tmp_path: Path) -> None:
    import pickle
    import zipfile

    path = save(tmp_path, 1)
    file = path / "trainer_state.pt"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("notes.txt", "mine")
    with pytest.raises(CheckpointError, match="is not the state of a trainer: a zip file of something else"):
        checkpoint.read_state(path)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"iteration": 1}))
    with pytest.raises(CheckpointError, match="is not the state of a trainer"):
        checkpoint.read_state(path)
    file.write_bytes(pickle.dumps({"iteration": 1}))
    with pytest.raises(CheckpointError, match=r"is damaged: trainer_state\.pt: File is not a zip file"):
        checkpoint.read_state(path)
    torch.save({"policy": {}, "a": Path("code")}, file)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read_state(path, mapped=True)
    assert "it holds objects of pathlib" in str(caught.value)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.7, True), (0.6, True), (0.5, False), (None, False), (float("nan"), False)]
)
def test_whether_a_new_checkpoint_would_be_the_best(tmp_path: Path, value: float | None, expected: bool) -> None:
    save(tmp_path, 1, 0.6)
    save(tmp_path, 2)
    save(tmp_path, 3, 0.9, metric="eval/other")
    assert checkpoint.is_best(tmp_path, Score(METRIC, value)) == expected
    save(tmp_path, 4, value)
    assert (best(tmp_path) == "step_000004") == expected
