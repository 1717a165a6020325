"""CONTRIBUTING.md says where things are: every file and every name beside it must be there."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGES = {name: REPOSITORY / "packages" / name / "src" for name in ("libero_gym", "vla_policy", "vla_trainer")}


def test_every_step_of_the_walks_is_a_file_and_a_name_in_it():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:libero_gym|vla_policy|vla_trainer)/[\w/]+(?:\.py|/))`(?:\s+`(\w+)`)?", text)
    assert len(named) > 35
    missing = []
    for path, name in named:
        file = PACKAGES[path.split("/")[0]] / path
        if not file.exists():
            missing.append(path)
        elif name and not re.search(rf"(?:def|class) {name}\b|^{name}\b.* = ", file.read_text(), re.MULTILINE):
            missing.append(f"{path}: {name}")
    assert missing == []


def test_every_make_target_that_it_names_is_there():
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
