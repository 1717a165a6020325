"""Several loggers as one: what fails, fails alone."""

import json
import resource
from collections.abc import Mapping
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vla_trainer import loggers
from vla_trainer.config.trainer import Logger, Toggle
from vla_trainer.errors import UnknownMetricError
from vla_trainer.loggers import Loggers, Run


class Recorder:
    def __init__(self) -> None:
        self.got: list[int] = []
        self.broken = self.stuck = self.closed = False

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.got.append(iteration)

    def close(self) -> None:
        self.closed = True
        if self.stuck:
            raise RuntimeError("no answer")


@pytest.fixture
def recorders(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recorder]:
    made = {"console": Recorder(), "jsonl": Recorder(), "tensorboard": Recorder()}
    monkeypatch.setattr(loggers, "LOGGERS", {name: lambda run, name=name: made[name] for name in made})
    return made


def run_in(folder: Path, config: Logger | None = None) -> Run:
    return Run(folder, "name", 9, "{}", config or Logger())


def test_one_that_fails_is_said_once_and_gets_everything_later(recorders: dict[str, Recorder], tmp_path: Path) -> None:
    warnings: list[str] = []
    together = Loggers(run_in(tmp_path), warnings.append)
    together.log(1, {"actor/loss": 0.5})
    recorders["jsonl"].broken = True
    together.log(2, {"actor/loss": 0.5})
    together.log(3, {"actor/loss": 0.5})
    assert warnings == ["warning: logger jsonl fails from iteration 2 on: OSError: [Errno 28] No space left on device"]
    assert [recorder.got for recorder in recorders.values()] == [[1, 2, 3], [1], [1, 2, 3]]
    recorders["jsonl"].broken = False
    together.log(4, {"actor/loss": 0.5})
    assert [recorder.got for recorder in recorders.values()] == [[1, 2, 3, 4]] * 3
    assert warnings[1:] == ["note: logger jsonl works again; nothing is missing"]


def test_each_is_closed(recorders: dict[str, Recorder], tmp_path: Path) -> None:
    warnings: list[str] = []
    together = Loggers(run_in(tmp_path), warnings.append)
    recorders["jsonl"].broken = recorders["console"].stuck = recorders["tensorboard"].stuck = True
    together.log(1, {"actor/loss": 0.5})
    together.log(2, {"actor/loss": 0.5})
    together.close()
    assert all(recorder.closed for recorder in recorders.values())
    assert "warning: logger jsonl lacks iterations 1 to 2" in warnings
    assert "warning: logger console could not be closed: RuntimeError: no answer" in warnings


def test_one_that_cannot_begin_ends_the_run_and_the_others_are_closed(
    recorders: dict[str, Recorder], tmp_path: Path
) -> None:
    def cannot(run: Run) -> Recorder:
        raise ValueError("no account")

    loggers.LOGGERS["tensorboard"] = cannot
    with pytest.raises(ValueError, match="no account"):
        Loggers(run_in(tmp_path), print)
    assert [recorder.closed for recorder in recorders.values()] == [True, True, False]


def test_a_metric_that_the_table_does_not_know_reaches_no_one(recorders: dict[str, Recorder], tmp_path: Path) -> None:
    together = Loggers(run_in(tmp_path), print)
    with pytest.raises(UnknownMetricError):
        together.log(1, {"actor/los": 0.5})
    assert [recorder.got for recorder in recorders.values()] == [[], [], []]


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # of the writing thread of TensorBoard
def test_a_full_disk_under_real_ones(tmp_path: Path) -> None:
    warnings: list[str] = []
    together = Loggers(run_in(tmp_path, Logger(console=Toggle(enable=False))), warnings.append)
    together.log(1, {"actor/loss": 0.5})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # files may grow by ten bytes more, so that the disk is full in the middle of a line and of a record
    sizes = [file.stat().st_size for file in (tmp_path / "metrics.jsonl", *(tmp_path / "tensorboard").iterdir())]
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(sizes) + 10, limits[1]))
    try:
        together.log(2, {"actor/loss": 0.5})
        together.log(3, {"actor/loss": 0.5})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [" ".join(line.split()[:4]) for line in warnings] == [
        "warning: logger jsonl fails",
        "warning: logger tensorboard fails",
    ]
    together.log(4, {"actor/loss": 0.5})
    together.close()
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [1, 2, 3, 4]
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("actor/loss")] == [1, 2, 3, 4]
