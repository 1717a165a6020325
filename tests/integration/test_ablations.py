"""The command that docs/ablations.md begins with is one that `vla-ablate` takes."""

import re
import shlex
from pathlib import Path

import pytest

from vla_trainer.ablation.plan import plan_ablation

REPOSITORY = Path(__file__).parents[2]


def test_the_example_of_the_docs_compares_two_critics():
    text = (REPOSITORY / "docs/ablations.md").read_text()
    found = re.search(r"^vla-ablate (tiny_\w+) --seeds 2 \\\n\s+--over (.*)$", text, re.MULTILINE)
    assert found is not None
    plan = plan_ablation(found[1], [], shlex.split(found[2]), seeds=2)
    assert [point.name for point in plan.points] == [
        "base",
        "algorithm.critic={key: privileged_state}, env.privileged=true, eval.privileged=false",
    ]
    base, other = (run.config for run in plan.runs[:2])
    assert (base.algorithm.critic_key, other.algorithm.critic_key) == (None, "privileged_state")
    # the policy is evaluated without what only the critic sees
    assert (base.env.get("privileged"), other.env.get("privileged"), other.evaluated("privileged")) == (
        None,
        True,
        False,
    )


@pytest.mark.parametrize("algorithm", ["ppo_critic", "grpo"])
def test_the_benchmark_s_factors_are_those_of_its_recipes(algorithm, import_benchmark):
    factors = import_benchmark("ablation").FACTORS[algorithm]
    overs = [text.replace("; policy.checkpoint={conv}", "") for text in factors.values()]
    plan = plan_ablation(f"tiny_spatial_{algorithm}_from_sft", ["env.task=3"], overs, seeds=3)
    # one point a value, and none that is the recipe itself
    assert len(plan.points) == 1 + sum(max(len(a.texts) for a in factor.axes) for factor in plan.factors)
    assert not any(point.also for point in plan.points)
