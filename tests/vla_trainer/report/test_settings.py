"""The config beside its recipe."""

from pathlib import Path

import report_cases

from vla_trainer.report.settings import settings_of


def test_the_difference_from_the_recipe_is_what_was_overridden(tmp_path: Path) -> None:
    folder = report_cases.write_run(tmp_path / "run", overrides=["actor.lr=0.5", "output_dir=/somewhere"])
    settings = settings_of(report_cases.read_run(folder))
    assert settings is not None
    assert settings.why_not is None
    assert [(key, after) for key, _, after in settings.changes] == [("actor.lr", "0.5")]
    assert "lr: 0.5" in settings.text


def test_a_key_that_only_the_run_has(tmp_path: Path) -> None:
    folder = report_cases.write_run(tmp_path / "run")
    file = folder / "config.yaml"
    file.write_text(file.read_text() + "unheard_of: 3\n")
    settings = settings_of(report_cases.read_run(folder))
    assert settings is not None
    assert settings.changes == [("unheard_of", "(no such key)", "3")]


def test_a_recipe_of_ones_own_is_not_compared(tmp_path: Path) -> None:
    folder = report_cases.write_run(tmp_path / "run")
    file = folder / "config.yaml"
    file.write_text(file.read_text().replace("# recipe: pendulum_ppo", "# recipe: mine"))
    settings = settings_of(report_cases.read_run(folder))
    assert settings is not None
    assert settings.changes == []
    assert '"mine" does not ship' in (settings.why_not or "")
