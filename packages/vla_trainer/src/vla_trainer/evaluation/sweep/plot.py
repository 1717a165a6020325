"""Plot a sweep: success rates with their 95% intervals by point.

Where the values of a single key have the form `name:level`, with several names and levels, each name has a panel of
rates over its levels, and a last panel compares the mean rates of the names: a radar, or bars for less than three.
"""

import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vla_trainer import atomic_files
from vla_trainer.errors import MissingExtraError
from vla_trainer.evaluation.sweep.result import PointResult, SweepResult
from vla_trainer.metrics import mean, wilson_interval

_LEVELLED = re.compile(r"(?P<name>[^:]+):(?P<level>-?\d+(?:\.\d+)?)")
DPI = 120
_COLUMNS = 4
"""Panels in a row."""
RATES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Ticks of an axis of success rates."""
_LABEL = 44
"""Characters of a line of a label."""


@dataclass(frozen=True)
class Levels:
    """The points of a sweep whose values have the form `name:level`."""

    names: dict[str, list[tuple[float, PointResult]]]
    """By name, in the order of the sweep: levels, ascending, and their points."""
    baseline: PointResult | None
    """The point whose value is null."""


def levels_of(result: SweepResult) -> Levels | None:
    """Return the points by name and level; None where their values do not have that form."""
    if len(result.keys) != 1:
        return None
    names: dict[str, list[tuple[float, PointResult]]] = {}
    baseline = None
    for point in result.points:
        value = point.values[result.keys[0]]
        if value is None:
            baseline = point
            continue
        match = _LEVELLED.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            return None
        names.setdefault(match["name"], []).append((float(match["level"]), point))
    if len(names) < 2 or max(map(len, names.values())) < 2:
        return None
    return Levels({name: sorted(points, key=lambda pair: pair[0]) for name, points in names.items()}, baseline)


def plot_sweep(result: SweepResult, file: Path) -> None:
    """Write the plot of a sweep as a PNG.

    Raises:
        MissingExtraError: Matplotlib is not installed.
        ValueError: the environment reports no success.
        OSError: the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "plot") from None
    if any(point.evaluation.success_rate is None for point in result.points):
        raise ValueError("the environment does not report success")
    levels = levels_of(result)
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot, which would keep global state and choose a window system
    if levels is None:
        _bars(figure, result)
    else:
        _panels(figure, levels, result.keys[0])
    figure.suptitle(_title(result, figure.get_figwidth()), fontsize=9)
    temporary = atomic_files.temporary_path(file)
    try:
        figure.savefig(temporary, format="png", dpi=DPI)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _title(result: SweepResult, width: float) -> str:
    """Return policy, weights, environment, asset set and number of episodes, in lines that fit `width` inches."""
    episodes = sorted({point.evaluation.episodes for point in result.points})
    of_point = str(episodes[0]) if len(episodes) == 1 else f"{episodes[0]} to {episodes[-1]}"
    assets = f", assets {', '.join(result.asset_sets)}" if result.asset_sets else ""
    parts = [
        f"{result.recipe}, policy {result.policy}, weights {Path(result.weights).name}",
        f"{result.env_id}{assets}; {of_point} episodes a point, {result.episodes} in all; whiskers: 95% intervals",
        *([result.heading] if result.heading else []),
    ]
    characters = int(width * 15)
    return "\n".join(line for part in parts for line in textwrap.wrap(part, characters))


def _bars(figure: Any, result: SweepResult) -> None:
    labels = [textwrap.fill(point.name, _LABEL) for point in result.points]
    lines = sum(label.count("\n") + 1 for label in labels)
    figure.set_size_inches(8.0, 1.9 + 0.34 * max(lines, 2))
    axes = figure.subplots()
    for place, point in enumerate(result.points):
        evaluation = point.evaluation
        rate, interval = _rate(evaluation.successes, evaluation.episodes)
        axes.barh(place, rate, height=0.62, color="C0", alpha=0.75)
        axes.errorbar([rate], [place], xerr=_errors(rate, interval), fmt="none", color="black", capsize=3, linewidth=1)
        counted = f"{evaluation.successes}/{evaluation.episodes}"
        axes.annotate(
            counted, (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=8, annotation_clip=False
        )
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set(xlim=(0, 1), ylim=(len(labels) - 0.4, -0.6))  # the first point on top
    axes.set_xlabel("success rate", fontsize=9)
    axes.set_ylabel(result.keys[0] if len(result.keys) == 1 else "", fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)


def _panels(figure: Any, levels: Levels, key: str) -> None:
    names = list(levels.names)
    columns = min(len(names), _COLUMNS)
    rows = math.ceil(len(names) / columns)
    panel = 2.3
    side = 4.8  # of the last panel, which stands to the right of all others
    figure.set_size_inches(max(panel * columns + side, 9.0), max(panel * rows + 1.3, 4.8))
    left, right = figure.subfigures(1, 2, width_ratios=(panel * columns, side))
    grid = left.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    every = sorted({level for points in levels.names.values() for level, _ in points})
    margin = 0.06 * (every[-1] - every[0])
    for number, name in enumerate(names):
        axes = grid.flat[number]
        _line(axes, levels.names[name], f"C{number % 10}")
        _baseline(axes, levels.baseline)
        axes.set_title(textwrap.shorten(name, 26, placeholder="..."), fontsize=9)
        axes.set(xlim=(every[0] - margin, every[-1] + margin), ylim=(-0.04, 1.04), yticks=RATES)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=8, labelbottom=number + columns >= len(names))
        # where more than about six would run into one another, a few are left out
        axes.set_xticks(every[:: math.ceil(len(every) / 6)])
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    left.supxlabel(f"level of {key}" + ("; dashed: null" if levels.baseline is not None else ""), fontsize=9)
    left.supylabel("success rate", fontsize=9)
    means = [_mean_rate(levels.names[name]) for name in names]
    if len(names) < 3:
        _mean_bars(right, names, means, levels.baseline)
    else:
        _radar(right, names, means, levels.baseline)


