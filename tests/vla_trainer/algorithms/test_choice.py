"""An algorithm of another package, named by module:attribute."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from vla_trainer.config import load_config
from vla_trainer.config.load import parse_config, to_yaml
from vla_trainer.errors import ConfigError

MODULE = '''
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from vla_trainer.algorithms import PPO, PolicyGradient


class Alternating(PPO):
    name: str
    scale: Annotated[float, Field(gt=0)] = 2.0
    """Of advantages, which are scale, -scale, scale, ..."""

    def batch(self, rollout):
        found = super().batch(rollout)
        signs = 1.0 - 2.0 * (torch.arange(len(found)) % 2)
        return replace(found, advantages=self.scale * signs)


class WithoutName(PPO):
    pass


class WithoutBatch(PolicyGradient):
    pass


number = 3
'''


@pytest.fixture
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_rl.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("own_rl", None)


def pendulum(name: str, *overrides: str):
    return load_config("pendulum_ppo", [f"algorithm.name={name}", *overrides])


def test_its_keys_are_checked_and_written_like_those_of_an_algorithm_that_ships(own_package):
    config = pendulum("own_rl:Alternating", "algorithm.scale=3.0", "algorithm.gamma=0.5")
    assert type(config.algorithm).__name__ == "Alternating"
    assert (config.algorithm.scale, config.policy_gradient.gamma) == (3.0, 0.5)
    written = yaml.safe_load(to_yaml(config))["algorithm"]
    assert (written["name"], written["scale"]) == ("own_rl:Alternating", 3.0)
    assert parse_config(to_yaml(config)) == config


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("own_rl:Alternating", ["algorithm.scale=-1"], r"algorithm.scale=-1: Input should be greater than 0"),
        ("own_rl:Alternating", ["algorithm.scael=1"], r'unknown key "algorithm.scael"; did you mean "scale"\?'),
        ("own_rl:Alternating", ["rollout.horizon=null"], "rollout.horizon is missing"),
        ("own_rl:WithoutName", [], 'has the name "ppo"; add this line to the class: `name: str`'),
        ("own_rl:WithoutBatch", [], "has no batch, order, policy_steps"),
        ("own_rl:number", [], "is a int; allowed: a class that derives from vla_trainer.algorithms.PolicyGradient"),
        ("own_rl:Nothing", [], "module 'own_rl' has no attribute 'Nothing'"),
        ("no_such_package:X", [], "No module named 'no_such_package'"),
        ("ppoo", [], 'did you mean "ppo"\\? allowed: grpo, ppo, sft, or module:attribute of a class of your own'),
    ],
)
def test_what_is_wrong_is_named(own_package, name, overrides, message):
    with pytest.raises(ConfigError, match=message):
        pendulum(name, *overrides)


def test_groups_that_ended_are_batched_by_grpo_alone(own_package):
    (own_package / "own_rl.py").write_text("from vla_trainer.algorithms import GRPO\nclass Own(GRPO):\n    name: str\n")
    sys.modules.pop("own_rl", None)
    with pytest.raises(ConfigError, match="is not read by own_rl:Own: grpo alone makes a batch"):
        load_config("tiny_spatial_grpo", ["algorithm.name=own_rl:Own", "actor.batch_order=groups"])


def test_a_run_learns_from_its_batch_and_resumes(own_package, quick_command):
    common = ["rollout.horizon=32", "env.num_envs=2", "eval.episodes=2", "trainer.save_every=1"]
    done = quick_command(
        "vla-train",
        "pendulum_ppo",
        "algorithm.name=own_rl:Alternating",
        "algorithm.normalize_advantages=false",
        "trainer.iterations=1",
        "output_dir=run",
        *common,
    )
    assert done.returncode == 0, done.stderr
    assert "own_rl:Alternating on Pendulum-v1" in done.stdout
    line = json.loads((own_package / "run/metrics.jsonl").read_text().splitlines()[0])
    # half are 2 and half are -2: mean 0, deviation 2; over 64 - 1 it is 2.016
    assert line["rollout/advantage_std"] == pytest.approx(2.0, rel=0.01)
    done = quick_command("vla-train", "--resume", "run", "trainer.iterations=2")
    assert done.returncode == 0, done.stderr
    assert len((own_package / "run/metrics.jsonl").read_text().splitlines()) == 2
