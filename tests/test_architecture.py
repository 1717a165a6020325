"""The boundaries between the three packages, from the imports in their source and from what a process loads."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "packages"

#: Package -> top-level modules that none of its files may import, not even inside a function.
FORBIDDEN = {
    "libero_gym": {"torch", "transformers", "timm", "vla_policy", "vla_trainer"},
    "vla_policy": {"mujoco", "robosuite", "libero", "libero_gym", "vla_trainer"},
    "vla_trainer": {"mujoco", "robosuite", "libero", "libero_gym", "vla_policy", "transformers", "timm"},
}


def imports(path: Path) -> set[str]:
    """Top-level modules that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_file_imports_what_its_package_must_not_know(package):
    files = list((PACKAGES / package / "src").rglob("*.py"))
    assert len(files) > 10  # the folder is where this test looks for it
    broken = {str(path.relative_to(PACKAGES)): imports(path) & FORBIDDEN[package] for path in files}
    assert {path: names for path, names in broken.items() if names} == {}


def test_the_check_sees_imports_inside_functions(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("def f():\n    from torch.nn import Linear\n    import mujoco.egl as egl\n")
    assert imports(path) == {"torch", "mujoco"}


@pytest.mark.parametrize(
    ("package", "loaded"),
    [("libero_gym.env", "torch"), ("vla_policy", "mujoco"), ("vla_trainer.trainer", "mujoco")],
)
def test_a_process_that_imports_a_package_does_not_load_the_others(package, loaded):
    forbidden = sorted(
        FORBIDDEN[package.split(".")[0]] & {"torch", "mujoco", "libero_gym", "vla_policy", "vla_trainer"}
    )
    code = f"import sys, {package}; print([name for name in sys.modules if name.split('.')[0] in {forbidden}])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]", f"{package} loads {loaded} or a package it must not know"


#: Words that only LIBERO, or `libero_gym`, has: `vla_trainer` runs any environment.
OF_ONE_ENVIRONMENT = (
    r"libero|robosuite|rot180|staged|sparse_reward|meant_action|disturbed|agentview|wrist|robot0|"
    r"render_quality|physics_quality|settle_steps|image_orientation|init_qpos|bddl"
)
#: File -> the words that it may have, and why.
EXCEPTIONS = {
    "algorithms/sft.py": {"meant_action"},  # a field of recorded datasets
    "sft/dataset.py": {"meant_action"},
    "sft/policy_steps.py": {"libero", "disturbed"},  # the source of a formula; a threshold on that field
    "config/synonyms.py": {"libero", "settle_steps"},  # other projects' names
    "versions.py": {"libero"},  # the name of a package
}


def test_the_trainer_has_no_word_of_one_environment():
    source = PACKAGES / "vla_trainer/src/vla_trainer"
    found = {}
    for path in source.rglob("*.py"):
        words = {word.lower() for word in re.findall(OF_ONE_ENVIRONMENT, path.read_text(), re.IGNORECASE)}
        name = path.relative_to(source).as_posix()
        if left := words - EXCEPTIONS.get(name, set()):
            found[name] = left
    assert found == {}


def test_modules_are_short_and_no_dumping_grounds():
    for path in PACKAGES.rglob("src/**/*.py"):
        assert len(path.read_text().splitlines()) <= 400, path
        assert path.stem not in {"utils", "util", "helpers", "common", "misc", "core", "base"}, path


def test_modules_are_no_crumbs():
    lengths = sorted(len(path.read_text().splitlines()) for path in PACKAGES.rglob("src/**/*.py"))
    assert lengths[len(lengths) // 2] >= 90


def test_what_is_an_algorithm_s_own_is_asked_of_it():
    # as in `isinstance(config.algorithm, SFT)`: the sections offer what the rest of the trainer wants to know
    sections = re.compile(r"isinstance\([^()]*\b(PPO|GRPO|SFT|PolicyGradient|AlgorithmSection)\b")
    found = [
        f"{path.relative_to(PACKAGES)}: {line.strip()}"
        for path in (PACKAGES / "vla_trainer" / "src").rglob("*.py")
        for line in path.read_text().splitlines()
        if sections.search(line)
    ]
    assert len(found) <= 8, found