def _line(axes: Any, points: Sequence[tuple[float, PointResult]], color: str) -> None:
    places = [level for level, _ in points]
    counts = [(point.evaluation.successes, point.evaluation.episodes) for _, point in points]
    rates = [_rate(*count)[0] for count in counts]
    errors = [_errors(*_rate(*count)) for count in counts]
    ends = [[pair[0][0] for pair in errors], [pair[1][0] for pair in errors]]
    axes.errorbar(places, rates, yerr=ends, marker="o", markersize=4, capsize=3, linewidth=1.3, color=color)


def _baseline(axes: Any, baseline: PointResult | None) -> None:
    if baseline is not None:
        axes.axhline(baseline.evaluation.success_rate, linestyle="--", linewidth=1, color="gray")


def _mean_bars(figure: Any, names: Sequence[str], means: Sequence[float], baseline: PointResult | None) -> None:
    axes = figure.subplots()
    axes.bar(range(len(names)), means, color=[f"C{number % 10}" for number in range(len(names))], alpha=0.75)
    axes.set_xticks(range(len(names)), [textwrap.fill(name, 14) for name in names], fontsize=8)
    _baseline(axes, baseline)
    axes.set(ylim=(0, 1.04), yticks=RATES)
    axes.set_title("mean over the levels", fontsize=9)
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def _radar(figure: Any, names: Sequence[str], means: Sequence[float], baseline: PointResult | None) -> None:
    axes = figure.subplots(subplot_kw={"projection": "polar"})
    angles = [2 * math.pi * number / len(names) for number in range(len(names))]
    closed = [*angles, angles[0]]
    axes.set_theta_offset(math.pi / 2)
    axes.set_theta_direction(-1)
    axes.plot(closed, [*means, means[0]], marker="o", markersize=4, linewidth=1.4, color="C0")
    axes.fill(closed, [*means, means[0]], alpha=0.15, color="C0")
    if baseline is not None:
        rate = baseline.evaluation.success_rate
        assert rate is not None
        circle = [2 * math.pi * step / 90 for step in range(91)]
        axes.plot(circle, [rate] * len(circle), linestyle="--", linewidth=1, color="gray")
    axes.set_ylim(0, 1)
    axes.set_yticks([0.25, 0.5, 0.75, 1.0], ["25%", "50%", "75%", "100%"], fontsize=7, color="gray")
    axes.set_rlabel_position(180 / len(names))
    axes.set_xticks(angles, [textwrap.fill(name, 14) for name in names], fontsize=8)
    axes.tick_params(axis="x", pad=4)
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        across = math.sin(angle)  # clockwise from the top: labels stand outside of the circle
        label.set_horizontalalignment("center" if abs(across) < 0.2 else "left" if across > 0 else "right")
    axes.set_title("mean over the levels", fontsize=9, pad=18)


def _mean_rate(points: Sequence[tuple[float, PointResult]]) -> float:
    return mean([_rate(point.evaluation.successes, point.evaluation.episodes)[0] for _, point in points])


def _rate(successes: int, episodes: int) -> tuple[float, tuple[float, float]]:
    return successes / episodes, wilson_interval(successes, episodes)


def _errors(rate: float, interval: tuple[float, float]) -> list[list[float]]:
    """Return the lengths below and above; at 0 and 100% the interval ends there, but for rounding."""
    return [[max(rate - interval[0], 0.0)], [max(interval[1] - rate, 0.0)]]
