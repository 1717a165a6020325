"""What happens in a process that imports Gymnasium alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = (
    "import gymnasium, sys\n"
    "env = gymnasium.make('libero_gym:libero/Spatial-v0', task=0, image_size=32)\n"
    "print(sorted(env.reset(seed=0)[0]))\n"
    "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'libero', 'robosuite')])"
)
IDS = [f"libero/{suite}-v0" for suite in ("Spatial", "Object", "Goal", "10", "90", "130")]


def run(code, home: Path, path: str = ""):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("LIBERO", "XDG"))}
    environment |= {"HOME": str(home), "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_plain_gymnasium_makes_it_without_a_prompt_and_writes_only_its_cache(tmp_path, not_installed):
    first = run(CODE, tmp_path, not_installed)
    assert first.returncode == 0, first.stderr
    assert "['image', 'instruction', 'state', 'wrist_image']\n[]" in first.stdout
    assert first.stderr.count("built-in asset set") == 1
    written = {path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()}
    assert {parts for parts in written if parts != (".cache", "libero-gym")} == set()


@pytest.mark.parametrize(
    "how",
    [
        "vectorization_mode='vector_entry_point'",
        "vectorization_mode='vector_entry_point', worker_kind='process'",
        "vectorization_mode='async'",
    ],
)
def test_plain_gymnasium_makes_a_vector_of_them(how, tmp_path, cache_folder):
    code = (
        "import gymnasium\n"
        f"envs = gymnasium.make_vec('libero_gym:libero/Spatial-v0', 2, {how}, task=1, assets='builtin', cameras=(),\n"
        "    settle_steps=0)\n"
        "print(envs.reset(seed=0)[0]['state'].shape, envs.step(envs.action_space.sample())[1].shape)\n"
        "envs.close()"
    )
    result = run(f"import os; os.environ['LIBERO_GYM_CACHE'] = {str(cache_folder)!r}\n{code}", tmp_path)
    assert result.stdout == "(2, 8) (2,)\n", result.stderr


def test_all_ids_are_there_and_say_that_they_know_splits(tmp_path):
    code = f"import gymnasium, libero_gym; print([gymnasium.spec(name).kwargs['split'] for name in {IDS}])"
    assert run(code, tmp_path).stdout == f"{['eval'] * 6}\n"


def test_importing_gymnasium_imports_nothing_of_ours(tmp_path):
    code = "import gymnasium, sys; print([name for name in sys.modules if name.startswith('libero')])"
    assert run(code, tmp_path).stdout == "[]\n"


def test_importing_the_package_registers_and_does_no_more(tmp_path):
    code = (
        "import gymnasium, os, sys\n"
        "environment = dict(os.environ)\n"
        "import libero_gym\n"
        f"assert set({IDS}) <= set(gymnasium.registry)\n"
        "print([name for name in sys.modules if name in ('mujoco', 'llvmlite')], dict(os.environ) == environment)"
    )
    assert run(code, tmp_path).stdout == "[] True\n"
    assert list(tmp_path.iterdir()) == []


def test_importing_all_modules_sets_no_environment_variable(tmp_path):
    code = (
        "import importlib, os, pkgutil\n"
        "import click, gymnasium, llvmlite, mujoco, multiprocess, PIL, tabulate, tqdm\n"
        "import stable_baselines3, torchrl.envs\n"
        "# what these set is not ours: Stable-Baselines3 imports OpenCV, which sets LD_LIBRARY_PATH, and TorchRL Ray\n"
        "environment = dict(os.environ)\n"
        "import libero_gym\n"
        "names = [found.name for found in pkgutil.walk_packages(libero_gym.__path__, 'libero_gym.')]\n"
        "assert len(names) > 50\n"
        "for name in names:\n"
        # LeRobot is not installed here: tests/clients
        "    if not name.endswith(('__main__', 'lerobot.config')):\n"
        "        importlib.import_module(name)\n"
        "print({key for key in os.environ if os.environ[key] != environment.get(key)})"
    )
    result = run(code, tmp_path)
    assert result.stdout == "set()\n", result.stderr
