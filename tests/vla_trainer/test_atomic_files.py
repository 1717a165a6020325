"""Files that are old or new, and what killed processes leave."""

import subprocess
import sys
from pathlib import Path

import pytest

from vla_trainer import atomic_files as atomic_files


def test_a_text_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    atomic_files.write_text(file, "a: 1\n")
    atomic_files.write_text(file, "a: 2\n")
    assert file.read_text() == "a: 2\n"
    assert list(tmp_path.iterdir()) == [file]


def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.yaml"
    atomic_files.write_text(file, "a: 1\n")

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files, "sync", full)
    with pytest.raises(OSError, match="No space left"):
        atomic_files.write_text(file, "a: 2\n")
    assert file.read_text() == "a: 1\n"
    assert list(tmp_path.iterdir()) == [file]


def test_only_what_ended_processes_left_is_swept(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    mine = atomic_files.temporary_path(tmp_path / "step_000002")
    host, _, me = mine.name.removeprefix(".step_000002.").rpartition("-")
    left = [mine, tmp_path / f".step_000001.{host}-{ended.stdout.strip()}", tmp_path / f".best.{host}-{me}"]
    # process 1 runs on every machine; what another machine does cannot be told
    kept = [tmp_path / f".step_000003.{host}-1", tmp_path / ".step_000003.elsewhere-99", tmp_path / "step_000001"]
    for folder in (*left, *kept):
        folder.mkdir()
        (folder / "weights").touch()
    atomic_files.remove_stale(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
