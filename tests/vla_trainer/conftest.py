"""What the trainer's tests share: the toy recipes on disk, and runs of the commands."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import forks
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for reach_toy


@pytest.fixture(scope="session")
def toy_recipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of the toy's recipes by algorithm."""
    import reach_toy

    folder = tmp_path_factory.mktemp("recipes")
    texts = {"ppo": reach_toy.PPO_RECIPE, "grpo": reach_toy.GRPO_RECIPE, "sft": reach_toy.SFT_RECIPE}
    paths = {name: folder / f"toy_{name}.yaml" for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text)
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `vla-train` or `vla-eval` as a process of its own, in a temporary folder."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        function = {"vla-train": "train", "vla-eval": "evaluate"}[name]
        environment = {**os.environ, "PYTHONPATH": str(HERE), "COLUMNS": "200", "NO_COLOR": "1"}
        target = f"vla_trainer.cli:{function}"
        return forks.run(target, [name, *arguments], folder=tmp_path, environment=environment, timeout=120)

    return run
