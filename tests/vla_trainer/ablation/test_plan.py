"""Which points and runs an ablation has, and what is refused before anything is made."""

import json
from pathlib import Path

import pytest
import reach_toy

from vla_trainer.ablation.plan import AblationPlan, plan_ablation
from vla_trainer.errors import CheckpointError, ConfigError, UnknownRecipeError


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipe") / "toy.yaml"
    path.write_text(reach_toy.PPO_RECIPE)
    return str(path)


def plan(recipe: str, *over: str, overrides: tuple[str, ...] = (), seeds: int = 2, grid: bool = False) -> AblationPlan:
    return plan_ablation(recipe, list(overrides), list(over), seeds=seeds, grid=grid)


def names(found: AblationPlan) -> list[str]:
    return [point.name for point in found.points]


def test_one_key_at_a_time_and_all_combinations(recipe: str) -> None:
    over = ("actor.lr=1e-3,1e-2", "algorithm.epochs=1,2")
    found = plan(recipe, *over)
    assert names(found) == ["base", "actor.lr=1e-3", "actor.lr=1e-2", "algorithm.epochs=1", "algorithm.epochs=2"]
    assert [(run.point.name, run.seed) for run in found.runs[:6]] == [
        *((name, 0) for name in names(found)),
        ("base", 1),
    ]
    by_name = {run.point.name: run.config for run in found.runs}
    # what is not changed is the recipe's
    assert (by_name["actor.lr=1e-2"].actor.lr, by_name["actor.lr=1e-2"].policy_gradient.epochs) == (1e-2, 4)
    assert (by_name["algorithm.epochs=1"].actor.lr, by_name["algorithm.epochs=1"].policy_gradient.epochs) == (3e-3, 1)
    assert found.values(found.points[3]) == {"actor.lr": 3e-3, "algorithm.epochs": 1}
    assert names(plan(recipe, *over, grid=True)) == [
        "base",
        "actor.lr=1e-3, algorithm.epochs=1",
        "actor.lr=1e-3, algorithm.epochs=2",
        "actor.lr=1e-2, algorithm.epochs=1",
        "actor.lr=1e-2, algorithm.epochs=2",
    ]


def test_the_base_s_own_value_and_equal_configs_are_run_once(recipe: str) -> None:
    # the recipe has 3.0e-3 and 4; in the grid, the two together are the base
    found = plan(recipe, "actor.lr=0.003,1e-2", "algorithm.epochs=4,2")
    assert names(found) == ["base", "actor.lr=1e-2", "algorithm.epochs=2"]
    assert found.points[0].also == ("actor.lr=0.003", "algorithm.epochs=4")
    found = plan(recipe, "actor.lr=0.003,1e-2", "algorithm.epochs=4,2", grid=True)
    assert found.points[0].also == ("actor.lr=0.003, algorithm.epochs=4",)
    assert len(found.points) == 4


def test_keys_that_change_together(recipe: str) -> None:
    found = plan(recipe, "policy.kwargs={width: 8},{note: 'a; b'} ; algorithm.epochs=2,2", "actor.lr=1e-2,0.01")
    assert names(found) == [
        "base",
        "policy.kwargs={width: 8}, algorithm.epochs=2",
        "policy.kwargs={note: 'a; b'}, algorithm.epochs=2",
        "actor.lr=1e-2",
    ]
    assert found.points[3].also == ("actor.lr=0.01",)
    config = found.runs[2].config
    assert (config.policy.kwargs, config.policy_gradient.epochs, config.actor.lr) == ({"note": "a; b"}, 2, 3e-3)
    assert [factor.keys for factor in found.factors] == [["policy.kwargs", "algorithm.epochs"], ["actor.lr"]]
    assert found.values(found.points[1]) == {"policy.kwargs": {"width": 8}, "algorithm.epochs": 2, "actor.lr": 3e-3}
    # with --grid the two go through the values of the other together
    assert len(plan(recipe, "algorithm.epochs=1,2; actor.eps=1e-7,1e-6", "actor.lr=1e-2,1e-3", grid=True).points) == 5


def test_a_map_replaces_that_of_the_recipe(recipe: str) -> None:
    found = plan(recipe, "policy.kwargs={width: 8},{}", overrides=("policy.kwargs={critic: true}",), seeds=1)
    assert [run.config.policy.kwargs for run in found.runs] == [{"critic": True}, {"width": 8}, {}]


def test_seeds_go_on_from_the_config_s(recipe: str) -> None:
    found = plan(recipe, "actor.lr=1e-2", overrides=("trainer.seed=5", "policy.kwargs={width: '${trainer.seed}'}"))
    assert found.seeds == [5, 6]
    assert [(run.config.trainer.seed, run.config.policy.kwargs["width"]) for run in found.runs[::2]] == [(5, 5), (6, 6)]


