"""The documentation says what the code says."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def test_metrics_table_is_that_of_the_code():
    result = subprocess.run([sys.executable, "-m", "vla_trainer.metrics"], capture_output=True, text=True, check=True)
    assert result.stdout.strip() in (REPOSITORY / "docs" / "metrics.md").read_text()


def test_the_layout_of_the_privileged_state_is_that_of_the_code():
    from libero_gym.engine.privileged import SIZE, table

    text = (REPOSITORY / "docs" / "states.md").read_text()
    assert table() in text
    assert f"({SIZE},) float32" in text


def test_the_readme_fits_on_two_screens():
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 120


def test_links_of_the_readme_lead_somewhere():
    text = (REPOSITORY / "README.md").read_text()
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert targets
    assert [target for target in targets if not (REPOSITORY / target).exists()] == []


def test_paths_of_the_tree_exist():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    tree = text[text.index("## Where things are") : text.index("## Where to add")]
    folder, missing = None, []
    for line in tree.splitlines():
        if match := re.match(r"    (packages/\S+/)$", line):
            folder = REPOSITORY / match.group(1)
        elif match := re.match(r"    (tests|docs|scripts)/(\S*)", line):
            folder = None
            missing += [] if (REPOSITORY / match.group(1) / match.group(2)).exists() else [line]
        elif folder is not None and line.startswith("      "):
            named = re.findall(r"(?:^      |(?<= ))([a-z_]+(?:\.py|/))(?= |$)", line)
            missing += [name for name in named if not (folder / name).exists()]
    assert missing == []


def test_every_task_is_in_the_gallery_and_its_pictures_are_small():
    from libero_gym.tasks import SUITES, load_suite

    text = (REPOSITORY / "docs" / "tasks.md").read_text()
    for name in SUITES:
        section = text[text.index(f"## {name}\n") :].split("\n## ")[0]
        lines = [line for line in section.splitlines() if re.match(r"\d+\. ", line)]
        assert lines == [f"{task.index}. {task.instruction}" for task in load_suite(name).tasks]
    pictures = re.findall(r"\]\((images/[^)]+)\)", text)
    assert "images/libero_spatial.jpg" in pictures
    assert [name for name in pictures if (REPOSITORY / "docs" / name).stat().st_size > 400_000] == []


def test_the_page_on_placement_shows_what_is_drawn_and_said():
    from vla_trainer import placement
    from vla_trainer.errors import PlacementError

    text = (REPOSITORY / "docs/placement.md").read_text()
    hybrid = placement.parse({"env": "0-3", "rollout": "4-7", "actor": "0-7"}, 1, 8)
    grouped = placement.parse(
        {
            "env": {"node_group": "node", "placement": "0-1:0-7"},
            "rollout,actor": {"node_group": "train", "placement": "all"},
        },
        4,
        4,
        [{"label": "train", "node_ranks": "2-3"}],
    )
    for placed in (hybrid, grouped):
        assert "\n".join(placement.draw(placed)) in text
    wrong = [{"env": "0-3:0-7,9-4"}, {"actor": "0-8"}, {"actor": "0-2:0-1"}, {"env": "2-5:0"}]
    for components in [*wrong, {"env": {"node_group": "trian", "placement": "0"}}]:
        with pytest.raises(PlacementError) as caught:
            placement.parse(components, 2, 4, [{"label": "train", "node_ranks": 1}])
        assert str(caught.value) in text


def test_the_table_of_keys_is_that_of_the_config_models():
    from vla_trainer.config.reference import environment_reference, reference

    text = (REPOSITORY / "docs/config.md").read_text()
    assert reference() in text
    assert environment_reference("libero_gym:libero/Spatial-v0") in text


def test_keys_and_commands_of_the_pages_for_gpus_and_newcomers_exist():
    from vla_trainer.algorithms import ALGORITHMS
    from vla_trainer.config import load_config, recipe_names
    from vla_trainer.config.environment import signature_of
    from vla_trainer.config.keys import all_keys

    arguments = list(signature_of("libero_gym:libero/Spatial-v0").arguments)
    keys = {key for name in ALGORITHMS for key in all_keys(name, arguments)}
    free = ("policy.kwargs.path", "policy.kwargs.unnorm_key", "policy.kwargs.value_head", "policy.kwargs.base")
    pages = {name: (REPOSITORY / f"docs/{name}.md").read_text() for name in ("gpu", "coming_from")}
    # the middle column of the tables
    rows = [row.split("|") for row in pages["coming_from"].splitlines() if row.startswith("| ") and "---" not in row]
    named = {key.split(":")[0] for row in rows for key in re.findall(r"`([a-z_]+\.[a-z_.]+)", row[2])}
    assert len(named) > 50
    sections = {key.rsplit(".", 1)[0] for key in keys}
    unknown = {key for key in named if key not in keys and key.rstrip(".") not in sections}
    assert unknown <= {*free, "trainer.logger.", "video_cfg."}
    # every overridden key of a command
    commands = re.findall(r"((?:vla-train|vla-eval) [a-z]\S* .*)", "\n".join(pages.values()))
    assert len(commands) > 5
    for command in commands:
        recipe, *rest = command.split("#")[0].split("`")[0].split()[1:]
        assert recipe in recipe_names(), command
        load_config(recipe, [part for part in rest if "=" in part and not part.startswith("--")])


def test_the_page_of_errors_is_that_of_the_classes():
    result = subprocess.run(
        [sys.executable, "scripts/errors_table.py"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert result.stdout == (REPOSITORY / "docs/errors.md").read_text()
    rows = [line for line in result.stdout.splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    # an error says what to do about it
    assert [row for row in rows if row.endswith("|  |")] == []


PUBLIC = {
    "libero_gym": ["libero_gym"],
    "vla_policy": ["vla_policy"],
    "vla_trainer": [f"vla_trainer.{part}" for part in ("advantage", "loss", "placement", "policy", "algorithms")],
}
"""Page of the reference -> modules whose `__all__` it documents."""
WITHOUT_DOCSTRING = {"__version__", "errors", "ALGORITHMS", "Algorithm", "Level"}
"""A text, a module with a page of its own, and names of data: they stand in the page's text."""


