"""Plots of sweeps: which form is chosen, that nothing lies over anything else, and what a missing Matplotlib does."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from vla_trainer.errors import MissingExtraError
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.evaluation.sweep import plot
from vla_trainer.evaluation.sweep.result import PointResult, SweepResult, sweep_result
from vla_trainer.metrics import wilson_interval


def evaluation(successes: int, episodes: int = 50) -> Evaluation:
    state = {
        "task_id": 0,
        "task_name": "t",
        "init_state_id": 0,
        "seed": 0,
        "success": True,
        "env_steps": 3,
        "return": 1,
    }
    return Evaluation(
        heading="not a benchmark result: assets of our own; a subset, 50 of 500 initial states",
        episodes=episodes,
        successes=successes,
        success_rate=successes / episodes,
        interval=wilson_interval(successes, episodes),
        reward_mean=0.0,
        tasks=[],
        env_id="toy/Some-v0",
        split="eval",
        assets="cubes",
        assets_version="2",
        deterministic=True,
        notices=[],
        states=[state],
    )


def result(*values: object, keys: tuple[str, ...] = ("env.shift",)) -> SweepResult:
    points = [
        PointResult(str(value), dict.fromkeys(keys, value), evaluation(7 * number % 51))
        for number, value in enumerate(values)
    ]
    names = {"recipe": "a_recipe_with_a_long_name", "policy": "package.module:Class.method", "weights": "step_000100"}
    return sweep_result(points, **names, versions="", identity={})


def test_names_with_levels_are_found() -> None:
    found = plot.levels_of(result(None, "camera:2", "camera:1", "light:1.5", "light:-1"))
    assert found is not None
    levels = {name: [level for level, _ in points] for name, points in found.names.items()}
    assert levels == {"camera": [1, 2], "light": [-1, 1.5]}
    assert found.baseline is not None
    assert found.baseline.name == "None"
    for values in (["camera:1", "camera:2"], ["camera:1", "light:1"], ["a:1", "a:2", "b"], [1, 2], ["a:1:2", "b:1:2"]):
        assert plot.levels_of(result(*values)) is None
    assert plot.levels_of(result("a:1", "a:2", "b:1", keys=("env.x", "env.y"))) is None


MANY = [
    f"{name}:{level}" for name in ("camera", "light", "a-name-of-many-letters", "noise", "robot") for level in (1, 2)
]


@pytest.mark.parametrize(
    "values",
    [
        ["fast", "reference"],
        [64],
        [None, *MANY],
        ["a:1", "a:2", "b:1", "b:2"],
        [f"value {n} {'x' * 60}" for n in range(30)],
    ],
)
def test_no_text_lies_over_another(values: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    figures: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k))[1])
    plot.plot_sweep(result(*values), tmp_path / "sweep.png")
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.png"]
    with Image.open(tmp_path / "sweep.png") as image:
        width, height = image.size
        assert image.format == "PNG"
        colors = image.convert("RGB").getcolors(maxcolors=1 << 24)
    assert colors is not None
    assert len(colors) > 20
    (figure,) = figures
    title = figure.get_suptitle()
    for part in (
        "package.module:Class.method",
        "weights step_000100",
        "assets cubes (version 2)",
        "50 episodes a point",
    ):
        assert part in title.replace("\n", " ")
    assert f"{50 * len(values)} in all" in title.replace("\n", " ")
    figure.set_dpi(plot.DPI)
    figure.draw_without_rendering()
    boxes = []
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip():
            box = text.get_window_extent()
            if all(axes.get_visible() for axes in [text.axes] if axes is not None):
                boxes.append((text.get_text(), box))
    for number, (name, box) in enumerate(boxes):
        assert box.x0 >= -1, name
        assert box.x1 <= width + 1, name
        assert box.y0 >= -1, name
        assert box.y1 <= height + 1, name
        for other, beside in boxes[:number]:
            # the ends of neighbouring axes may touch
            apart = box.x0 > beside.x1 - 1 or beside.x0 > box.x1 - 1 or box.y0 > beside.y1 - 1 or beside.y0 > box.y1 - 1
            assert apart, (name, other)


def test_without_matplotlib_an_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r'pip install "vla-trainer\[plot\]"'):
        plot.plot_sweep(result(1, 2), tmp_path / "sweep.png")
    assert list(tmp_path.iterdir()) == []
