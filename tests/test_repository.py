"""Files that no package holds: workflows, forms, links between pages, figures of benchmarks, the lock."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import check_jsonschema
import pytest
import yaml
from click.testing import CliRunner

REPOSITORY = Path(__file__).parents[1]
GITHUB = REPOSITORY / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(file for file in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if file.name != "config.yml")
PAGES = sorted(
    file
    for pattern in ("*.md", "docs/**/*.md", "examples/*.md", "packages/*/README.md", "benchmarks/HISTORY.md")
    for file in REPOSITORY.glob(pattern)
)
RESULTS = sorted((REPOSITORY / "benchmarks/results").iterdir())
RUNNERS = {"make", "sh", "uv", "gh"}
"""What a step of a workflow begins with: `gh` is on GitHub's runners, `uv` comes with setup-uv."""


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.github-issue-forms", FORMS),
        ("vendor.github-issue-config", [GITHUB / "ISSUE_TEMPLATE/config.yml"]),
        ("vendor.dependabot", [GITHUB / "dependabot.yml"]),
        ("vendor.citation-file-format", [REPOSITORY / "CITATION.cff"]),
    ],
)
def test_the_linter_finds_nothing(schema: str, files: list[Path]) -> None:
    assert files
    result = CliRunner().invoke(check_jsonschema.main, ["--builtin-schema", schema, *map(str, files)])
    assert result.exit_code == 0, result.output


def test_the_linter_finds_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "ci.yml"
    file.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    assert subprocess.run(command, capture_output=True).returncode == 1


def jobs(workflow: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(workflow.read_text())["jobs"])


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(workflow).values() for step in job.get("steps", [])]