def is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # what stands before the last dot is no package
        return False


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_is_in_the_reference(package):
    text = (REPOSITORY / "docs/reference" / f"{package}.md").read_text()
    entries = set(re.findall(r"^::: (\S+)$", text, re.MULTILINE))
    missing = []
    for module in PUBLIC[package]:
        for name in importlib.import_module(module).__all__:
            if name in WITHOUT_DOCSTRING:
                missing += [] if f"`{name}`" in text or f".{name}`" in text else [f"{module}.{name}"]
            else:
                # a function that has the name of its module is found in the module alone
                entry = f"{module}.{name}"
                while is_module(entry):
                    entry = f"{entry}.{name}"
                home = f"{getattr(importlib.import_module(module), name).__module__}.{name}"
                missing += [] if {entry, home} & entries else [entry]
    assert missing == []
    # what an entry names is there, and says what it is
    for entry in entries:
        owner, _, name = entry.rpartition(".")
        found = importlib.import_module(entry) if is_module(entry) else getattr(importlib.import_module(owner), name)
        assert found.__doc__, entry


def sentences(text):
    """Yield the sentences of a page: code is one word, and cells of tables and points of lists stand alone."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"^( *)```.*?^\1```$", "\n\n", text, flags=re.MULTILINE | re.DOTALL)
    for block in re.split(r"\n\s*\n", text):
        if re.match(r" {4}\S", block):
            continue
        for item in re.split(r"\n(?=\s*(?:[-*]|\d+\.) |\||#)", block):
            for cell in re.split(r"(?<!\\)\||;", item) if item.lstrip().startswith("|") else [item]:
                plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", cell)
                plain = re.sub(r"`[^`]*`", "Code", plain)
                yield from re.split(r"(?<=[.?!])[)\"*]*\s+(?=[\[*(\"]*[A-Z0-9])", plain)


def test_no_sentence_is_longer_than_35_words():
    long = []
    for page in [*REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("packages/*/README.md")]:
        found = [" ".join(sentence.split()) for sentence in sentences(page.read_text())]
        long += [f"{page.relative_to(REPOSITORY)}: {words}" for words in found if len(words.split()) > 35]
    assert long == []


def test_a_long_sentence_is_found():
    words = "word " * 34
    # 1 + 34 + 1 words, and Code + 34 + the full stop beside the last
    assert [len(found.split()) for found in sentences(f"A {words}ends. `a b c` {words}.")] == [36, 36]


def test_no_command_hides_in_an_indented_block():
    """Fenced blocks say their language, so that tests/test_docs_code.py finds them."""
    command = re.compile(r"^    (?:vla-\w+|libero-gym|pip|python|make|uv|docker|ray) \S", re.MULTILINE)
    fenced = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
    pages = REPOSITORY.glob("docs/**/*.md")
    assert [page.name for page in pages if command.search(fenced.sub("", page.read_text()))] == []
