"""The command `vla-ablate`: train a recipe with single keys changed, over seeds, and compare.

RECIPE, --over --plan_ablation--> runs --carry_out--> records --ablation_result--> ablation.json, table, plot
"""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from vla_trainer import atomic_files, folder_lock
from vla_trainer.ablation.plan import AblationPlan, PlannedRun
from vla_trainer.ablation.processes import carry_out, cores_here, default_parallel
from vla_trainer.ablation.result import PLOT_FILE, RESULT_FILE, TABLE_FILE, AblationResult, ablation_result
from vla_trainer.ablation.runs import LOG_FILE, Progress, Record, progress_of, read_record
from vla_trainer.ablation.table import markdown, number, print_ablation
from vla_trainer.errors import ComparisonError, ConfigError, RunFolderError, did_you_mean
from vla_trainer.evaluation.report import draw_plot, print_line
from vla_trainer.metrics import METRICS, is_score
from vla_trainer.run_folder import CONFIG_FILE, check_writable, errors_of
from vla_trainer.sizes import host_memory
from vla_trainer.versions import describe_versions


@dataclass(frozen=True)
class Settings:
    """What is no part of the plan."""

    parallel: int | None = None
    """Runs beside each other; None: as `default_parallel`."""
    metric: str | None = None
    """What runs are compared by; None: as `choose_metric`."""
    threshold: float | None = None
    """Of the learning curve; None: 0.8 where it is one of success."""


def ablate(plan: AblationPlan, settings: Settings, console: Console, *, dry_run: bool = False) -> int:
    """Carry out what is not done, write and print the result; returns the number of runs that failed.

    Args:
        plan: what is compared.
        settings: how.
        console: takes lines for the user.
        dry_run: print the runs alone; make nothing.

    Raises:
        AblationError: a run in the folder is of another config, or damaged.
        RunFolderError, RunLostError: the folder is in use, or cannot be written.
    """
    check_settings(settings)
    parallel = settings.parallel or default_parallel(plan.config, cores_here(), host_memory())
    for warning in plan.warnings:
        print_line(console, f"warning: {warning}")
    progress = {planned.folder: progress_of(planned) for planned in plan.runs}
    waiting = [planned for planned in plan.runs if not progress[planned.folder].ended]
    _print_plan(plan, progress, min(parallel, max(len(waiting), 1)), console, runs=dry_run)
    if dry_run:
        return 0
    with _claimed(plan.folder), errors_of(plan.folder), _terminable():
        results = _Results(plan, settings, console)
        for planned in plan.runs:
            if progress[planned.folder].ended:
                results.records[planned.folder] = read_record(planned.folder)
        result = results.write()
        # a generator, which ends its processes where it is left
        ended_runs = carry_out(waiting, min(parallel, max(len(waiting), 1)), lambda line: print_line(console, line))
        try:
            for ended in ended_runs:
                if ended.error is None:
                    results.records[ended.planned.folder] = read_record(ended.planned.folder)
                else:
                    results.errors[ended.planned.folder] = ended.error
                result = results.write()
                print_line(console, _line(ended.planned, ended.error, results, result))
        finally:
            ended_runs.close()
        print_ablation(result, console)
        _plot(result, results, console)
        print_line(console, f"written: {plan.folder / RESULT_FILE}, {TABLE_FILE}")
    return result.failed


def check_settings(settings: Settings) -> None:
    """Raise ConfigError for a number of runs or a metric that cannot be."""
    if settings.parallel is not None and settings.parallel < 1:
        raise ConfigError(f"--jobs {settings.parallel}; allowed: 1 or more")
    if settings.metric is not None and not is_score(settings.metric):
        raise ConfigError(f'--metric "{settings.metric}"{did_you_mean(settings.metric, filter(is_score, METRICS))}')


