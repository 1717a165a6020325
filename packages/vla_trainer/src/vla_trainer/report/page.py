"""Put a report together: what is read, computed and chosen becomes HTML by a template of Jinja2."""

import base64
from collections.abc import Sequence
from typing import Any

from vla_trainer.ablation.curve import WINDOW
from vla_trainer.ablation.table import full_table, legend, summary
from vla_trainer.errors import MissingExtraError, ReportError
from vla_trainer.evaluation.sweep.report import head_of, notices_of
from vla_trainer.report import tables
from vla_trainer.report.charts import DASHES, chart
from vla_trainer.report.curves import EVALUATED, PANELS, SUCCESS, Axis, axes_of, interval_of, panels_of, series_of
from vla_trainer.report.events import events_of
from vla_trainer.report.folders import AblationData, Contents, RunData, SweepData
from vla_trainer.report.settings import settings_of
from vla_trainer.report.svg import RUNS
from vla_trainer.report.videos import choose_videos
from vla_trainer.versions import describe_versions

_ABOUT_VIDEOS = 4000
"""Bytes that are kept free for the elements around the videos and the list of those left out."""


def render(contents: Contents, *, title: str | None, max_mb: float) -> tuple[str, int]:
    """Return the HTML of a report and the number of videos that are left out.

    Args:
        contents: what it is about.
        title: at its top; None: the names of what it is about.
        max_mb: its largest size in 10^6 bytes.

    Raises:
        MissingExtraError: Jinja2 or Matplotlib is not installed.
        ReportError: it is larger without a single video.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise MissingExtraError("jinja2", "report") from None
    environment = Environment(
        loader=PackageLoader("vla_trainer.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html")
    context = _context(contents, title)
    without = template.render(context, videos=[], left_out=[])
    size, limit = len(without.encode()), max_mb * 1e6
    if size > limit:
        raise ReportError(
            f"the report has {size / 1e6:.1f} MB without videos; allowed: --max-mb above that, or fewer folders"
        )
    budget = limit - size - _ABOUT_VIDEOS
    while True:
        videos, left_out = choose_videos(contents.runs, budget)
        page = template.render(context, videos=videos, left_out=left_out)
        excess = len(page.encode()) - limit
        if excess <= 0 or not videos:
            return page, len(left_out)
        budget -= excess  # of elements around many videos, and of many names that are left out


def _context(contents: Contents, title: str | None) -> dict[str, Any]:
    runs = contents.runs
    panels, axes = panels_of(runs), axes_of(runs)
    return {
        "title": title or _title(contents),
        "versions": describe_versions(),
        "window": WINDOW,
        "runs": [_run(number, run, panels) for number, run in enumerate(runs)],
        "axes": axes if panels else [],
        "panels": [
            {
                "title": PANELS[metric],
                "metric": metric,
                "charts": [(axis, _chart(runs, metric, axis)) for axis in axes],
            }
            for metric in panels
        ],
        "ablations": [_ablated(found) for found in contents.ablations],
        "sweeps": [_swept(found) for found in contents.sweeps],
        "data": {"window": WINDOW, "runs": [_data(run, panels) for run in runs]},
    }


def _title(contents: Contents) -> str:
    labels = [run.label for run in contents.runs]
    labels += [ablation.label for ablation in contents.ablations]
    labels += [found.label for found in contents.sweeps]
    return f"Report: {', '.join(dict.fromkeys(labels))}"


def _chart(runs: Sequence[RunData], metric: str, axis: Axis) -> str | None:
    """Return a chart as SVG; None where no run has the metric over that axis."""
    series = series_of(runs, metric, axis)
    evaluations = series_of(runs, EVALUATED, axis) if metric == SUCCESS else []
    return chart(metric, axis, series, evaluations) if series else None


def _run(number: int, run: RunData, panels: Sequence[str]) -> dict[str, Any]:
    dashes = DASHES[number % len(DASHES)]
    machines, plan = tables.cluster(run)
    shown = [*panels[:1], EVALUATED, *panels[1:]] if SUCCESS in panels else [*panels, EVALUATED]
    return {
        "number": number,
        "color": number % RUNS,
        "dashes": "" if isinstance(dashes, str) else " ".join(str(2 * length) for length in dashes[1]),
        "label": run.label,
        "heading": run.heading,
        "notices": run.notices,
        "notes": run.notes,
        "overview": tables.overview_row(run),
        "origin": tables.origin(run),
        "cluster": machines,
        "placement": plan,
        "tasks": [] if run.evaluation is None else tables.task_rows(run.evaluation),
        "reward": None if run.evaluation is None else f"{run.evaluation.reward_mean:.4g}",
        "events": events_of(run),
        "on_collapse": run.value("trainer", "on_collapse"),
        "settings": settings_of(run),
        "numbers": tables.numbers_table(run, shown) if run.rows else None,
    }


def _data(run: RunData, panels: Sequence[str]) -> dict[str, Any]:
    """Return what the page embeds as JSON: the numbers of a run's curves as metrics.jsonl has them."""
    names = [*panels, EVALUATED]
    return {
        "label": run.label,
        "recipe": run.recipe,
        "seed": run.value("trainer", "seed"),
        "rows": [
            {
                "iteration": row.iteration,
                "episodes": row.episodes,
                "env_steps": row.env_steps,
                "minutes": row.minutes,
                "success_interval": interval_of(row, SUCCESS),
                "metrics": {name: row.metrics[name] for name in names if name in row.metrics},
            }
            for row in run.rows
        ],
        "means": {
            metric: {point.iterations: point.mean for point in series.points if point.mean is not None}
            for metric in panels
            for series in series_of([run], metric)
        },
    }


def _ablated(found: AblationData) -> dict[str, Any]:
    head, rows = full_table(found.result)
    failures = [
        f"{point.name}, seed {run.seed}: {run.error}" for point in found.result.points for run in point.of("failed")
    ]
    plot = None if found.plot is None else f"data:image/png;base64,{base64.b64encode(found.plot).decode()}"
    return {
        "label": found.label,
        "summary": summary(found.result),
        "head": head,
        "rows": rows,
        "legend": legend(found.result),
        "failures": failures,
        "versions": found.result.versions,
        "plot": plot,
    }


def _swept(found: SweepData) -> dict[str, Any]:
    result = found.result
    return {
        "label": found.label,
        "heading": result.heading,
        "summary": f"{result.env_id}, weights {result.weights}, recipe {result.recipe}",
        "assets": result.asset_sets,
        "notices": list(notices_of(result)),
        "head": head_of(result.keys),
        "totals": [tables.rate_row(point.name, point.evaluation) for point in result.points],
        "per_task": [
            (point.name, tables.task_rows(point.evaluation))
            for point in result.points
            if len(point.evaluation.tasks) > 1
        ],
        "versions": result.versions,
    }
