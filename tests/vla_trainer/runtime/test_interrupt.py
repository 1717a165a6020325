"""Ctrl-C while a run is on Ray: nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import slow_toy

pytestmark = pytest.mark.slow

SECONDS = 120.0


def marked(mark: str) -> list[int]:
    """Processes that have `mark` in their environment, which those that they start inherit."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


def wait_for(what: Callable[[], bool], seconds: float = SECONDS) -> bool:
    end = time.monotonic() + seconds
    while not (done := what()) and time.monotonic() < end:
        time.sleep(0.2)
    return done


def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    recipe, run = tmp_path / "slow.yaml", tmp_path / "run"
    recipe.write_text(slow_toy.GRPO)
    mark = uuid.uuid4().hex
    code = "from vla_trainer.cli import train; train()"
    arguments = ["cluster.backend=ray", "trainer.iterations=1000", f"output_dir={run}"]
    shared_before = set(Path("/dev/shm").iterdir())
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(recipe), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(slow_toy.__file__).parent), "MARK": mark},
        start_new_session=True,
        # shells start what runs in the background without it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        rows = run / "metrics.jsonl"
        assert wait_for(lambda: (rows.is_file() and rows.read_text().count("\n") > 1) or process.poll() is not None)
        # the driver, Ray's own processes, and four of the run
        assert len(marked(mark)) > 6
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert wait_for(lambda: not marked(mark), 20), marked(mark)
        assert wait_for(lambda: set(Path("/dev/shm").iterdir()) <= shared_before | other_rays(), 10)
    finally:
        for number in marked(mark):
            os.kill(number, signal.SIGKILL)


def other_rays() -> set[Path]:
    """Shared memory of Ray of tests that run beside this one."""
    return {place for place in Path("/dev/shm").iterdir() if "plasma" not in place.name}
