"""What `gpu_smoke.sh` runs: a section after the other, each in a process of its own, then one table.

    machine   driver, CUDA, GPUs, /dev/shm, memory, disk; GL_RENDERER and the EGL devices
    render    ten tasks by eight threads, and the memory that stays
    act       the 7B acts on 4, 16 and 32 observations: ms, share of the peak, attention kernel, synchronizations
    update    evaluate and backward of a micro-batch with LoRA: checkpointing and compile on and off
    offload   FSDP2 on one rank, weights and moments in host memory: the step, and that it is the plain one
    ray       a collocated run of the tiny policy, two processes on the GPU, two iterations, then --resume
    sync      weights from a process that learns to one that acts, each on its GPU

`--device cpu --size tiny` takes the same paths on processors in two minutes; rows that need a GPU say so.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from compact_json import write_json
from rich.console import Console
from smoke_rows import Row, Settings, read, report

#: Section -> its module, and the seconds after which it is ended: in all somewhat more than the 8 minutes it takes.
SECTIONS = {
    "machine": ("smoke_machine", 90),
    "render": ("smoke_render", 120),
    "act": ("smoke_act", 240),
    "update": ("smoke_update", 300),
    "offload": ("smoke_offload", 120),
    "ray": ("smoke_ray", 180),
    "sync": ("smoke_sync", 120),
}

#: How many times longer a section may take on processors, which may be busy otherwise.
PATIENCE = 3


def run_section(name: str, settings: Settings, rows: Path) -> None:
    """Run a section in this process; its rows are appended to a file one by one."""
    if settings.device == "cpu":
        import torch

        torch.set_num_threads(1)  # the toy's matrices are too small to divide
    module = importlib.import_module(SECTIONS[name][0])
    for row in module.run(settings):
        row.write(rows)


def run_in_process(name: str, given: argparse.Namespace, folder: Path) -> list[Row]:
    """Run a section in a process of its own: what it does to the GPU, and a crash, stay there."""
    rows, log = folder / f"{name}.jsonl", folder / f"{name}.log"
    command = [sys.executable, str(Path(__file__)), "--device", given.device, "--size", given.size]
    begin, seconds = time.perf_counter(), SECTIONS[name][1] * (1 if given.device == "cuda" else PATIENCE)
    with log.open("w") as output:
        # a session of its own, to end what a section has started, too
        process = subprocess.Popen(
            [*command, "--inside", name, str(folder)], stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(seconds)
            failure = None if code == 0 else f"exit code {code}: {_last_line(log)}"
        except subprocess.TimeoutExpired:
            failure = f"not done after {seconds} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    found = read(rows)
    if failure is not None:
        found.append(Row(name, "the section", failure, status="failed"))
    return [*found, Row(name, "time", time.perf_counter() - begin, "s")]


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no message"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--size", choices=("full", "tiny"), default="full")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS), help="these sections")
    parser.add_argument("--json", type=Path, help="where the rows go")
    parser.add_argument("--keep", type=Path, help="folder for logs and runs, new or empty")
    parser.add_argument("--inside", nargs=2, metavar=("SECTION", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        name, folder = given.inside[0], Path(given.inside[1])
        own = folder / name
        own.mkdir()
        run_section(name, Settings(given.device, given.size, own), folder / f"{name}.jsonl")
        return
    console = Console(width=140)
    with tempfile.TemporaryDirectory(prefix="gpu_smoke_") as temporary:
        folder = (given.keep or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        rows: list[Row] = []
        for name in given.only:
            console.print(f"{name} ...")
            rows += run_in_process(name, given, folder)
    report(rows, console, f"GPU smoke test, {given.device}, {given.size}")
    failed, left_out = ([row for row in rows if row.status == status] for status in ("failed", "skipped"))
    console.print(f"{len(failed)} of {len(rows)} rows failed, {len(left_out)} skipped")
    if given.json:
        figures = {"device": given.device, "size": given.size, "machine": platform.processor() or platform.machine()}
        write_json(given.json, figures | {"rows": [asdict(row) for row in rows]})
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