def test_folders_are_those_of_the_meaning(recipe: str) -> None:
    folders = [plan(recipe, f"actor.critic_lr={value}").runs[1].folder for value in ("2e-2", "0.020", "null")]
    assert folders[0] == folders[1] != folders[2]
    slugs = [point.slug for point in plan(recipe, "actor.critic_lr=2e-2,null").points]
    assert slugs == ["base", "actor.critic_lr_0.02", "actor.critic_lr_null"]
    found = plan(recipe, "policy.kwargs={width: 8},{width: 16},{note: 'a/b=c'}", f"policy.device=cpu,{'x' * 200}")
    slugs = [point.slug for point in found.points]
    assert len(set(slugs)) == len(slugs) == 6
    for slug in slugs:
        # no override of a key, no path, no name that a disk refuses
        assert not set(slug) & set("=/ \\\"'{}")
        assert len(slug) <= 80
    for run in found.runs:
        assert run.folder.is_absolute()
        assert run.arguments[-1] == f"output_dir={json.dumps(str(run.folder))}"


def test_more_values_and_seeds_go_on_in_the_same_folder(recipe: str) -> None:
    first = plan(recipe, "actor.lr=1e-2")
    assert first.folder.parent == Path("logs/ablations")
    assert first.folder.name.startswith("toy_")
    more = plan(recipe, "actor.lr=1e-2,1e-3", seeds=4)
    assert more.folder == first.folder
    assert {run.folder for run in first.runs} < {run.folder for run in more.runs}
    others = [plan(recipe, "actor.eps=1e-7"), plan(recipe, "actor.lr=1e-2", overrides=("trainer.iterations=4",))]
    assert first.folder not in [other.folder for other in others]
    assert plan_ablation(recipe, [], ["actor.lr=1e-2"], seeds=1, out="~/x").folder == Path("~/x").expanduser()


@pytest.mark.parametrize(
    ("over", "overrides", "message"),
    [
        (["actor.rl=1"], [], '--over actor.rl=1: unknown key "actor.rl"'),
        (["actor.lr=1e-2,fast"], [], "--over actor.lr=fast: actor.lr"),
        (["actor.lr=1e-2,-1"], [], "--over actor.lr=-1: actor.lr"),
        (["actor.lr"], [], "--over actor.lr is not KEY=V1,V2,...; allowed: e.g. KEY=1,2,null"),
        (["actor.lr="], [], "--over actor.lr=: value 1 is empty"),
        (["actor.lr=1,2; actor.eps=1"], [], "--over actor.lr=1,2; actor.eps=1: keys that change together need as many"),
        (["actor.lr=1; actor.lr=2"], [], "--over actor.lr=2: actor.lr is there already"),
        (["actor.lr=1; trainer.seed=2"], [], "--over trainer.seed=2: --seeds N goes through N seeds"),
        (["actor.lr=1", "actor.lr=2"], [], "--over actor.lr=2: actor.lr is there already"),
        (["trainer.seed=1,2"], [], "--over trainer.seed=1,2: --seeds N goes through N seeds"),
        (["output_dir=a,b"], [], "--over output_dir=a,b: --out DIR says where the runs are"),
        (["actor.lr=1e-2"], ["output_dir=a"], "output_dir=a: --out DIR says where the runs are"),
        (["actor.lr=3e-3"], [], "--over actor.lr=3e-3: every value is the base's own already"),
        (
            ["actor.lr=1e-2"],
            ["trainer.logger.jsonl.enable=false"],
            "trainer.logger.jsonl.enable=false: vla-ablate reads",
        ),
        ([], [], "missing --over KEY=V1,V2"),
        # 8 environments of 1e15 bytes
        (["plan.env_bytes=1,1e15"], [], "plan.env_bytes=1e15: not enough memory: env.num_envs=8 environments need"),
    ],
)
def test_what_is_wrong_is_named(recipe: str, over: list[str], overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_ablation(recipe, overrides, over, seeds=2)
    assert str(caught.value).startswith(message)


def test_a_wrong_recipe_number_of_seeds_or_checkpoint(recipe: str) -> None:
    with pytest.raises(UnknownRecipeError, match="unknown recipe"):
        plan_ablation("tiny_spatial_pop", [], ["actor.lr=1"], seeds=1)
    with pytest.raises(ConfigError, match="--seeds 0; allowed: 1 or more"):
        plan_ablation(recipe, [], ["actor.lr=1e-2"], seeds=0)
    with pytest.raises(
        CheckpointError, match=r"^policy\.checkpoint=/nowhere: policy\.checkpoint=/nowhere is no folder"
    ):
        plan_ablation(recipe, [], ["policy.checkpoint=/nowhere"], seeds=1)
