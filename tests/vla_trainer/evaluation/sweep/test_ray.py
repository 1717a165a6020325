"""A sweep on the ray backend: other environments in the same processes, the same numbers as in one process."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import variant_toy
from ray_nodes import two_nodes
from ray_runs import config, in_the_middle, on

from vla_trainer.config.schema import Env
from vla_trainer.evaluation.sweep.parts import SweepParts
from vla_trainer.evaluation.sweep.run import evaluate_point
from vla_trainer.trainer import make_trainer

pytestmark = pytest.mark.slow

SWEEP = ("--sweep", "env.shift=null,camera:2")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as made:
        yield made


def test_the_same_as_in_one_process(
    cluster: Any, quick_command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    recipe = tmp_path / "variant.yaml"
    recipe.write_text(variant_toy.RECIPE)
    sampled = "eval.deterministic=false"
    for folder, overrides in (("local", []), ("ray", on(cluster))):
        done = quick_command("vla-eval", recipe, *SWEEP, sampled, f"output_dir={folder}", *overrides)
        assert done.returncode == 0, done.stderr
    local, spread = (json.loads((tmp_path / folder / "sweep.json").read_text()) for folder in ("local", "ray"))
    assert spread == local
    assert [point["evaluation"]["heading"] is None for point in local["points"]] == [True, False]


def test_a_process_that_is_lost_is_started_again_in_the_point_s_environment(cluster: Any, tmp_path: Path) -> None:
    overrides = ["env.seconds=0.05", "env.shift='light:1'"]
    base, point = config(variant_toy.RECIPE, *on(cluster)), config(variant_toy.RECIPE, *on(cluster), *overrides)
    trainer = make_trainer(base)
    try:
        number = trainer.runtime.processes()["env process 1"]
        in_the_middle(lambda: os.kill(number, signal.SIGKILL), 0.4)
        with SweepParts(tmp_path, {}) as parts:
            evaluation = evaluate_point(point, trainer.runtime, parts, 0)
        assert trainer.runtime._envs.restarts == 1
        # 1 + 3 + 5 of the three tasks
        assert (evaluation.episodes, evaluation.successes) == (24, 9)
        assert {state["variant"] for state in evaluation.states} == {"light:1:even", "light:1:odd"}
        # as it was before
        assert trainer.runtime.open_evaluation().provenance.caveats == ()
        assert trainer.runtime.open_evaluation(Env(id=base.env.id, shift="noise:1")).provenance.caveats
    finally:
        trainer.close()
