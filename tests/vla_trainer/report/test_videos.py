"""Which videos are in a page, and which are named instead."""

import base64
from pathlib import Path

import report_cases

from vla_trainer.report.videos import choose_videos


def test_before_and_after_first_then_the_newest_evaluation(tmp_path: Path) -> None:
    folder = report_cases.write_run(tmp_path / "run")
    report_cases.write_video(folder, "eval/iteration_000010_task03_state01_failure.mp4", 30)
    newest = report_cases.write_video(folder, "eval/iteration_000040_task03_state00_success.mp4", 30)
    newest.write_bytes(b"0123")
    report_cases.write_video(folder, "beside/task03_state00.mp4", 30)
    videos, left_out = choose_videos([report_cases.read_run(folder)], 1e6)
    assert [video.caption for video in videos] == [
        "task 3, state 0",
        "iteration 40, task 3, state 0, success",
        "iteration 10, task 3, state 1, failure",
    ]
    assert [video.beside for video in videos] == [True, False, False]
    assert base64.b64decode(videos[1].base64) == b"0123"
    assert left_out == []


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    folder = report_cases.write_run(tmp_path / "run")
    report_cases.write_video(folder, "eval/large.mp4", 2_000_001)
    # 30 bytes are 40 of text
    report_cases.write_video(folder, "eval/first.mp4", 30)
    report_cases.write_video(folder, "eval/second.mp4", 30)
    run = report_cases.read_run(folder)
    videos, left_out = choose_videos([run], 79)
    assert len(videos) == 1
    assert {missing.path for missing in left_out} | {f"eval/{videos[0].name}"} == {
        "eval/large.mp4",
        "eval/first.mp4",
        "eval/second.mp4",
    }
    assert "more than 2 MB" in next(missing.why for missing in left_out if "large" in missing.path)
    videos, left_out = choose_videos([run], 80)
    assert len(videos) == 2


def test_runs_take_turns(tmp_path: Path) -> None:
    folders = [report_cases.write_run(tmp_path / name) for name in ("a", "b")]
    for folder in folders:
        for number in range(14):
            report_cases.write_video(folder, f"eval/best_task00_state{number:02d}.mp4", 30)
    runs = [report_cases.read_run(folder) for folder in folders]
    videos, _ = choose_videos(runs, 4 * 40)
    assert [video.run for video in videos] == ["a", "a", "b", "b"]
    # 12 of a run
    videos, left_out = choose_videos(runs, 1e6)
    assert len(videos) == 24
    assert len(left_out) == 4
