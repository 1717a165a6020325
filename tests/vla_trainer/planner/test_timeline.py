"""Jobs that share cores, and jobs that queue."""

import pytest

from vla_trainer.planner.timeline import Busy, Clock, Process, Queue, Timeline


def test_jobs_share_cores() -> None:
    # 2 s from 0 and 2 s from 1 on one core: the first has done 1 when the second comes, then both go at half the speed;
    # the first ends at 1 + 2 = 3, the second has 1 left and ends at 4
    timeline, clock, ends = Timeline(), Clock(cores=1), []

    def job(delay: float) -> Process:
        yield timeline.start(Clock(), delay, 1, Busy())
        yield timeline.start(clock, 2.0, 1, Busy())
        ends.append(timeline.now)

    assert timeline.run([job(0.0), job(1.0)]) == pytest.approx(4.0)
    assert ends == pytest.approx([3.0, 4.0])


def test_jobs_of_several_cores() -> None:
    # 3 + 1 cores wanted, 2 there: all at half the speed until the short one ends at 2; then 3 of 2: 2/3 of the speed,
    # 3 - 1 = 2 s of work left take 3 s
    timeline, clock = Timeline(), Clock(cores=2)

    def job(seconds: float, cores: float) -> Process:
        yield timeline.start(clock, seconds, cores, Busy())

    assert timeline.run([job(3.0, 3), job(1.0, 1)]) == pytest.approx(5.0)


def test_a_queue_is_first_come_first_served() -> None:
    timeline, order = Timeline(), []
    queue, busy = Queue(Clock()), Busy()

    def job(name: str, delay: float) -> Process:
        yield timeline.start(Clock(), delay, 1, Busy())
        yield timeline.ask(queue, 2.0, 1, busy)
        order.append((name, timeline.now))

    timeline.run([job("late", 1.0), job("early", 0.5), job("last", 9.0)])
    assert order == [("early", 2.5), ("late", 4.5), ("last", 11.0)]
    assert busy.seconds == pytest.approx(6.0)


def test_what_already_ended_is_not_waited_for() -> None:
    timeline = Timeline()

    def both() -> Process:
        background = timeline.start(Clock(), 1.0, 1, Busy())
        yield timeline.start(Clock(), 3.0, 1, Busy())
        yield background
        yield timeline.start(Clock(), 0.0, 1, Busy())

    assert timeline.run([both()]) == 3.0


def test_busy_counts_what_overlaps_once() -> None:
    timeline, busy, changes = Timeline(), Busy(lambda begins: changes.append(begins)), []

    def job(delay: float) -> Process:
        yield timeline.start(Clock(), delay, 1, Busy())
        yield timeline.start(Clock(), 2.0, 1, busy)

    timeline.run([job(0.0), job(1.0), job(5.0)])
    assert busy.seconds == pytest.approx(3.0 + 2.0)  # 0-3 and 5-7
    assert changes == [True, False, True, False]


def test_a_clock_that_is_slowed_down() -> None:
    # 1 s at full speed, then 1 s of work at a third of it
    timeline, clock = Timeline(), Clock()

    def slow() -> Process:
        yield timeline.start(Clock(), 1.0, 1, Busy())
        timeline.slow_down(clock, 3.0)

    def job() -> Process:
        yield timeline.start(clock, 2.0, 1, Busy())

    assert timeline.run([slow(), job()]) == pytest.approx(4.0)
