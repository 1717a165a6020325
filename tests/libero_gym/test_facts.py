"""What an environment records of itself: read off its options, without building or reading what is not needed."""

from __future__ import annotations

import hashlib

import gymnasium
import own_task_files as own_files
import pytest

from libero_gym.env import LiberoEnv
from libero_gym.facts import PUBLISHED_STATES
from libero_gym.tasks.init_states import published_states
from libero_gym.tasks.suites import load_suite


def test_digests_of_published_states_are_those_of_the_file() -> None:
    found = {}
    for name in PUBLISHED_STATES:
        digest = hashlib.sha256()
        for task in load_suite(name).tasks:
            for states in published_states(task):
                digest.update(states.tobytes())
        found[name] = digest.hexdigest()[:12]
    assert found == PUBLISHED_STATES


def states_of(env: gymnasium.Env) -> str:
    facts = {fact["name"]: fact["value"] for fact in env.unwrapped.metadata["facts"]}
    return str(facts["env.init_states"])


def test_states_are_the_suite_s_whichever_tasks_are_chosen() -> None:
    envs = [
        gymnasium.make("libero_gym:libero/Goal-v0", assets="builtin", task=task, split=split)
        for task, split in ((0, "eval"), (None, "eval"), (0, "train"))
    ]
    assert [states_of(env) for env in envs] == ["eval (be96ab6d4cf5)", "eval (be96ab6d4cf5)", "train (be96ab6d4cf5)"]


def test_a_task_of_ones_own_is_not_built_for_them(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("LIBERO_GYM_CACHE", str(cache))
    path = tmp_path / "mine.bddl"
    path.write_text(own_files.PLATE)
    first = states_of(LiberoEnv("libero_task", task_file=path, cameras=(), assets="builtin"))
    assert list((cache / "scenes").glob("*")) == []
    path.write_text(own_files.PLATE.replace("-0.15 -0.20", "-0.14 -0.20"))
    assert states_of(LiberoEnv("libero_task", task_file=path, cameras=(), assets="builtin")) != first
