"""Measured times to JSON and back, and the errors of a wrong file."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from vla_trainer.errors import MeasurementError
from vla_trainer.planner import Line, StageTimes, Transfer

LEAST: dict[str, Any] = {"env_step": {"each": 1}, "act": {"fixed": 0.5}, "update": {}}


def test_round_trip(tmp_path: Path) -> None:
    times = StageTimes(
        env_step=Line(0.1, 0.2),
        act=Line(0.3, 0.4),
        update=Line(0.5, 0.6),
        env_serial=0.25,
        env_reset=Line(0.7, 0.8),
        request=Line(0.01, 0.02),
        episode=0.03,
        collect=Line(0.04, 0.05),
        batch=Line(0.06, 0.07),
        exchange=Transfer(5e9, 6e9, 0.3),
        optimizer_step=0.9,
        all_reduce=Transfer(1e9, 2e9, 0.1),
        sync=Transfer(3e9, 4e9, 0.2),
        offload=1.5,
        load=2.5,
        act_cores=2.0,
        update_cores=3.0,
        act_slowdown=1.2,
        measured_on="2 cores",
    )
    times.write(tmp_path / "times.json")
    assert StageTimes.read(tmp_path / "times.json") == times


def test_what_has_a_default_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "times.json").write_text(json.dumps(LEAST))
    assert StageTimes.read(tmp_path / "times.json") == StageTimes(Line(each=1.0), Line(fixed=0.5), Line())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"acts": {}}, 'unknown key "acts"; did you mean "act"?'),
        ({"act": {"eech": 1}}, 'unknown key "act.eech"; did you mean "each"?'),
        ({"act": {"each": -1}}, "act.each=-1: .*greater than or equal to 0"),
        ({"act": {"each": float("nan")}}, "act.each=nan: .*finite"),
        ({"act": {"each": "fast"}}, "act.each='fast': .*number"),
        ({"act": 3}, "act=3: "),
        ({"act_slowdown": 0.5}, "act_slowdown=0.5: .*greater than or equal to 1"),
        ({"sync": {"bytes_per_second": 0}}, "sync.bytes_per_second=0: .*greater than 0"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "times.json"
    path.write_text(json.dumps(LEAST | change))
    with pytest.raises(MeasurementError, match=message) as error:
        StageTimes.read(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"act": {}, "update": {}}', 'missing key "env_step"'),
        ("[1]", "expected keys and values"),
        ("{", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "times.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(MeasurementError, match=message):
        StageTimes.read(path)


def test_every_key_is_in_the_docs() -> None:
    table = (Path(__file__).parents[3] / "docs/planner.md").read_text().split("## What is computed")[0]
    assert [one.name for one in fields(StageTimes) if f"`{one.name}`" not in table] == []
