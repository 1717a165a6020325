"""Where a run writes is claimed before anything is made: free, writable, with room, and by one process only."""

import multiprocessing
import os
import re
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import train_process

from vla_trainer import folder_lock, run_folder
from vla_trainer.errors import CheckpointError, RunFolderError, RunLostError
from vla_trainer.run_folder import claim

_context = multiprocessing.get_context("fork")


@contextmanager
def tmpfs(where: Path, options: str) -> Iterator[Path]:
    """A file system of its own at `where`."""
    where.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", where], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", where], check=True)


def _claim_at(barrier: Any, folder: Path, names: Any) -> None:
    barrier.wait()
    claimed = run_folder._claim_new(folder)
    claimed.keep()
    names.put(claimed.path.name)
    barrier.wait()  # nobody gives it back before all have one


def test_of_three_that_ask_at_once_each_gets_its_own(tmp_path: Path) -> None:
    barrier, names = _context.Barrier(3), _context.Queue()
    asked = tmp_path / "logs/recipe/time"
    processes = [_context.Process(target=_claim_at, args=(barrier, asked, names)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert sorted(names.get() for _ in processes) == ["time", "time-2", "time-3"]


def test_three_runs_started_together_are_three_runs(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    arguments = [toy_recipes["grpo"], "trainer.iterations=2", "video_cfg.save_video=false"]
    logs = [tmp_path / f"{number}.log" for number in range(3)]
    processes = [train_process.start(arguments, log, folder=tmp_path) for log in logs]
    for process, log in zip(processes, logs, strict=True):
        process.join(120)
        assert process.exitcode == 0, log.read_text()
    folders = [re.findall(r"done: (\S+)", log.read_text()) for log in logs]
    assert len({folder for found in folders for folder in found}) == 3
    for (folder,) in folders:
        assert len((tmp_path / folder / "metrics.jsonl").read_text().splitlines()) == 2
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == [
            "checkpoints",
            "config.yaml",
            "metrics.jsonl",
            "tensorboard",
        ]


def until(happened: Callable[[], bool], process: Any, log: Path) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert process.is_alive(), log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)


LONG = ["trainer.iterations=100000", "trainer.save_every=2", "video_cfg.save_video=false"]


@pytest.fixture
def running(toy_recipes: dict[str, str], tmp_path: Path) -> Iterator[tuple[Any, Path, Path]]:
    """A run that goes on: its process, folder and log."""
    folder, log = tmp_path / "run", tmp_path / "running.log"
    process = train_process.start([toy_recipes["ppo"], *LONG, f"output_dir={folder}"], log)
    until((folder / "checkpoints/step_000002").is_dir, process, log)
    yield process, folder, log
    process.kill()
    process.join()


def test_a_running_run_is_left_alone(
    running: tuple[Any, Path, Path], toy_recipes: dict[str, str], quick_command: Callable[..., Any]
) -> None:
    process, folder, log = running
    for arguments in (["--resume", folder], [toy_recipes["grpo"], f"output_dir={folder}"]):
        begun = time.monotonic()
        done = quick_command("vla-train", *arguments)
        assert done.returncode == 2
        assert done.stderr.startswith(f"RunFolderError: {folder} is in use by process {process.pid} on ")
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""
        assert time.monotonic() - begun < 10
    # its checkpoints can be looked at
    done = quick_command("vla-eval", folder, "eval.episodes=3", "video_cfg.save_video=false")
    assert done.returncode == 0, done.stderr
    assert f"the run goes on in process {process.pid} on " in done.stdout
    assert (folder / "eval.json").exists()
    assert process.is_alive(), log.read_text()
    assert list((folder / "checkpoints").glob("*set_aside*")) == []
    # released by death
    process.kill()
    process.join()
    steps = max(int(path.name[5:]) for path in (folder / "checkpoints").glob("step_??????"))
    done = quick_command("vla-train", "--resume", folder, f"trainer.iterations={steps + 1}")
    assert done.returncode == 0, done.stderr
    rows = (folder / "metrics.jsonl").read_text().splitlines()
    assert [int(re.findall(r'"iteration": (\d+)', row)[0]) for row in rows] == list(range(1, steps + 2))


def test_a_folder_that_is_removed_while_the_run_goes_on(running: tuple[Any, Path, Path]) -> None:
    process, folder, log = running
    folder.rename(folder.with_name("gone"))
    process.join(60)
    assert process.exitcode == 1
    last = log.read_text().splitlines()[-1]
    assert last == f"RunLostError: {folder} was removed while the run was going on; what it held is lost"
    assert "done" not in log.read_text()
    assert b"\x00" not in (folder.with_name("gone") / "metrics.jsonl").read_bytes()
    assert not (folder / "metrics.jsonl").exists()


def test_another_run_in_its_place_is_not_written_to(running: tuple[Any, Path, Path]) -> None:
    process, folder, log = running
    folder.rename(folder.with_name("gone"))
    with claim("other", str(folder)) as other:
        other.keep()
        process.join(60)
        assert process.exitcode == 1, log.read_text()
        assert [path.name for path in folder.iterdir()] == [folder_lock.LOCK_FILE]
    assert "was replaced by another while the run was going on" in log.read_text()


def test_metrics_that_are_removed_are_missed_at_the_end(
    toy_recipes: dict[str, str], tmp_path: Path, quick_command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vla_trainer.loggers.console import ConsoleLogger

    folder = tmp_path / "run"
    log = ConsoleLogger.log

    def remove(logger: ConsoleLogger, iteration: int, metrics: Any) -> None:
        log(logger, iteration, metrics)
        if iteration == 3:
            (folder / "metrics.jsonl").unlink()
            (folder / "config.yaml").unlink()

    monkeypatch.setattr(ConsoleLogger, "log", remove)
    done = quick_command("vla-train", toy_recipes["grpo"], "trainer.iterations=5", f"output_dir={folder}")
    assert done.returncode == 1
    assert done.stderr == (
        f"RunLostError: {folder} is incomplete at the end of the run: it lacks config.yaml, "
        "metrics.jsonl of iterations 1 to 2\n"
    )
    assert "metrics.jsonl was removed or cut while the run was going on" in done.stdout
    assert "done" not in done.stdout
    rows = (folder / "metrics.jsonl").read_text()
    assert re.findall(r'"iteration": (\d+)', rows) == ["3", "4", "5"]
    assert "\0" not in rows


def test_a_file_in_the_way(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for chosen in (file, file / "run", file / "deeper/run"):
        with pytest.raises(RunFolderError, match=f"{chosen} cannot be made: {file} is a file, not a folder; choose"):
            claim("recipe", str(chosen))
    assert file.read_text() == "mine"


def test_where_nothing_can_be_made(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="/proc/run cannot be made: No such file or directory; choose another"):
        claim("recipe", "/proc/run")
    with pytest.raises(RunFolderError, match="cannot be made: File name too long"):
        claim("recipe", str(tmp_path / ("a" * 300)))
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_disk(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=8m") as disk:
        (disk / "run").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        for chosen, what in (("new", "made"), ("run", "written")):
            with pytest.raises(RunFolderError, match=f"{chosen} cannot be {what}: Read-only file system; choose"):
                claim("recipe", str(disk / chosen))
        with pytest.raises(RunFolderError, match="cannot be written: Read-only file system"):
            claim("recipe", None, disk / "run")


def test_a_full_disk(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=2m") as disk:
        (disk / "filler").write_bytes(bytes(3 << 19))  # half a MiB is left
        with pytest.raises(RunFolderError, match="run cannot be written: No space left on device; choose another"):
            claim("recipe", str(disk / "deep/run"))
        assert [path.name for path in disk.iterdir()] == ["filler"]


def test_no_room_for_another_checkpoint(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=8m") as disk:
        newest = disk / "run/checkpoints/step_000004"
        newest.mkdir(parents=True)
        (newest / "trainer_state.pt").write_bytes(bytes(5_000_000))
        with pytest.raises(
            RunFolderError, match=r"3 MB are free on its disk, and a checkpoint takes 5 MB \(step_000004"
        ):
            claim("recipe", None, disk / "run")
        assert [path.name for path in (disk / "run").iterdir()] == ["checkpoints"]
        claim("recipe", str(disk / "other")).close()


def test_a_limit_of_file_sizes(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(RunFolderError, match="run cannot be written: File too large"):
            claim("recipe", str(tmp_path / "run"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_what_did_not_begin_leaves_nothing_and_what_was_there_stays(tmp_path: Path) -> None:
    with claim("recipe", str(tmp_path / "new/run")) as claimed:
        (claimed.path / "wandb").mkdir()
        (claimed.path / "wandb/run_id").write_text("1")
    assert list(tmp_path.iterdir()) == []
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    claim("recipe", str(mine)).close()
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]
    with claim("recipe", str(tmp_path / "run")) as claimed:
        claimed.begin("a: 1\n")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.yaml"]
    with pytest.raises(CheckpointError, match=f"{tmp_path / 'run'} already holds a run; continue it with --resume"):
        claim("recipe", str(tmp_path / "run"))
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.yaml"]


def test_a_disk_that_fills_up_during_a_run(
    toy_recipes: dict[str, str], tmp_path: Path, quick_command: Callable[..., Any]
) -> None:
    with tmpfs(tmp_path / "disk", "size=3m") as disk:
        done = quick_command(
            "vla-train", toy_recipes["grpo"], f"output_dir={disk / 'run'}", "trainer.save_every=1",
            "policy.kwargs={width: 160, critic: false}", "trainer.iterations=50", "video_cfg.save_video=false",
        )  # fmt: skip
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr
        line = done.stderr.splitlines()[-1]
        assert "No space left on device" in line or "os error 28" in line
        assert "; older ones are as they were" in line
        assert "done" not in done.stdout
        whole = sorted(path.name for path in (disk / "run/checkpoints").glob("step_*"))
        assert len(whole) >= 1
        # with room again it goes on
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        done = quick_command("vla-train", "--resume", disk / "run", f"trainer.iterations={len(whole) + 2}")
        assert done.returncode == 0, done.stderr


def test_a_disk_that_is_full_when_an_evaluation_is_written(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=2m") as disk, claim("recipe", str(disk / "run")) as claimed:
        from vla_trainer import atomic_files as atomic_files

        claimed.begin("a: 1\n")
        (disk / "filler").write_bytes(bytes(os.statvfs(disk).f_bavail * 4096))
        with (
            pytest.raises(RunLostError, match=r"cannot write .*eval\.json: No space left on device; what was"),
            claimed.writing(),
        ):
            atomic_files.write_text(disk / "run/eval.json", "{}")


def test_numbers_in_words() -> None:
    assert run_folder.spans([4]) == "iteration 4"
    assert run_folder.spans([1, 3, 4, 5, 9]) == "iterations 1, 3 to 5, 9"
