"""Plot an ablation: learning curves, a panel for each key with the base dashed, and the differences to the base.

A curve is the mean over the seeds, its band goes from the worst seed to the best.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vla_trainer import atomic_files
from vla_trainer.ablation.curve import smoothed
from vla_trainer.ablation.result import AblationResult, PointResult
from vla_trainer.ablation.runs import Record
from vla_trainer.errors import MissingExtraError

DPI = 120
_PANELS = 3
"""In a row."""
_LABEL = 34
"""Characters of a line of a label."""
_POINTS = 200
"""Places at which curves of several seeds are averaged."""


def plot_ablation(result: AblationResult, records: Mapping[str, Record], file: Path) -> None:
    """Write the plot of an ablation as a PNG.

    Args:
        result: what is compared.
        records: of runs that are at their end, by `RunResult.folder`.
        file: replaced.

    Raises:
        MissingExtraError: Matplotlib is not installed.
        ValueError: no run is at its end.
        OSError: the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "plot") from None
    if not records:
        raise ValueError("no run is at its end")
    base, *others = result.points
    names = ["; ".join(keys) for keys in result.factors]
    panels = {
        name: [point for point in others if any(point.values.get(key) != base.values.get(key) for key in keys)]
        for name, keys in zip(names, result.factors, strict=True)
    }
    if result.grid:
        panels = {", ".join(names): others}
    panels = {name: points for name, points in panels.items() if points}
    rows = math.ceil((len(panels) + 1) / _PANELS)
    columns = min(len(panels) + 1, _PANELS)
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot, which would keep global state and choose a window system
    figure.set_size_inches(4.6 * columns, max(3.4 * rows, 1.6 + 0.34 * len(others)) + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    colors = {point.folder: f"C{number % 10}" for number, point in enumerate(others)}
    for axes, (name, points) in zip(grid, panels.items(), strict=False):
        _curves(axes, result, [base, *points], records, colors)
        axes.set_title(textwrap.shorten(name, 60, placeholder="..."), fontsize=9)
    _differences(grid[len(panels)], result, others, colors)
    for axes in grid[len(panels) + 1 :]:
        axes.set_visible(False)
    seeds = f"seed{'s' if len(result.seeds) > 1 else ''} {', '.join(map(str, result.seeds))}"
    title = f"{' '.join([result.recipe, *result.overrides])}; {seeds}"
    figure.suptitle("\n".join(textwrap.wrap(title, int(4.6 * columns * 15))), fontsize=9)
    temporary = atomic_files.temporary_path(file)
    try:
        figure.savefig(temporary, format="png", dpi=DPI)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def mean_curve(curves: Sequence[tuple[Sequence[float], Sequence[float]]]) -> tuple[Any, Any, Any, Any]:
    """Return places, mean, lowest and highest of curves, each (places, values), where all of them are known.

    Between its own places, a curve is a straight line. Each has at least one place, in rising order.
    """
    low, high = max(places[0] for places, _ in curves), min(places[-1] for places, _ in curves)
    if len(curves) == 1:
        along = np.asarray(curves[0][0], dtype=float)
    else:
        along = np.linspace(low, max(low, high), _POINTS)
    values = np.stack([np.interp(along, places, numbers) for places, numbers in curves])
    return along, values.mean(0), values.min(0), values.max(0)


def _curves(
    axes: Any,
    result: AblationResult,
    points: Sequence[PointResult],
    records: Mapping[str, Record],
    colors: Mapping[str, str],
) -> None:
    curve = result.curve
    in_episodes = any(row.episodes for record in records.values() for row in record.rows)
    for number, point in enumerate(points):
        found = [records[run.folder] for run in point.runs if run.folder in records]
        series = [smoothed(record.rows, curve) for record in found] if curve is not None else []
        lines = [
            ([float(row.episodes if in_episodes else row.iteration) for row, _ in line], [value for _, value in line])
            for line in series
            if line
        ]
        if not lines:
            continue
        along, middle, low, high = mean_curve(lines)
        style = {"color": "black", "linestyle": "--"} if number == 0 else {"color": colors[point.folder]}
        label = textwrap.shorten(point.name, _LABEL, placeholder="...")
        axes.plot(
            along, middle, linewidth=1.4, marker="o" if len(along) < 3 else None, markersize=3, label=label, **style
        )
        if len(lines) > 1:
            axes.fill_between(along, low, high, alpha=0.15, linewidth=0, color=style["color"])
    if result.threshold is not None and curve is not None and "success" in curve:
        axes.axhline(result.threshold, linewidth=0.8, linestyle=":", color="gray")
    axes.set_xlabel("episodes" if in_episodes else "iterations", fontsize=8)
    averaged = "" if curve is None or curve.startswith("eval/") else f", mean over {result.window} iterations"
    axes.set_ylabel(f"{curve}{averaged}", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=7)
    else:
        axes.text(0.5, 0.5, f"fewer than {result.window} iterations", ha="center", transform=axes.transAxes, fontsize=8)


def _differences(axes: Any, result: AblationResult, points: Sequence[PointResult], colors: Mapping[str, str]) -> None:
    for place, point in enumerate(points):
        found = point.difference
        if found is None:
            axes.text(0, place, " failed" if point.of("failed") else " -", va="center", fontsize=8)
            continue
        axes.barh(place, found.mean, height=0.62, color=colors[point.folder], alpha=0.75)
        if found.interval is not None:
            ends = [[found.mean - found.interval[0]], [found.interval[1] - found.mean]]
            axes.errorbar([found.mean], [place], xerr=ends, fmt="none", color="black", capsize=3, linewidth=1)
    labels = [textwrap.fill(textwrap.shorten(point.name, 3 * _LABEL, placeholder="..."), _LABEL) for point in points]
    axes.set_yticks(range(len(points)), labels, fontsize=7)
    axes.set_ylim(len(points) - 0.4, -0.6)  # the first point on top
    axes.axvline(0, color="black", linewidth=0.8)
    seeds = "; whiskers: 95% over seeds" if any(p.difference and p.difference.interval for p in points) else ""
    axes.set_title(f"difference to the base{seeds}", fontsize=9)
    axes.set_xlabel(result.metric or "", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
