"""The field's words: what has another name in robot learning stands in packages and docs under that name alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

#: Word, with its forms -> the field's. They stand neither in text nor in code.
WORDS = {
    r"films?|filmed|filming": "video, frame, record",
    r"pictures?": "image",
    r"drawn": "rendered; sampled",
    r"tickets?": "episode spec",
    r"meant": "intended",
    r"tremors?|shoves?": "action noise, disturbance",
    r"row_?store|rowstore": "observation store",
    r"so_far": "peek",
    r"early_?steps": "eager update",
    r"durable": "atomic",
    r"acted_at": "behavior policy",
    r"stand_still": "idle row",
    r"broken_off": "crashed row",
    r"is said|asked was|is told": "is printed, the target is, is passed",
    r"decisions?": "policy step",
    r"carries_signal": "has variance",
    r"alike": "symmetry",
    r"env_?facts": "env spec",
    r"mend|mends|mended": "fix",
}

#: Names of variables, arguments, functions and classes, in any case but this one.
NAMES = {
    *("one", "each", "thing", "things", "something", "said", "told"),
    *("start_", "Start", "starts", "column_", "Ticket", "Columns", "Groups", "Listed"),
    *("RowStore", "seal", "early", "EarlySteps", "sweep", "aside", "Began", "acted_at"),
    *("Reinforcement", "Imitation", "Learning", "jobs", "Bring", "Turn", "Way", "way", "sight", "room"),
    *("Acted", "EnvFacts", "Finding", "Common", "Backend", "Imitating"),
}

#: (file's path from the repository's root or its beginning, what stands there) -> why it may.
EXCEPTIONS = {
    ("packages/libero_gym/src/libero_gym/cli/doctor.py", "mend"): "the old key of its JSON, kept for one release",
    ("packages/vla_policy/", "film"): "FiLM, feature-wise linear modulation",
    ("docs/checkpoints.md", "film"): "FiLM, feature-wise linear modulation",
    ("docs/coming_from.md", "film"): "the key use_film of openvla-oft",
    ("packages/vla_trainer/src/vla_trainer/advantage/gae.py", "decision"): "semi-Markov decision process",
    ("packages/vla_trainer/src/vla_trainer/algorithms/sft.py", "meant"): "the old value of a key, kept for one release",
    ("packages/vla_trainer/src/vla_trainer/sft/dataset.py", "meant"): "the old key of datasets, kept for one release",
    ("packages/libero_gym/src/libero_gym/demos", "meant"): "the old key of datasets, kept for one release",
    ("packages/vla_trainer/src/vla_trainer/config/schema.py", "starts"): "the key rollout.starts",
    ("packages/vla_trainer/src/vla_trainer/rollout/priorities.py", "starts"): "the key rollout.starts",
    ("packages/vla_trainer/src/vla_trainer/planner/costs.py", "each"): "a key of measured times: seconds of each item",
}


def files(*endings: str) -> list[Path]:
    found = [path for path in (REPOSITORY / "packages").rglob("*") if path.suffix in endings]
    found += [path for path in (REPOSITORY / "docs").rglob("*") if path.suffix in endings]
    found += [REPOSITORY / "README.md"] if ".md" in endings else []
    return [path for path in found if not {"dist", "__pycache__", ".venv"} & set(path.parts)]


def allowed(path: Path, word: str) -> bool:
    name = str(path.relative_to(REPOSITORY))
    return any(name.startswith(beginning) and word.lower() == exempt for beginning, exempt in EXCEPTIONS)


def names_of(tree: ast.AST) -> set[str]:
    """What a module calls its own variables, arguments, functions and classes."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
    return found


@pytest.mark.parametrize("word", WORDS)
def test_a_word_stands_nowhere(word):
    found = []
    pattern = re.compile(rf"(?<![A-Za-z])(?:{word})(?![A-Za-z])", re.IGNORECASE)
    for path in files(".py", ".md", ".yaml", ".toml"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found += [
                f"{path.relative_to(REPOSITORY)}:{number}: {match.group()}"
                for match in pattern.finditer(line)
                if not allowed(path, match.group())
            ]
    assert found == [], f"say {WORDS[word]}"


def test_names_say_what_they_hold():
    found = []
    for path in files(".py"):
        names = {name.strip("_") for name in names_of(ast.parse(path.read_text()))}
        found += [
            f"{path.relative_to(REPOSITORY)}: {name}" for name in sorted(names & NAMES) if not allowed(path, name)
        ]
    assert found == []


def test_the_check_sees_names_and_forms():
    tree = ast.parse("for one in range(3):\n    pass\ndef f(each): ...\nclass Ticket: ...\n")
    assert names_of(tree) & NAMES == {"one", "each", "Ticket"}
    assert re.search(rf"(?<![A-Za-z])(?:{next(iter(WORDS))})(?![A-Za-z])", "is filmed.")
