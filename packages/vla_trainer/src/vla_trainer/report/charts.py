"""Learning curves as SVG, made by Matplotlib."""

import io
from collections.abc import Sequence
from typing import Any

from vla_trainer.ablation.curve import WINDOW
from vla_trainer.ablation.table import number
from vla_trainer.errors import MissingExtraError
from vla_trainer.report.curves import PANELS, SUCCESS, Axis, Point, Series
from vla_trainer.report.svg import GRID, TEXT, embedded, run_color

SIZE = (4.2, 2.9)
"""Inches; text of 9 points is still read where a chart is 320 pixels wide."""
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
"""Runs differ in these, too, for eyes and printers that tell no colors apart."""
_LOG_RANGE = 50.0
"""Quotient of the largest and the smallest value from which on an axis is logarithmic."""
_STYLE = {
    "svg.fonttype": "none",
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "grid.color": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
}


def chart(metric: str, axis: Axis, series: Sequence[Series], evaluations: Sequence[Series] = ()) -> str:
    """Return a chart of a metric over an axis.

    Args:
        metric: of `PANELS`.
        axis: what it is over.
        series: a curve for each run, at least one.
        evaluations: success rates of evaluations, which are shown as squares.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "report") from None
    # ids of clip paths are hashed with it, so that no two charts of a page have the same
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": f"{metric} {axis}"}):
        figure = Figure(figsize=SIZE, layout="constrained")
        FigureCanvasSVG(figure)  # no pyplot, which would keep global state and choose a window system
        axes = figure.subplots()
        classes: dict[str, str] = {}
        for curve in series:
            _curve(axes, curve, axis, classes)
        for curve in evaluations:
            _evaluations(axes, curve, axis, classes)
        axes.set_xlabel(axis)
        axes.grid(linewidth=0.6)
        axes.set_axisbelow(True)
        if metric == SUCCESS:
            axes.set_ylim(-0.02, 1.02)
            axes.yaxis.set_major_formatter("{x:.0%}")
        elif _is_wide(series):
            axes.set_yscale("log")
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return embedded(file.getvalue(), describe(metric, axis, series), classes)


def describe(metric: str, axis: Axis, series: Sequence[Series]) -> str:
    """Return what a chart shows in words: each run's first and last value."""
    parts = [f"Chart: {PANELS[metric]} over {axis}; the numbers are in the tables below."]
    for curve in series:
        first, last = curve.points[0], curve.points[-1]
        text = f"{curve.label}: {number(first.value, metric)} at first, {number(last.value, metric)} at the end"
        if last.mean is not None:
            text += f", {number(last.mean, metric)} on average over the last {WINDOW} iterations"
        parts.append(f"{text}.")
    return " ".join(parts)


def _curve(axes: Any, curve: Series, axis: Axis, classes: dict[str, str]) -> None:
    color, dashes = run_color(curve.run), DASHES[curve.run % len(DASHES)]
    places = [point.place(axis) for point in curve.points]
    values = [point.value for point in curve.points]
    with_mean = [(point.place(axis), point.mean) for point in curve.points if point.mean is not None]
    marker = "o" if len(places) < 3 else None
    faint = bool(with_mean)
    line = axes.plot(
        places,
        values,
        color=color,
        alpha=0.45 if faint else 1.0,
        linewidth=0.9 if faint else 1.6,
        linestyle="-" if faint else dashes,
        marker=marker,
        markersize=4,
    )[0]
    _tag(line, f"value-{curve.run}", f"run-{curve.run}", classes)
    if with_mean:
        means = axes.plot(*zip(*with_mean, strict=True), color=color, linewidth=2.0, linestyle=dashes)[0]
        _tag(means, f"mean-{curve.run}", f"run-{curve.run}", classes)
    bounded = [(point.place(axis), point.interval) for point in curve.points if point.interval is not None]
    if bounded:
        low, high = ([interval[end] for _, interval in bounded] for end in (0, 1))
        band = axes.fill_between([place for place, _ in bounded], low, high, color=color, alpha=0.14, linewidth=0)
        _tag(band, f"interval-{curve.run}", f"run-{curve.run} interval", classes)


def _evaluations(axes: Any, curve: Series, axis: Axis, classes: dict[str, str]) -> None:
    color = run_color(curve.run)
    for number_of, point in enumerate(curve.points):
        place = point.place(axis)
        name = f"{curve.run}-{number_of}"
        square = axes.plot([place], [point.value], color=color, marker="s", markersize=6, markeredgecolor=TEXT)[0]
        _tag(square, f"eval-{name}", f"run-{curve.run}", classes)
        if point.interval is not None:
            whisker = axes.plot([place, place], point.interval, color=color, linewidth=1.2)[0]
            _tag(whisker, f"whisker-{name}", f"run-{curve.run} interval", classes)


def _tag(artist: Any, name: str, names: str, classes: dict[str, str]) -> None:
    artist.set_gid(name)
    classes[name] = names


def _is_wide(series: Sequence[Series]) -> bool:
    points: list[Point] = [point for curve in series for point in curve.points]
    values = [point.value for point in points]
    return min(values) > 0 and max(values) / min(values) > _LOG_RANGE
