"""Discrete-event simulation: processes wait for jobs, jobs share clocks or queue for them.

    process --start--> job on a clock          runs at once, as quickly as the clock's other jobs leave room for
    process --ask----> queue --start--> job    one at a time, first come first served
    process <--resume-- the job that it waits for has ended

A process is a generator that yields each job that it waits for. Times are in seconds.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf


class Busy:
    """Count the seconds in which at least one of some jobs runs."""

    def __init__(self, on_change: Callable[[bool], None] | None = None) -> None:
        """`on_change` is called with True when the first job begins and with False when the last one ends."""
        self.seconds = 0.0
        self._running = 0
        self._since = 0.0
        self._on_change = on_change

    def begin(self, now: float) -> None:
        self._running += 1
        if self._running == 1:
            self._since = now
            if self._on_change is not None:
                self._on_change(True)

    def end(self, now: float) -> None:
        self._running -= 1
        if self._running == 0:
            self.seconds += now - self._since
            if self._on_change is not None:
                self._on_change(False)


@dataclass(eq=False, slots=True)
class Job:
    """Work of a process."""

    seconds: float
    """Seconds that it takes where nothing slows it down."""
    cores: float
    """Cores that it keeps busy then."""
    busy: Busy
    queue: "Queue | None" = None
    """The queue that it blocks while it runs."""
    ended: bool = False
    waiting: "Process | None" = None
    """The process that goes on when it has ended."""


Process = Generator[Job, None, None]


class Clock:
    """Jobs that share `cores`: if they want more than there are, all are slowed down by the same factor.

    Each job advances by rate dt, so that with v = integral of rate dt a job that begins at v ends at v + seconds: one
    number changes with the rate, not one a job.
    """

    def __init__(self, cores: float = inf) -> None:
        self._cores = cores
        self._wanted = 0.0
        self._slowdown = 1.0
        self._virtual = 0.0
        self._now = 0.0
        self._jobs: list[tuple[float, int, Job]] = []
        self._serial = count()
        self.version = 0
        """Changes whenever the next end may have changed."""

    @property
    def _rate(self) -> float:
        shared = self._cores / self._wanted if self._wanted > self._cores else 1.0
        return shared / self._slowdown

    def _advance(self, now: float) -> None:
        self._virtual += (now - self._now) * self._rate
        self._now = now
        self.version += 1

    def add(self, now: float, job: Job) -> None:
        self._advance(now)
        heappush(self._jobs, (self._virtual + job.seconds, next(self._serial), job))
        self._wanted += job.cores

    def slow_down(self, now: float, factor: float) -> None:
        """Let every job take `factor` times as long from now on."""
        self._advance(now)
        self._slowdown = factor

    def next_end(self) -> float | None:
        """Return when the next job ends if nothing changes before; None without jobs."""
        if not self._jobs:
            return None
        return self._now + max(self._jobs[0][0] - self._virtual, 0.0) / self._rate

    def end_next(self, now: float) -> Job:
        self._advance(now)
        self._virtual, _, job = heappop(self._jobs)
        self._wanted = self._wanted - job.cores if self._jobs else 0.0
        return job


class Queue:
    """Jobs that run one at a time on a clock, first come first served."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waiting: deque[Job] = deque()
        self.running = False


class Timeline:
    """The events of a simulation, in the order of time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, int, Clock]] = []
        self._serial = count()

    def start(self, clock: Clock, seconds: float, cores: float, busy: Busy) -> Job:
        """Start a job now."""
        job = Job(seconds, cores, busy)
        self._begin(clock, job)
        return job

    def ask(self, queue: Queue, seconds: float, cores: float, busy: Busy) -> Job:
        """Append a job to a queue; it starts when those before it have ended."""
        job = Job(seconds, cores, busy, queue)
        queue.waiting.append(job)
        self._serve(queue)
        return job

    def slow_down(self, clock: Clock, factor: float) -> None:
        """Slow a clock down now; see `Clock.slow_down`."""
        clock.slow_down(self.now, factor)
        self._expect(clock)

    def run(self, processes: Iterable[Process]) -> float:
        """Run all processes to their ends; return the time of the last."""
        for process in list(processes):
            self._resume(process)
        while self._events:
            time, _, version, clock = heappop(self._events)
            if version != clock.version:
                continue  # the clock changed after this end was computed
            self.now = time
            self._end(clock)
        return self.now

    def _begin(self, clock: Clock, job: Job) -> None:
        clock.add(self.now, job)
        self._expect(clock)
        job.busy.begin(self.now)

    def _end(self, clock: Clock) -> None:
        job = clock.end_next(self.now)
        self._expect(clock)
        job.ended = True
        job.busy.end(self.now)
        if job.queue is not None:
            job.queue.running = False
            self._serve(job.queue)
        if job.waiting is not None:
            self._resume(job.waiting)

    def _serve(self, queue: Queue) -> None:
        if queue.waiting and not queue.running:
            queue.running = True
            self._begin(queue.clock, queue.waiting.popleft())

    def _expect(self, clock: Clock) -> None:
        end = clock.next_end()
        if end is not None:
            heappush(self._events, (end, next(self._serial), clock.version, clock))

    def _resume(self, process: Process) -> None:
        for job in process:
            if not job.ended:
                job.waiting = process
                return
