"""Record a schedule: make attempts in parallel, store episodes in the order of the schedule.

`per_task` attempts at a task are started, and one more for each that fails, so the attempts and the episodes depend on
the schedule alone. An episode that is whole before its predecessors waits in its file. An interrupted run loses the
attempts that are in progress, one for each worker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from libero_gym.assets.source import SOURCES, choose_auto
from libero_gym.demos.attempts import AttemptResult, AttemptWorker, load_expert
from libero_gym.demos.dataset import DemoDataset
from libero_gym.demos.episode_file import read_attributes
from libero_gym.demos.header import Header
from libero_gym.demos.location import Location
from libero_gym.demos.schedule import Attempt, DemoSchedule, schedule_attempt
from libero_gym.demos.worker_pool import WorkerPool
from libero_gym.errors import OptionError
from libero_gym.options import EnvOptions
from libero_gym.tasks.init_states import count_states
from libero_gym.tasks.suites import Task


@dataclass
class TaskReport:
    """What was recorded of a task."""

    task: Task
    wanted: int
    before: int = 0
    """Episodes that an earlier run had recorded."""
    kept: int = 0
    """Episodes in the dataset now, those included."""
    attempts: int = 0
    """Attempts of this run."""
    failures: list[AttemptResult] = field(default_factory=list)
    impossible: str = ""
    """Why the expert refuses the task."""


def open_or_create(schedule: DemoSchedule, location: Location) -> DemoDataset:
    """Open the dataset of a schedule, which an earlier run of the same schedule may have begun, or make it.

    Raises:
        DatasetError: it exists, and was recorded differently; OptionError: there is no such expert.
    """
    options = schedule.options()
    load_expert(schedule.expert)  # fails early
    header = Header.of(
        options,
        schedule.expert,
        seed=schedule.seed,
        keep_failures=schedule.keep_failures,
        task_spec=None if schedule.task_spec is None else dict(schedule.task_spec),
    )
    if not location.data.exists():
        return DemoDataset.create(location, header, options, assets_argument(schedule.assets))
    dataset = DemoDataset.open(location)
    dataset.check_header(header)
    return dataset


def record(
    schedule: DemoSchedule, dataset: DemoDataset, workers: int, advance: Callable[[object], None] = lambda _: None
) -> list[TaskReport]:
    """Record the episodes of a schedule that the dataset lacks.

    Args:
        schedule: what to record.
        dataset: of `open_or_create`.
        workers: processes; with 1, this process does the work.
        advance: called for each episode of the schedule that is in the dataset, those of earlier runs too.

    Returns:
        A report of each task; one has fewer episodes than wanted where the expert failed too often.

    Raises:
        OptionError: no such expert, or nothing to record; WorkerError: a worker process died.
    """
    limits = (("per-task", schedule.per_task, 1), ("workers", workers, 1), ("seed", schedule.seed, 0))
    for name, value, smallest in limits:
        if value < smallest:
            raise OptionError(f"{name} {value!r}; allowed: an integer from {smallest}")
    options = schedule.options()
    with dataset.lock():
        dataset.write_metadata()
        pending = dataset.pending_files()
        tasks = {task.id: _TaskProgress(schedule, options, task, dataset, pending) for task in options.tasks}
        schedule = replace(schedule, assets=assets_argument(schedule.assets))
        pool: WorkerPool | None = None
        for task in tasks.values():
            for _ in range(min(task.report.before, schedule.per_task)):
                advance(None)
        try:
            while not all(task.done for task in tasks.values()):
                pool = _dispatch(tasks, pool, schedule, dataset, workers)
                _commit(tasks, dataset, advance)  # pending files of an earlier run
                if pool is not None and pool.pending:
                    result = pool.collect()
                    tasks[result.attempt.task].finish(result)
                _commit(tasks, dataset, advance)
        finally:
            if pool is not None:
                pool.close()
        for path in dataset.pending_files().values():
            path.unlink(missing_ok=True)
        if dataset.records:
            dataset.write_statistics()
        return [task.report for task in tasks.values()]


class _TaskProgress:
    """The attempts at a task: started in order, finished in any order, added to the dataset in order."""

    def __init__(
        self, schedule: DemoSchedule, options: EnvOptions, task: Task, dataset: DemoDataset, pending: dict[str, Path]
    ) -> None:
        stored = [record.attributes for record in dataset.records if record.attributes["task_id"] == task.id]
        numbers = [int(attributes["attempt"]) for attributes in stored if "attempt" in attributes]
        self._schedule, self._task = schedule, task
        self._states = count_states(task, schedule.split, options.scenes.published_states(task))
        self.report = TaskReport(task, schedule.per_task, before=len(numbers), kept=len(numbers))
        #: Number of the next attempt to add to the dataset, and of the next to start.
        self._committed = self._started = 1 + max(numbers, default=-1)
        self._results: dict[int, AttemptResult] = {}
        #: Whole episodes that an earlier run did not add, by file name.
        self._pending = pending

    def next_attempt(self) -> Attempt | None:
        """Return an attempt to start, or None while enough are in progress or done."""
        while self._started < self._schedule.attempt_limit and not self.report.impossible:
            failed = sum(result.file is None for result in self._results.values())
            if self.report.kept + (self._started - self._committed - failed) >= self._schedule.per_task:
                return None
            attempt = schedule_attempt(self._schedule.seed, self._task, self._started, self._states)
            self._started += 1
            found = self._find_pending(attempt)
            if found is None:
                self.report.attempts += 1
                return attempt
            self.finish(found)
        return None

    def _find_pending(self, attempt: Attempt) -> AttemptResult | None:
        path = self._pending.get(attempt.file_name)
        if path is None:
            return None
        known = read_attributes(path)
        if (known["seed"], known["init_state"]) != (attempt.seed, attempt.init_state):
            return None
        return AttemptResult(attempt, int(known["total_steps"]), bool(known["success"]), path)

    def finish(self, result: AttemptResult) -> None:
        """Take the result of an attempt."""
        self._results[result.attempt.number] = result
        if result.impossible:
            self.report.impossible = result.reason
        elif not result.success:
            self.report.failures.append(result)

    def next_file(self) -> Path | None:
        """Return the file of the next episode in order, or None if that is not there yet."""
        while self._committed in self._results and self.report.kept < self._schedule.per_task:
            result = self._results.pop(self._committed)
            self._committed += 1
            if result.file is not None:
                self.report.kept += 1
                return result.file
        return None

    @property
    def done(self) -> bool:
        """Whether no further episode will come."""
        exhausted = self._started >= self._schedule.attempt_limit or bool(self.report.impossible)
        return self.report.kept >= self._schedule.per_task or (self._committed == self._started and exhausted)


def _commit(tasks: dict[int, _TaskProgress], dataset: DemoDataset, advance: Callable[[object], None]) -> None:
    """Add the episodes that are next in the order of the schedule."""
    for task in tasks.values():
        while (path := task.next_file()) is not None:
            dataset.add(path)
            advance(None)
        if not task.done:
            return


def _dispatch(
    tasks: dict[int, _TaskProgress], pool: WorkerPool | None, schedule: DemoSchedule, dataset: DemoDataset, workers: int
) -> WorkerPool | None:
    """Submit attempts to free workers; make the pool before the first."""
    for task in tasks.values():
        while pool is None or pool.free:
            attempt = task.next_attempt()
            if attempt is None:
                break
            if pool is None:
                pool = WorkerPool(workers, AttemptWorker, schedule, dataset.episodes_folder)
            pool.submit(attempt)
    return pool


def assets_argument(assets: str | Path) -> str:
    """Return a stable name of an asset set: "auto" and a relative path may mean another set tomorrow."""
    named = str(choose_auto().named if assets == "auto" else assets)
    return named if named in SOURCES else str(Path(named).expanduser().resolve())
