"""Every code block of the documentation runs, or says why not.

Python blocks of a page run one after the other with the names of those before, in a folder that has the files which
the page tells its reader to save. Of commands, `vla-train` and `vla-eval` are checked as `--check` does, and those that
take no minutes are run. `tests/test_docs_howto.py` runs the how-to pages with fewer steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import pytest
from click.testing import CliRunner
from doc_blocks import PAGES, REPOSITORY, RUN, Block, blocks

from vla_trainer.config import load_config, recipe_names

BLOCKS = [block for page in PAGES for block in blocks(page) if block.language in RUN]
PYTHON_PAGES = sorted({block.page for block in BLOCKS if block.language == "python" and block.reason is None})
SHELL = [block for block in BLOCKS if block.language != "python"]
TRAINING = ("vla-train", "vla-eval", "vla-ablate")
QUICK = ("libero-gym tasks", "libero-gym snapshot", "python -m vla_trainer.config.reference")
"""Beginnings of commands that are run as they stand."""
OWN_RUNS = ("run", "logs/tiny_spatial_ppo/2026-01-01_12-00-00")
"""Runs that a reader has made before, by the page's own words."""
COVERED = {
    "export PYTHONPATH=.": ("tests/test_docs_howto.py", "syspath_prepend"),
    "vla-train --version": ("tests/vla_trainer/test_cli.py", "--version"),
    "vla-train --resume": ("tests/integration/test_commands.py", "--resume"),
    "vla-report logs/": ("tests/vla_trainer/test_report_command.py", "vla-report"),
    "libero-gym doctor": ("tests/libero_gym/cli/test_doctor.py", "doctor"),
    "libero-gym play": ("tests/libero_gym/cli/test_play.py", "play"),
    "libero-gym demos": ("tests/libero_gym/cli/test_demos.py", "demos"),
    "python benchmarks/learning.py": ("tests/test_learning_benchmark.py", "learning"),
}
"""Beginnings of commands that take minutes, a window or a run of the reader's -> the tests that run them, with a
word of theirs."""


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory, where modules that lie in it can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def save_files(page: Path, folder: Path) -> None:
    """Write what a page and the ones that it goes on from tell the reader to save."""
    before = [REPOSITORY / "docs/howto/own_environment.md"] if "reach" in page.read_text() else []
    for block in [block for other in (*before, page) for block in blocks(other)]:
        if block.title is not None:
            (folder / block.title).write_text(block.text)


def test_there_are_blocks_of_every_page_that_a_reader_begins_with() -> None:
    pages = {name(block.page) for block in BLOCKS}
    assert {"README.md", "docs/quickstart.md", "docs/howto/evaluate.md", "docs/howto/own_policy.md"} <= pages
    assert len(PYTHON_PAGES) > 10


def test_reasons_are_sentences_and_the_tests_that_they_name_are_there() -> None:
    for block in BLOCKS:
        if block.reason is not None:
            assert len(block.reason.split()) >= 2, block.place
            for word in block.reason.replace(";", " ").replace(",", " ").split():
                if word.startswith(("tests/", "scripts/", "docs/")):
                    assert (REPOSITORY / word).exists(), f"{block.place}: {word}"


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=name)
def test_python_runs(page: Path, folder: Path) -> None:
    save_files(page, folder)
    names: dict[str, Any] = {"__name__": "docs"}
    try:
        for block in blocks(page):
            if block.language == "python" and block.reason is None:
                # as many lines as stand before it, so that a traceback names the page's own
                exec(compile("\n" * block.line + block.text, str(page), "exec"), names)
        if page.name == "states.md":
            assert names["info"]["elapsed_steps"] == 40
            assert names["observation"]["privileged_state"].shape == (298,)
            assert 0.05 < names["distance"] < 0.5
    finally:
        for value in names.values():
            if isinstance(value, gymnasium.Env | gymnasium.vector.VectorEnv):
                value.close()


def check_training(words: list[str]) -> bool:
    """Read recipe and keys of a command as `--check` does; return whether it names a recipe that is there."""
    recipe, *rest = words[1:] or [""]
    if recipe not in recipe_names() and not Path(recipe).is_file():
        return False
    overrides = []
    options = iter(rest)
    for word in options:
        if word in ("--over", "--sweep", "--seeds", "--jobs", "--compare", "--resume"):
            next(options)
        elif not word.startswith("--"):
            overrides.append(word)
    load_config(recipe, overrides)
    return True


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.place)
def test_commands_are_those_that_there_are(block: Block, folder: Path) -> None:
    """A block without a reason has nothing but commands that are checked or run; of the others the keys are checked."""
    if block.reason is None:
        save_files(block.page, folder)
    for words in block.commands():
        line = " ".join(words)
        if block.reason is None and line.startswith((*QUICK, *COVERED)):
            continue
        if words[0] in TRAINING and not {"--resume", "RECIPE", "..."} & set(words):
            named = check_training(words)
            assert named or block.reason is not None or words[1] in OWN_RUNS, f"{block.place}: {line}"
        else:
            assert block.reason is not None, f"{block.place}: {line}: run it, or say why not"


def test_commands_that_other_tests_cover_are_in_these() -> None:
    for beginning, (test, word) in COVERED.items():
        assert word in (REPOSITORY / test).read_text(), beginning


QUICK_COMMANDS = sorted(
    {
        (" ".join(words), block.page)
        for block in SHELL
        if block.reason is None
        for words in block.commands()
        if " ".join(words).startswith(QUICK)
    }
)


@pytest.mark.parametrize(("line", "page"), QUICK_COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_quick_commands_run(line: str, page: Path, folder: Path) -> None:
    save_files(page, folder)
    program, *arguments = line.split()
    if program == "python":
        from vla_trainer.config.reference import environment_reference

        assert arguments[:2] == ["-m", "vla_trainer.config.reference"]
        assert all("| key |" in environment_reference(env_id) for env_id in arguments[2:])
        return
    from libero_gym.cli import app

    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.output.strip()
