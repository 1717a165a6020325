"""`vla-eval --explain` on real evaluations: ten planted causes are named first; published results are compared."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import gymnasium
import pytest
from rich.console import Console

from libero_gym.assets import resolve_assets
from libero_gym.references import REFERENCES
from libero_gym.tasks import load_suite
from vla_policy import OpenVLAOFTPolicy
from vla_trainer.errors import ComparisonError
from vla_trainer.evaluation.explanation import explain, side_of
from vla_trainer.evaluation.reference import read_reference
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.explain_command import explain_results

ENV = {"env.id": "libero_gym:libero/Spatial-v0", "env.num_envs": 1, "env.task": 3, "env.image_size": 64}
BUDGET = {"env.action_chunk": 4, "env.max_episode_steps": 4, "env.split": "train", "env.assets": "builtin"}
RUN = {"algorithm.name": "ppo", "rollout.horizon": 1, "trainer.iterations": 1, "eval.split": "eval", "eval.episodes": 1}
POLICY = {"policy.factory": "vla_policy:OpenVLAOFTPolicy.for_spaces", "policy.kwargs.gripper": "none"}
#: What harmlessly differs beside each cause, as between two machines.
BESIDE = ("trainer.seed=5", "env.image_size=80", "env.render_mode=rgb_array")

PIPELINE = "{size: 64, jpeg_quality: null, resize: bilinear, crop_area: %s}"
CAUSES = {
    "policy.statistics": (),
    "policy.gripper": ("policy.kwargs.gripper=libero",),
    "env.image_orientation": ("env.image_orientation=upright",),
    "policy.crop_area": (f"policy.kwargs.pipeline={PIPELINE % 0.9}",),
    "env.assets": (),
    "evaluation.decoding": ("eval.deterministic=false", "eval.temperature=1.6"),
    "env.time_limit": ("env.max_episode_steps=8",),
    "env.init_states": ("eval.split=train",),
    "env.settle_steps": ("env.settle_steps=0",),
    "evaluation.precision": ("policy.precision=bf16",),
}


@pytest.fixture(scope="module")
def policies(tmp_path_factory) -> dict[str, Path]:
    """A policy, and the same with other statistics."""
    kwargs = {key.removeprefix("env."): value for key, value in (ENV | BUDGET).items()}
    for key in ("id", "num_envs", "split"):
        del kwargs[key]
    env = gymnasium.make(ENV["env.id"], **kwargs)
    folder = tmp_path_factory.mktemp("policies")
    OpenVLAOFTPolicy.tiny(env.observation_space, env.action_space, seed=0).save_pretrained(folder / "policy")
    env.close()
    shutil.copytree(folder / "policy", folder / "reference")  # another name for the same weights
    shutil.copytree(folder / "policy", folder / "other")
    path = folder / "other/dataset_statistics.json"
    statistics = json.loads(path.read_text())
    # masked, so that the numbers count; half as far
    statistics["tiny"]["action"] = {"q01": [-0.5] * 7, "q99": [0.5] * 7, "mask": [True] * 6 + [False]}
    path.write_text(json.dumps(statistics))
    return {name: folder / name for name in ("policy", "reference", "other")}


@pytest.fixture
def evaluate(quick_command, policies, tmp_path):
    """Evaluate with overrides; returns the eval.json."""
    (tmp_path / "recipe.yaml").write_text("{}")

    def run(name: str, *overrides: str, policy: str = "policy") -> Path:
        base = [f"{key}={value}" for key, value in (ENV | BUDGET | RUN | POLICY).items()]
        path = f"policy.kwargs.path={policies[policy]}"
        done = quick_command("vla-eval", "recipe.yaml", *base, path, *overrides, f"output_dir={tmp_path / name}")
        assert done.returncode == 0, done.stderr
        return tmp_path / name / "eval.json"

    return run


@pytest.mark.timeout(600)
def test_ten_planted_causes(evaluate):
    reference = evaluate("reference", policy="reference")
    named = {}
    for number, (cause, overrides) in enumerate(CAUSES.items()):
        if cause == "env.assets":
            # by its path, the set shows a finer robot, and has a name of its own
            overrides = (f"env.assets={resolve_assets('builtin').folder}",)
        mine = evaluate(
            f"mine{number}", *overrides, *BESIDE, policy="other" if cause == "policy.statistics" else "policy"
        )
        found = explain_results([str(mine), str(reference)], Console())
        assert {"policy.weights", "env.image_size"} <= {row.name for row in found.different}
        named[cause] = None if found.likely_cause is None else found.likely_cause.name
    assert len(CAUSES) == 10
    # an image's size may cost more than its precision: the only one that comes second
    assert named == {cause: cause for cause in CAUSES} | {"evaluation.precision": "env.image_size"}


def test_a_pair_without_a_difference_says_so(evaluate, quick_command, capsys):
    first, second = evaluate("first"), evaluate("second")
    done = quick_command("vla-eval", "--explain", first, second)
    assert done.returncode == 0, done.stderr
    assert "No recorded fact differs." in done.stdout
    assert "do not differ beyond chance" in done.stdout
    assert "not recorded" not in done.stdout
    found = explain(*(side_of(str(path), Evaluation.read(path)) for path in (first, second)))
    assert (found.different, found.unrecorded) == ([], [])
    assert len(found.equal) > 40

    done = quick_command("vla-eval", "--explain", first, "openvla-oft")
    assert done.returncode == 0, done.stderr
    assert "arXiv:2502.19645" in done.stdout
    # of what differs from the published evaluation, the network is first
    assert "Likely cause: policy.network" in done.stdout
    assert "Fisher's exact test" in done.stdout


def test_a_published_loop_replaces_what_the_config_says(quick_command, policies, tmp_path, monkeypatch):
    from libero_gym import protocols

    loop = protocols.PROTOCOLS["rlinf"]
    monkeypatch.setitem(protocols.PROTOCOLS, "rlinf", replace(loop, limits=dict.fromkeys(loop.limits, 4)))  # is short
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("env: {max_episode_steps: 8, settle_steps: 3, image_size: 64}\n")
    settings = {**ENV, **BUDGET, **RUN, **POLICY, "policy.kwargs.path": policies["policy"], "output_dir": "rlinf"}
    given = [
        f"{key}={value}" for key, value in settings.items() if key not in ("env.image_size", "env.max_episode_steps")
    ]
    refused = quick_command("vla-eval", recipe, *given, "env.max_episode_steps=9", "--protocol", "rlinf")
    assert refused.returncode == 2
    assert "env.max_episode_steps=9: --protocol rlinf fixes env.max_episode_steps" in refused.stderr
    done = quick_command("vla-eval", recipe, *given, "--protocol", "rlinf")
    assert done.returncode == 0, done.stderr
    facts = {fact.name: fact.value for fact in Evaluation.read(tmp_path / "rlinf/eval.json").facts}
    wanted = {"env.settle_steps": 15, "env.time_limit": 4, "env.image_size": 256, "env.fixtures": "rlinf"}
    assert {key: facts[key] for key in wanted} == wanted
    unknown = quick_command("vla-eval", recipe, *given, "--protocol", "openvla")
    assert unknown.returncode == 2
    assert 'did you mean "openvla-oft"?' in unknown.stderr


@pytest.mark.parametrize("name", sorted(REFERENCES))
@pytest.mark.parametrize("suite", ["libero_spatial", "libero_object", "libero_goal", "libero_10"])
def test_cards_say_of_libero_what_the_environment_says(name, suite):
    chosen = load_suite(suite)
    env = gymnasium.make(f"libero_gym:{chosen.env_id}", assets="builtin", cameras=["agentview", "wrist"])
    facts = {fact["name"]: fact["value"] for fact in env.metadata["facts"]}
    env.close()
    side = read_reference(name, chosen.env_id)
    card = {fact.name: fact.value for fact in side.facts}
    states = ("env.init_states", "env.tasks", "env.action", "env.cameras", "env.image_orientation", "env.image_size")
    assert {key: card[key] for key in states} == {key: facts[key] for key in states}
    if name == "openvla-oft":  # whose limits are this package's own
        assert card["env.time_limit"] == facts["env.time_limit"]
        assert card["env.settle_steps"] == facts["env.settle_steps"]
    assert 0.9 < side.rate < 1
    assert side.sources


def test_a_suite_without_a_published_result_is_named():
    with pytest.raises(ComparisonError, match=r"openvla-oft has no result in libero/90-v0; it has: libero/10-v0"):
        read_reference("openvla-oft", "libero_gym:libero/90-v0")