def test_the_dockerfile_s_linter_finds_nothing_and_finds_a_mistake(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("hadolint")), "--format", "json"]
    done = subprocess.run([*command, REPOSITORY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp && apt-get install git\n")
    done = subprocess.run([*command, tmp_path / "Dockerfile"], capture_output=True, text=True, check=False)
    # an image without a version, and packages without --no-install-recommends
    assert {"DL3006", "DL3015"} <= {finding["code"] for finding in json.loads(done.stdout)}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_actions_have_a_version(workflow: Path) -> None:
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w./-]+@((release/)?v\d+|[0-9a-f]{40})", action)] == []
    called = [job["uses"] for job in jobs(workflow).values() if "uses" in job]
    assert [file for file in called if not (REPOSITORY / file).is_file()] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_every_step_runs_what_there_is(workflow: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    wrong = []
    for command in [line for step in steps(workflow) for line in step.get("run", "").splitlines()]:
        words = command.split()
        wrong += [command] if words[0] not in RUNNERS else []
        wrong += [f"{command}: {word}" for word in words[1:] if words[0] == "make" and word not in targets]
        files = [word for word in words if re.match(r"(scripts|tests|benchmarks|packages)/", word)]
        wrong += [f"{command}: {file}" for file in files if not (REPOSITORY / file).exists()]
        if words[:2] == ["uv", "run"]:
            tool = next(word for word in words[2:] if not word.startswith("-"))
            wrong += [] if (Path(sys.executable).parent / tool).exists() else [f"{command}: {tool}"]
    assert wrong == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_jobs_may_write_only_where_they_must(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text())["permissions"] == {"contents": "read"}
    writes = {name: job["permissions"] for name, job in jobs(workflow).items() if "permissions" in job}
    expected = {
        "publish": {"id-token": "write"},
        "site": {"pages": "write", "id-token": "write"},
        "page": {"contents": "write"},
    }
    assert writes == (expected if workflow.name == "release.yml" else {})


def test_jobs_wait_for_jobs_that_there_are() -> None:
    for workflow in WORKFLOWS:
        named = jobs(workflow)
        for job in named.values():
            needs = job.get("needs", [])
            assert set([needs] if isinstance(needs, str) else needs) <= set(named)
    # nothing is uploaded before all tests have passed
    assert jobs(GITHUB / "workflows/release.yml")["publish"]["needs"] == ["ci", "build"]


def test_tests_run_on_every_python_that_the_packages_allow() -> None:
    matrix = jobs(GITHUB / "workflows/ci.yml")["tests"]["strategy"]["matrix"]["python"]
    assert matrix == ["3.11", "3.12", "3.13"]
    for file in [REPOSITORY / "pyproject.toml", *REPOSITORY.glob("packages/*/pyproject.toml")]:
        assert f'requires-python = ">={matrix[0]}"' in file.read_text()


def test_forms_ask_for_commands_that_there_are() -> None:
    text = "".join(form.read_text() for form in FORMS)
    assert "libero-gym doctor --json" in text
    assert "vla-train --version" in text
    commands = {command.split()[0] for command in re.findall(r"`([a-z][\w-]+ [\w -]+)`", text)}
    assert [command for command in commands if not shutil.which(command, path=Path(sys.executable).parent)] == ["pip"]


def test_commit_hooks_are_well_formed() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(REPOSITORY / ".pre-commit-config.yaml")]
    assert subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    missing = []
    for target in [target for target in targets if "://" not in target]:
        file, _, anchor = target.partition("#")
        aim = page.parent / file if file else page
        if not aim.exists():
            missing.append(target)
        elif anchor:
            titles = re.findall(r"^#+ (.+)$", aim.read_text(), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            missing += [] if anchor in anchors else [target]
    assert missing == []


def test_every_figure_is_cited_and_a_row_a_line() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REPOSITORY / "benchmarks")
        from compact_json import compact
    recipes = REPOSITORY.glob("packages/vla_trainer/src/vla_trainer/recipes/**/*.yaml")
    cited = "".join(page.read_text() for page in [*PAGES, *recipes])
    for file in RESULTS:
        assert f"results/{file.name}" in cited, file.name
        text = file.read_text()
        assert text == compact(json.loads(text)) + "\n", f"{file.name}: write it with benchmarks/compact_json.py"


def test_the_history_is_short() -> None:
    text = (REPOSITORY / "benchmarks/HISTORY.md").read_text()
    assert len(text.splitlines()) <= 150
    runs = json.loads((REPOSITORY / "benchmarks/results/learning.json").read_text())
    named = set(re.findall(r"`((?:spatial|gpu)_\w+)", text))
    assert {run for run in runs if not any(run.startswith(prefix) for prefix in named)} == set()
    assert {run for run in named if not any(name.startswith(run) for name in runs)} == set()


def test_packages_have_the_licence_of_the_repository() -> None:
    for package in REPOSITORY.glob("packages/*/"):
        assert not (package / "LICENSE").is_symlink()  # a link that leads out of a source distribution
        assert (package / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()


def test_the_lock_names_the_public_index() -> None:
    lock = (REPOSITORY / "uv.lock").read_text()
    assert set(re.findall(r'registry = "([^"]+)"', lock)) == {"https://pypi.org/simple"}
    assert {url.split("/")[2] for url in re.findall(r'url = "([^"]+)"', lock)} == {"files.pythonhosted.org"}


def test_every_target_that_runs_something_sets_up_first():
    """In a fresh clone uv and the packages are missing, whichever target comes first."""
    rules = re.findall(
        r"^([a-z]+):([^#\n]*)[^\n]*\n((?:\t[^\n]*\n)+)", (REPOSITORY / "Makefile").read_text(), flags=re.M
    )
    running = {name: (needs, recipe) for name, needs, recipe in rules if "$(RUN)" in recipe or "$(UV)" in recipe}
    assert {"demo", "check", "fast", "test", "lint", "types", "wheels"} <= set(running)
    prepared = {name for name, (needs, recipe) in running.items() if "setup" in needs.split() or "setup.sh" in recipe}
    assert {
        name for name, (needs, _) in running.items() if name not in prepared and not prepared & set(needs.split())
    } == set()
