"""benchmarks/gpu_smoke.py: rows and bounds, what becomes of a section that fails, and all sections on processors."""

import argparse
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def smoke() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("gpu_smoke")


@pytest.fixture(scope="module")
def rows(smoke: ModuleType) -> ModuleType:
    return importlib.import_module("smoke_rows")


def given(*only: str) -> argparse.Namespace:
    return argparse.Namespace(device="cpu", size="tiny", only=list(only))


def test_a_bound_decides_and_no_bound_measures(rows: ModuleType) -> None:
    assert [rows.at_least("act", "share", value, 0.5).status for value in (0.49, 0.5)] == ["failed", "ok"]
    assert [rows.at_most("render", "growth", value, 20).status for value in (20.0, 20.1)] == ["ok", "failed"]
    assert rows.at_least("act", "share", 0.1, None).status == "measured"
    # a share that is no number keeps no bound
    assert rows.at_least("act", "share", float("nan"), 0.5).status == "failed"
    assert rows.at_most("offload", "difference", float("nan"), 0.05).status == "failed"
    assert rows.holds("act", "attention", False, "math x 3", "no math kernel").status == "failed"


def test_rows_are_read_as_they_were_written(rows: ModuleType, tmp_path: Path) -> None:
    made = [rows.at_least("act", "share", 0.51, 0.5, "1"), rows.skipped("sync", "weight sync", "needs two GPUs")]
    for row in made:
        row.write(tmp_path / "rows.jsonl")
    assert rows.read(tmp_path / "rows.jsonl") == made
    assert rows.read(tmp_path / "none.jsonl") == []


def test_the_table_shows_value_bound_and_status(rows: ModuleType) -> None:
    console = Console(width=140, record=True, quiet=False)
    rows.report([rows.at_least("act", "share of peak", 0.4, 0.5)], console, "title")
    text = console.export_text()
    assert all(part in text for part in ("share of peak", "0.4", ">= 0.5", "failed"))


def test_a_section_that_ends_badly_is_a_failed_row_and_keeps_what_it_measured(
    smoke: ModuleType, rows: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the section's process finds the folder of machine.jsonl taken, and ends with a traceback
    (tmp_path / "machine").mkdir()
    rows.Row("machine", "before", 1.0).write(tmp_path / "machine.jsonl")
    first, failure, seconds = smoke.run_in_process("machine", given("machine"), tmp_path)
    assert first.figure == "before"
    assert (failure.status, failure.figure) == ("failed", "the section")
    assert str(failure.measured).startswith("exit code 1: FileExistsError")
    assert (seconds.figure, seconds.unit) == ("time", "s")
    monkeypatch.setitem(smoke.SECTIONS, "render", ("smoke_render", 0.1))
    late, _ = smoke.run_in_process("render", given("render"), tmp_path)
    assert (late.status, late.measured) == ("failed", f"not done after {0.1 * smoke.PATIENCE} s")


def test_attention_kernels_and_waits_are_read_from_what_torch_called(smoke: ModuleType) -> None:
    from collections import Counter

    policy = importlib.import_module("smoke_policy")
    counted = Counter(
        {
            "aten::_scaled_dot_product_efficient_attention": 58,
            "aten::_scaled_dot_product_efficient_attention_backward": 58,
            "aten::_scaled_dot_product_attention_math": 1,
            "aten::scaled_dot_product_attention": 59,
            "cudaStreamSynchronize": 3,
            "cudaEventSynchronize": 1,
            "cudaDeviceSynchronize": 2,  # ours, around what is timed
        }
    )
    assert policy.attention_kernels(counted) == {"attention_math": 1, "efficient_attention": 58}
    assert policy.synchronizations(counted) == 4


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_section_runs_on_processors(tmp_path: Path) -> None:
    file = tmp_path / "smoke.json"
    command = ["sh", str(BENCHMARKS / "gpu_smoke.sh"), "--device", "cpu", "--size", "tiny", "--json", str(file)]
    done = subprocess.run(
        [*command, "--keep", str(tmp_path / "kept")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHON": sys.executable},
    )
    table = json.loads(file.read_text())["rows"]
    assert done.returncode == 0, done.stdout + done.stderr
    statuses = {(row["section"], row["figure"]): row["status"] for row in table}
    assert {section for section, _ in statuses} == {"machine", "render", "act", "update", "offload", "ray", "sync"}
    kept = [
        ("machine", "GL_RENDERER"),
        ("render", "images show something"),
        ("act", "attention"),
        ("update", "losses of all variants"),
        ("update", "gradient of the adapters"),
        ("offload", "difference of the gradient's norm"),
        ("ray", "iterations after --resume"),
        ("sync", "versions that acted"),
    ]
    assert {key: statuses.get(key) for key in kept} == dict.fromkeys(kept, "ok")
    # what only a GPU can show is named
    assert [key for key, status in statuses.items() if status == "skipped"] == [
        ("act", "synchronizations of an act"),
        ("act", "act on 2, best share of peak"),
        ("update", "best share of peak"),
        ("offload", "weights"),
    ]
