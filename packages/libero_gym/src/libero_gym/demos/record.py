"""Record a plan: attempts in parallel, episodes in the plan's order.

`per_task` attempts at a task are begun, and another one for each that fails, so which attempts there are, and which of
them are kept, depends on the plan alone. An episode that is whole before those that come first in the plan waits in its
file; a run that is broken off has lost what the workers had under way, one episode each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from libero_gym.assets.source import SOURCES, choose_auto
from libero_gym.demos.dataset import DemoDataset
from libero_gym.demos.episode_file import read_attributes
from libero_gym.demos.header import Header
from libero_gym.demos.job_pool import JobPool
from libero_gym.demos.location import Location
from libero_gym.demos.perform import Performer, Result, load_expert
from libero_gym.demos.plan import Attempt, Plan, plan_attempt
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
    """Made by this run."""
    failures: list[Result] = field(default_factory=list)
    impossible: str = ""
    """Why the expert refuses the task."""


def open_or_create(plan: Plan, location: Location) -> DemoDataset:
    """The dataset that a plan is recorded into, which an earlier run of the same plan may have begun.

    Raises:
        DatasetError: it exists, and was recorded differently; OptionError: there is no such expert.
    """
    options = plan.options()
    load_expert(plan.expert)  # says now if there is none
    header = Header.of(options, plan.expert, seed=plan.seed, keep_failures=plan.keep_failures)
    if not location.data.exists():
        return DemoDataset.create(location, header, options, assets_argument(plan.assets))
    dataset = DemoDataset.open(location)
    dataset.check_header(header)
    return dataset


def record(
    plan: Plan, dataset: DemoDataset, workers: int, advance: Callable[[object], None] = lambda _: None
) -> list[TaskReport]:
    """Record what the dataset still lacks of a plan.

    Args:
        plan: what to record.
        dataset: of `open_or_create`.
        workers: processes; with 1, all is done in this one.
        advance: called for each episode of the plan that is in the dataset, those of earlier runs too.

    Returns:
        A report of each task; one has fewer episodes than wanted where the expert failed too often.

    Raises:
        OptionError: no such expert, or nothing to record; WorkerError: a worker process died.
    """
    for what, value, allowed in (("per-task", plan.per_task, 1), ("workers", workers, 1), ("seed", plan.seed, 0)):
        if value < allowed:
            raise OptionError(f"{what} {value!r}; allowed: an integer from {allowed}")
    options = plan.options()
    with dataset.held():
        dataset.write_metadata()
        waiting = dataset.waiting()
        rows = {task.id: _Row(plan, options, task, dataset, waiting) for task in options.tasks}
        plan = replace(plan, assets=assets_argument(plan.assets))
        pool: JobPool | None = None
        for row in rows.values():
            for _ in range(min(row.report.before, plan.per_task)):
                advance(None)
        try:
            while not all(row.done for row in rows.values()):
                pool = _dispatch(rows, pool, plan, dataset, workers)
                _commit(rows, dataset, advance)  # what an earlier run has left behind
                if pool is not None and pool.under_way:
                    result = pool.take()
                    rows[result.attempt.task].finish(result)
                _commit(rows, dataset, advance)
        finally:
            if pool is not None:
                pool.close()
        for path in dataset.waiting().values():
            path.unlink(missing_ok=True)
        if dataset.records:
            dataset.write_statistics()
        return [row.report for row in rows.values()]


class _Row:
    """One task's attempts: begun in order, finished in any, handed on in order."""

    def __init__(
        self, plan: Plan, options: EnvOptions, task: Task, dataset: DemoDataset, waiting: dict[str, Path]
    ) -> None:
        done = [
            r.attributes for r in dataset.records if r.attributes["task_id"] == task.id and "attempt" in r.attributes
        ]
        self._plan, self._task = plan, task
        self._states = count_states(task, plan.split, options.scenes.published_states(task))
        self.report = TaskReport(task, plan.per_task, before=len(done), kept=len(done))
        #: The next attempt that is handed on, and the next one that is begun.
        self._handed = self._begun = 1 + max((int(attributes["attempt"]) for attributes in done), default=-1)
        self._results: dict[int, Result] = {}
        #: Whole episodes that an earlier run has left behind, by file name.
        self._waiting = waiting

    def next_attempt(self) -> Attempt | None:
        """An attempt to begin, or None while enough are under way or done."""
        while self._begun < self._plan.attempts and not self.report.impossible:
            failed = sum(not self._counts(result) for result in self._results.values())
            if self.report.kept + (self._begun - self._handed - failed) >= self._plan.per_task:
                return None
            attempt = self._attempt(self._begun)
            self._begun += 1
            found = self._left_behind(attempt)
            if found is None:
                self.report.attempts += 1
                return attempt
            self.finish(found)
        return None

    def _left_behind(self, attempt: Attempt) -> Result | None:
        path = self._waiting.get(attempt.file_name)
        if path is None:
            return None
        known = read_attributes(path)
        if (known["seed"], known["init_state"]) != (attempt.seed, attempt.init_state):
            return None
        return Result(attempt, int(known["total_steps"]), bool(known["success"]), path)

    def finish(self, result: Result) -> None:
        """An attempt has ended."""
        self._results[result.attempt.number] = result
        if result.impossible:
            self.report.impossible = result.reason
        elif not result.success:
            self.report.failures.append(result)

    def hand_on(self) -> Path | None:
        """The next episode in order, if it is there."""
        while self._handed in self._results and self.report.kept < self._plan.per_task:
            result = self._results.pop(self._handed)
            self._handed += 1
            if self._counts(result):
                self.report.kept += 1
                return result.file
        return None

    @property
    def done(self) -> bool:
        """Whether nothing more will come."""
        return self.report.kept >= self._plan.per_task or (
            self._handed == self._begun and (self._begun >= self._plan.attempts or bool(self.report.impossible))
        )

    def _attempt(self, number: int) -> Attempt:
        return plan_attempt(self._plan.seed, self._task, number, self._states)

    def _counts(self, result: Result) -> bool:
        return result.file is not None


def _commit(rows: dict[int, _Row], dataset: DemoDataset, advance: Callable[[object], None]) -> None:
    """Add what is next in the plan's order."""
    for row in rows.values():
        while (path := row.hand_on()) is not None:
            dataset.add(path)
            advance(None)
        if not row.done:
            return


def _dispatch(
    rows: dict[int, _Row], pool: JobPool | None, plan: Plan, dataset: DemoDataset, workers: int
) -> JobPool | None:
    """Give free workers something to do; the pool is made when there is something."""
    for row in rows.values():
        while pool is None or pool.free:
            attempt = row.next_attempt()
            if attempt is None:
                break
            if pool is None:
                pool = JobPool(workers, Performer, plan, dataset.episodes_folder)
            pool.put(attempt)
    return pool


def assets_argument(assets: str | Path) -> str:
    """What names an asset set for good; "auto" may mean another one tomorrow, a relative path elsewhere."""
    named = str(choose_auto().named if assets == "auto" else assets)
    return named if named in SOURCES else str(Path(named).expanduser().resolve())
