"""What happens in a process that imports Gymnasium alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = (
    "import gymnasium, sys\n"
    "env = gymnasium.make('libero/Spatial-v0', task=0, image_size=32)\n"
    "print(sorted(env.reset(seed=0)[0]))\n"
    "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'libero', 'robosuite')])"
)


def run(code, home: Path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("LIBERO", "XDG"))}
    environment["HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_plain_gymnasium_makes_it_without_a_prompt_and_writes_only_its_cache(tmp_path):
    first = run(CODE, tmp_path)
    assert first.returncode == 0, first.stderr
    assert "['image', 'instruction', 'state', 'wrist_image']\n[]" in first.stdout
    assert first.stderr.count("built-in asset set") == 1
    written = {path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()}
    assert {parts for parts in written if parts != (".cache", "libero-gym")} == set()


def test_all_ids_are_there_and_say_that_they_know_splits(tmp_path):
    ids = ["Spatial", "Object", "Goal", "10", "90", "130"]
    code = f"import gymnasium; print([gymnasium.spec('libero/' + name + '-v0').kwargs['split'] for name in {ids}])"
    assert run(code, tmp_path).stdout == f"{['eval'] * 6}\n"


def test_starting_python_imports_nothing_of_ours(tmp_path):
    code = "import sys; print([name for name in sys.modules if name.startswith(('libero_gym.', 'gymnasium', 'numpy'))])"
    assert run(code, tmp_path).stdout.strip() == "[]"
