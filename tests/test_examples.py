"""Every example runs to its end, as a user starts it, and prints what it should."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from client_environments import REPOSITORY, installed, overlay, run

FOLDER = REPOSITORY / "examples"
NUMBER = r"-?\d+\.\d+"
#: File -> what its output has, in this order. Numbers that follow from the file are written out.
EXPECTED = {
    "gymnasium_env.py": [
        r"'image': \(128, 128, 3\), 'wrist_image': \(128, 128, 3\), 'state': \(8,\)",
        rf"after 30 steps the hand is {NUMBER} m high, success False",
        r"'image': \(8, 64, 64, 3\), 'instruction': 8",
    ],
    # 400 steps of 4 environments, 50 an episode: two each
    "sb3_state.py": [rf"8 episodes, mean return {NUMBER}, 400 steps"],
    # 256 steps of 4 environments, 32 an episode: two each
    "sb3_pixels.py": [rf"8 episodes, mean return {NUMBER}, 256 steps"],
    "torchrl_ppo.py": [rf"batch 3: 128 steps, mean reward {NUMBER}, loss {NUMBER}"],
    "cleanrl_ppo.py": [rf"iteration 2: 256 steps, mean reward {NUMBER}"],
    "minari_collector.py": [
        r"episode 1: \d+ steps, success True",
        r"episode 0: images \(\d+, 64, 64, 3\), actions \(\d+, 7\), reward 1",
        r"of libero/Spatial-v0 with task 2",
    ],
    "evaluate_checkpoint.py": [r"model.safetensors", r"not a benchmark result", r"\d of 4 succeed"],
    "lora_finetune.py": [
        r"success True",
        # rank 8 on every linear layer of the tiny network
        r"66176 of 796016 weights learn",
        rf"step 7: loss {NUMBER}",
        r"adapter_config.json, adapter_model.safetensors",
        r"first action \[",
    ],
    "custom_policy.py": [r"iteration 2/2", r"done: "],
    "custom_algorithm.py": [r"custom_algorithm:Reinforce on Pendulum-v1", r"iteration 3/3", r"done: "],
    "custom_task.py": [r'"put the black bowl on the plate": 3 of 3 solved', r"written: mine.bddl, the same task: True"],
    "lerobot_policy.py": [r"'observation.images.image2': \(2, 3, 64, 64\)", r"\[20, 20\] steps"],
}


def command(name: str, tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    interpreter, env = sys.executable, dict(os.environ)
    if name.startswith("minari"):
        env = overlay("minari")
    elif name.startswith("lerobot"):
        interpreter = str(installed("lerobot") / "bin" / "python")
        env |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    else:
        env["PYTHONPATH"] = str(FOLDER)
    # two threads of torch each, beside other tests on two cores, take three times as long as one
    return [interpreter, str(FOLDER / name)], {**env, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_it_runs(name: str, tmp_path: Path) -> None:
    output = run(*command(name, tmp_path))
    place = 0
    for pattern in EXPECTED[name]:
        found = re.compile(pattern).search(output, place)
        assert found is not None, f"no {pattern!r} in:\n{output[-3000:]}"
        place = found.end()
    if name == "lora_finetune.py":
        first, last = (float(loss) for loss in re.findall(r"step \d+: loss (\d+\.\d+)", output))
        # untrained, each of 256 bins has about the same probability: ln 256 = 5.545
        assert first == pytest.approx(5.545, abs=0.1)
        assert last < first - 0.3


def test_every_example_is_short_listed_and_says_how_to_run_it() -> None:
    files = sorted(path.name for path in FOLDER.glob("*.py"))
    assert files == sorted(EXPECTED)
    listed = re.findall(r"^\| \[(\w+\.py)\]\((\w+\.py)\) \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == [(name, name) for name in files]
    for name in files:
        lines = (FOLDER / name).read_text().splitlines()
        assert len(lines) < 80, name
        assert lines[0].startswith('"""'), name
        usage = "\n".join(lines[:16])
        assert "pip install" in usage, name
        assert f"python examples/{name}" in usage, name
