"""What TensorBoard reads after a run that was killed."""

import math
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2, metadata

from vla_trainer.loggers.tensorboard import CHARTS, TensorboardLogger
from vla_trainer.metrics import METRICS


def read(folder: Path, name: str = "actor/loss") -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_a_resume_continues_without_gaps_and_repetitions(tmp_path: Path) -> None:
    killed = TensorboardLogger(tmp_path)
    for iteration in (1, 2, 3):
        killed.log(iteration, {"actor/loss": 0.5, "actor/kl": 0.0})
    (file,) = tmp_path.iterdir()
    with file.open("ab") as half:
        half.write(file.read_bytes()[-40:-9])  # killed in the middle of a record
    resumed = TensorboardLogger(tmp_path)
    for iteration in (3, 4):
        resumed.log(iteration, {"actor/loss": 0.25, "actor/kl": 0.0})
    resumed.close()
    assert read(tmp_path) == [(1, 0.5), (2, 0.5), (3, 0.25), (4, 0.25)]


def test_files_of_one_second_are_read_in_their_order(tmp_path: Path) -> None:
    # the rest of a name ends with a count without leading zeros, after which 10 comes before 9
    for iteration in range(1, 4):
        logger = TensorboardLogger(tmp_path)
        logger.log(iteration, {"actor/loss": 0.5})
        logger.close()
    seconds = [file.name.split(".")[3] for file in tmp_path.iterdir()]
    assert len(set(seconds)) == 3
    assert [step for step, _ in read(tmp_path)] == [1, 2, 3]


def test_the_charts_to_watch_are_on_one_page(tmp_path: Path) -> None:
    logger = TensorboardLogger(tmp_path)
    logger.log(1, {"actor/loss": 0.5})
    logger.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    (event,) = events.Tensors(metadata.CONFIG_SUMMARY_TAG)
    layout = layout_pb2.Layout.FromString(event.tensor_proto.string_val[0])
    assert [category.title for category in layout.category] == ["vla-train"]
    charts = {chart.title: list(chart.multiline.tag) for chart in layout.category[0].chart}
    assert len(charts) == 13
    assert charts["success"] == ["^rollout/success_rate$", "^env/success_rate$", "^eval/success_rate$"]
    # a metric that no run logs would be an empty chart
    assert {name for names in CHARTS.values() for name in names} <= set(METRICS)


def test_what_is_not_finite_is_kept(tmp_path: Path) -> None:
    logger = TensorboardLogger(tmp_path)
    logger.log(1, {"actor/loss": float("nan"), "actor/kl": float("inf")})
    logger.close()
    assert math.isnan(read(tmp_path)[0][1])
    assert read(tmp_path, "actor/kl") == [(1, float("inf"))]


def test_after_damage_in_the_middle_a_resume_is_read(tmp_path: Path) -> None:
    broken = TensorboardLogger(tmp_path)
    for iteration in (1, 2, 3):
        broken.log(iteration, {"actor/loss": 0.5})
    broken.close()
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[-60:-50] = b"\xff" * 10
    file.write_bytes(bytes(content))
    resumed = TensorboardLogger(tmp_path)
    resumed.log(4, {"actor/loss": 0.25})
    resumed.close()
    shown = read(tmp_path)
    assert shown[0] == (1, 0.5)
    assert shown[-1] == (4, 0.25)
