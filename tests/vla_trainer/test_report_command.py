"""The command `vla-report`: where it writes, what it prints, and what is wrong in a line."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import report_cases

pytest.importorskip("jinja2", reason='pip install "vla-trainer[report]"')
pytest.importorskip("matplotlib", reason='pip install "vla-trainer[report]"')
Command = Callable[..., subprocess.CompletedProcess[str]]


def test_a_report_stands_in_the_only_folder_and_that_of_several_here(quick_command: Command, tmp_path: Path) -> None:
    first, second = (str(report_cases.write_run(tmp_path / name)) for name in ("a", "b"))
    done = quick_command("vla-report", first)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"written: {first}/report.html, ")
    done = quick_command("vla-report", first, second, "--title", "Two of them")
    assert done.returncode == 0
    assert "<h1>Two of them</h1>" in (tmp_path / "report.html").read_text()


def test_what_is_wrong_is_one_line_and_exit_code_2(quick_command: Command, tmp_path: Path) -> None:
    run = report_cases.write_run(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        (["empty"], "ReportError: empty is no run, ablation or sweep"),
        ([str(run), "--max-mb", "0.1"], "without videos; allowed: --max-mb above that"),
        ([str(run), "--out", "none/report.html"], "none/report.html cannot be written: No such file or directory"),
        ([str(run), "--out", "empty"], "empty is a folder"),
    ):
        done = quick_command("vla-report", *arguments)
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
    (run / "metrics.jsonl").write_text("nonsense\n")
    done = quick_command("vla-report", str(run))
    assert done.returncode == 2
    assert f"{run}/metrics.jsonl: line 1 is no row of metrics" in done.stderr
    assert not (run / "report.html").exists()


def test_help_names_folders_and_options(quick_command: Command) -> None:
    done = quick_command("vla-report", "--help")
    assert done.returncode == 0
    for word in ("RUN...", "--out", "--title", "--max-mb", "--open", "vla-ablate", "Example"):
        assert word in done.stdout
    assert "tiny_spatial_ppo_from_sft" not in done.stdout
