"""What the guard and the notes said is said again."""

from pathlib import Path

import report_cases

from vla_trainer.report.events import events_of


def test_signs_updates_and_steps(tmp_path: Path) -> None:
    rows = [report_cases.metrics(number, 0.5) for number in range(1, 5)]
    # 0.9 is above 0.5, the limit of any run
    rows[1] |= {"actor/clip_fraction": 0.9, "trainer/collapse_signs": 1.0}
    rows[2] |= {"actor/undone_updates": 1.0, "actor/update_kl": 0.25}
    rows[3] |= {"actor/skipped_steps": 2.0, "actor/optimizer_steps": 18.0}
    events = events_of(report_cases.read_run(report_cases.write_run(tmp_path / "run", rows=rows)))
    assert [(event.iteration, event.kind) for event in events] == [
        (2, "collapse sign"),
        (3, "update undone"),
        (4, "note"),
    ]
    assert events[0].text.startswith("actor/clip_fraction is 0.9, above 0.5 (the limit of any run)")
    assert "0.25 nats" in events[1].text
    assert events[2].text.startswith("2 of 20 optimizer steps skipped")


def test_where_the_guard_finds_another_number_only_the_number_is_reported(tmp_path: Path) -> None:
    rows = [report_cases.metrics(1, 0.5, trainer_collapse_signs=3.0)]
    events = events_of(report_cases.read_run(report_cases.write_run(tmp_path / "run", rows=rows)))
    assert [event.text for event in events] == ["3 metrics outside their range"]


def test_a_run_without_events(tmp_path: Path) -> None:
    assert events_of(report_cases.read_run(report_cases.write_run(tmp_path / "run"))) == []