class _Results:
    """What is known of the runs, written as a whole after each that has ended."""

    def __init__(self, plan: AblationPlan, settings: Settings, console: Console) -> None:
        self.plan, self._settings = plan, settings
        self.records: dict[Path, Record] = {}
        self.errors: dict[Path, str] = {}
        self._versions = [describe_versions()]
        file = plan.folder / RESULT_FILE
        if file.exists():
            try:
                before = AblationResult.read(file).versions
            except ComparisonError as error:  # the runs have all that it had
                print_line(console, f"note: {error}; it is written again")
            else:
                self._versions = list(dict.fromkeys([*before, *self._versions]))

    def write(self) -> AblationResult:
        """Write ablation.json and ablation.md."""
        result = ablation_result(
            self.plan,
            self.records,
            self.errors,
            versions=self._versions,
            metric=self._settings.metric,
            threshold=self._settings.threshold,
            others=_other_runs(self.plan),
        )
        result.write(self.plan.folder / RESULT_FILE)
        atomic_files.write_text(self.plan.folder / TABLE_FILE, markdown(result))
        return result


def _other_runs(plan: AblationPlan) -> list[str]:
    """Return a notice where the folder has runs that are not of this command."""
    planned = {f"{run.point.slug}/{run.folder.name}" for run in plan.runs}
    found = [path.parent for path in plan.folder.glob(f"*/seed_*/{CONFIG_FILE}")]
    others = sorted({f"{path.parent.name}/{path.name}" for path in found} - planned)
    return [f"not in this table, but in the folder: {', '.join(others)}"] if others else []


def _print_plan(
    plan: AblationPlan, progress: Mapping[Path, Progress], parallel: int, console: Console, *, runs: bool
) -> None:
    done = sum(found.ended for found in progress.values())
    print_line(
        console,
        f"{len(plan.points)} points x {len(plan.seeds)} seeds = {len(plan.runs)} runs, {done} of them done, "
        f"{parallel} beside each other; folder {plan.folder}",
    )
    if not runs:
        if done < len(plan.runs):
            print_line(console, f"what a run prints is in its folder: {plan.folder}/POINT/seed_N/{LOG_FILE}")
        return
    for point in plan.points:
        print_line(console, f"{point.name}{f' (= {chr(44).join(point.also)})' if point.also else ''}")
        for planned in plan.runs:
            if planned.point == point:
                place = f"{point.slug}/{planned.folder.name}"
                print_line(console, f"  {place}: {progress[planned.folder]}")


def _line(planned: PlannedRun, error: str | None, results: _Results, result: AblationResult) -> str:
    """Return what is printed when a run has ended."""
    runs = [run for point in result.points if point.folder == planned.point.slug for run in point.runs]
    found = next(run for run in runs if run.seed == planned.seed)
    count = f"[{len(results.records) + len(results.errors)}/{sum(len(point.runs) for point in result.points)}]"
    if error is not None:
        return f"{count} {planned.name}: failed: {error}"
    value = "" if found.value is None else f": {result.metric} {number(found.value, result.metric)}"
    minutes = "" if found.total is None else f", {found.total.minutes:.1f} min"
    return f"{count} {planned.name}{value}{minutes}"


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Make the folder and lock it, so that no second command writes there."""
    try:
        atomic_files.make_folder(folder)
        lock = folder_lock.acquire(folder)
    except OSError as error:
        raise RunFolderError(
            f"{folder} cannot be written: {error.strerror or error}; choose another with --out"
        ) from error
    try:
        check_writable(folder)
        atomic_files.remove_stale(folder)
        yield
    finally:
        lock.release()


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM, and the end of the terminal, end the runs, too, as Ctrl-C does."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    # what the starter had it ignore, as nohup does with SIGHUP, stays ignored
    before = {n: signal.signal(n, leave) for n in numbers if signal.getsignal(n) == signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _plot(result: AblationResult, results: _Results, console: Console) -> None:
    """Draw the plot; a note says why there is none."""
    from vla_trainer.ablation.plot import plot_ablation

    file = results.plan.folder / PLOT_FILE
    records = {f"{path.parent.name}/{path.name}": record for path, record in results.records.items()}
    draw_plot(console, file, lambda: plot_ablation(result, records, file))
