"""Recipes, overrides, and what is said about wrong ones."""

from pathlib import Path

import keyed_toy
import pytest
import reach_toy

from vla_trainer.algorithms import ALGORITHMS
from vla_trainer.config import load_config, recipe_names
from vla_trainer.config.keys import all_keys
from vla_trainer.config.load import parse_config, to_yaml
from vla_trainer.config.synonyms import SYNONYMS
from vla_trainer.errors import ConfigError, UnknownRecipeError


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_right_and_survives_being_written(name: str) -> None:
    config = load_config(name)
    assert parse_config(to_yaml(config)) == config


def test_overrides_are_read_as_yaml() -> None:
    config = load_config(
        "tiny_spatial_ppo",
        ["actor.lr=1e-3", "env.task=[1, 2]", "algorithm.target_kl=null", "video_cfg.save_video=false"],
    )
    assert config.actor.lr == 1e-3
    assert config.env.task == [1, 2]
    assert config.algorithm.target_kl is None
    assert not config.video_cfg.save_video
    assert load_config("tiny_spatial_ppo", ["trainer.seed=3"]).policy.kwargs["seed"] == 3


def test_a_path_works_like_a_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(reach_toy.PPO_RECIPE)
    assert load_config(str(path)).env.id == "reach_toy:toy/Reach-v0"


def test_only_what_is_given_reaches_the_environment() -> None:
    config = parse_config(reach_toy.PPO_RECIPE, ["env.size=16", "env.max_episode_steps=4"])
    assert config.env.make_kwargs() == {"size": 16, "max_episode_steps": 4}


def test_staged_rewards_are_announced() -> None:
    pytest.importorskip("libero_gym.errors", reason="the environment says so itself")
    assert "not a benchmark result" in load_config("tiny_spatial_grpo").notices()[0]
    assert not any("staged" in one for one in load_config("tiny_spatial_grpo", ["env.reward=sparse"]).notices())


def test_whether_evaluation_meets_the_states_of_training_is_said() -> None:
    assert "none in common" in load_config("tiny_spatial_ppo").notices()[-1]
    assert "that training uses" in load_config("tiny_spatial_ppo", ["eval.split=all"]).notices()[-1]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("algorithm.gama=1", r'unknown key "algorithm.gama"; did you mean "gamma"\? allowed: .*lam'),
        ("enviroment.id=x", r'unknown key "enviroment"; .*allowed: actor, algorithm'),
        ("algorithm.name=grp", r'algorithm.name="grp"; did you mean "grpo"\? allowed: grpo, ppo'),
        ("actor.offload=true", r'actor.offload is not read by cluster.backend="local"'),
        ("actor.keep_gathered=true", r'actor.keep_gathered is not read by cluster.backend="local"'),
        ("actor.shard_over=node", r'actor.shard_over is not read by cluster.backend="local"'),
        ("actor.batch_order=groups", r'actor.batch_order="groups" is not read by ppo, which has no groups'),
        ("rollout.max_staleness=1", r'rollout.max_staleness=1 is not read by cluster.backend="local"'),
        ("rollout.max_staleness=2", r"rollout.max_staleness=2: Input should be 0 or 1"),
        ("rollout.importance_cap=2", r"rollout.importance_cap is not read by rollout.max_staleness=0"),
        ("actor.lr=-1", r"actor.lr=-1: Input should be greater than 0"),
        ("algorithm.group_size=4", r'unknown key "algorithm.group_size"'),
        ("rollout.episodes=4", r"rollout.episodes is not read by ppo; use rollout.horizon"),
        ("rollout.horizon=null", r"rollout.horizon is missing"),
        ("trainer.eval_every=2", r"trainer.eval_every needs eval.episodes"),
        (
            "trainer.best_metric=eval/sucess_rate",
            r'trainer.best_metric="eval/sucess_rate"; did you mean "eval/success_rate"',
        ),
        ("trainer.best_metric=eval/success_rate/", r'trainer.best_metric="eval/success_rate/"; did you mean'),
        ("trainer.best_metric=time/update", r'trainer.best_metric="time/update"; .*allowed: .*actor/loss'),
        (
            "trainer.logger.csv.enable=true",
            r'unknown key "trainer.logger.csv"; allowed: console, jsonl, tensorboard, wandb',
        ),
        ("policy.factory=nonsense", r"policy.factory"),
        ("trainer.iterations", r'"trainer.iterations" is not key=value'),
    ],
)
def test_what_is_wrong_is_one_line_and_says_what_is_allowed(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        parse_config(reach_toy.PPO_RECIPE, [override])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        # booleans and text are no numbers, numbers are no text
        ("actor.lr=true", "actor.lr=True: Input should be a valid number"),
        ('actor.lr="1e-4"', "actor.lr='1e-4': .* write it without quotes"),
        ("actor.lr=1_000", "write it without quotes and without underscores"),
        ("trainer.iterations=true", "trainer.iterations=True: Input should be a valid integer"),
        ("trainer.iterations='3'", "trainer.iterations='3': Input should be a valid integer"),
        ("trainer.iterations=1.5", "trainer.iterations=1.5: Input should be a valid integer"),
        ("rollout.pipeline_stage_num=true", "rollout.pipeline_stage_num=True: allowed: a number"),
        ("video_cfg.save_video=1", "video_cfg.save_video=1: .*allowed: true, false"),
        ("video_cfg.save_video=yes", "video_cfg.save_video='yes': .*allowed: true, false"),
        ("env.id=123", 'env.id=123: Input should be a valid string; quote it for text: "123"'),
        ("trainer.logger.wandb.experiment_name=1e5", 'quote it for text: "1e5"'),
        ("notice=a: b", "put text with .* in quotes"),
        ("trainer.logger.wandb=true", "trainer.logger.wandb=True: keys and their values are needed"),
        # what is not finite
        ("actor.lr=.nan", "is not a finite number"),
        ("policy.kwargs={a: {b: [.inf]}}", "is not a finite number"),
        ("eval.a=1e999", "1e999 is not a finite number"),
        # pairs that have an order, and limits
        ("actor.betas=[0.999, 0.9]", r"actor.betas=\[0.999, 0.9\]: 0.999 is above 0.9; allowed: the smaller"),
        ("actor.betas=[0.9]", "actor.betas has 1 items; more are needed"),
        ("actor.betas=[0.9, 1.0]", "actor.betas.1=1.0: Input should be less than 1"),
        ("algorithm.clip_low=1.5", "algorithm.clip_low=1.5: Input should be less than or equal to 1"),
        ("rollout.temperature=1e-40", "rollout.temperature=1e-40: Input should be greater than or equal to 0.001"),
        ("eval.temperature=0.6", "eval.temperature=0.6 is not read by eval.deterministic=true"),
        ("algorithm.critic_warmup_iterations=3", "critic_warmup_iterations=3 leaves nothing of trainer.iterations=3"),
    ],
)
def test_values_are_what_they_are_written_as(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(reach_toy.PPO_RECIPE, [override])


def test_a_float_without_a_fraction_is_an_integer() -> None:
    assert parse_config(reach_toy.PPO_RECIPE, ["trainer.iterations=1e3"]).trainer.iterations == 1000
    assert parse_config(reach_toy.PPO_RECIPE, ["actor.lr=1"]).actor.lr == 1.0


def test_the_returns_of_kept_groups_are_in_order_and_can_be_met() -> None:
    for kept, message in (
        ("[0.9, 0.1]", "0.9 is above 0.1"),
        ("[true, 2]", "Input should be a valid number"),
        ("[1, 4]", r"keep_mean_return=\[1, 4\] keeps no group: .*between 0 and 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            parse_config(keyed_toy.GRPO_RECIPE, [f"algorithm.keep_mean_return={kept}", "env.reward_scale=1.0"])
    kept = parse_config(reach_toy.GRPO_RECIPE, ["algorithm.keep_mean_return=[0.1, 0.9]"]).algorithm
    assert kept.keep_mean_return == (0.1, 0.9)


def test_an_error_in_a_file_has_its_line(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(reach_toy.PPO_RECIPE)
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: base.yaml\nactor:\n  lr: on\n  betas: [0.9,\n    true]\ntrianer: {}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(str(mine))
    lr, betas, section = str(caught.value).split("; ", 2)
    assert lr.startswith(f"{mine}:3:3: actor.lr='on': ")
    assert betas.startswith(f"{mine}:5:5: actor.betas.1=True: ")
    assert section.startswith(f'{mine}:6:1: unknown key "trianer"; did you mean "trainer"?')
    # an override has no line, and one that holds takes the file's away
    with pytest.raises(ConfigError, match=r"^actor\.lr=True: [^;]*$"):
        load_config(str(base), ["actor.lr=true"])
    with pytest.raises(ConfigError, match=r"^actor\.lr={'x': 1}: [^;]*$"):
        load_config(str(base), ["actor.lr.x=1"])


@pytest.mark.parametrize(
    ("key", "suggested"),
    [
        ("actor.learning_rate", '"lr"'),
        ("actor.batch_size", '"global_batch_size"'),
        ("actor.minibatch", '"global_batch_size"'),
        ("actor.gradient_clip", '"max_grad_norm"'),
        ("algorithm.n_epochs", '"epochs"'),
        ("algorithm.discount", '"gamma"'),
        ("algorithm.lambda", '"lam"'),
        ("algorithm.gae_lambda", '"lam"'),
        ("algorithm.ent_coef", '"entropy_coef"'),
        ("algorithm.vf_coef", '"value_coef"'),
        ("algorithm.clip_range", '"clip_low" or "clip_high"'),
        ("env.n_envs", '"num_envs"'),
        ("env.num_workers", '"workers"'),
        ("env.max_steps", '"max_episode_steps"'),
        ("rollout.n_steps", '"horizon" or "episodes"'),
        # in another section
        ("actor.gamma", '"algorithm.gamma"'),
        ("env.seed", '"trainer.seed"'),
        ("trainer.max_steps", '"env.max_episode_steps"'),
        ("lr", '"actor.lr"'),
        ("wandb", '"trainer.logger.wandb.enable"'),
        ("trainer.wandb", '"logger.wandb.enable"'),
        # a section that does not exist, by its keys
        ("optim.learning_rate", '"actor.lr"'),
    ],
)
def test_suggestions_know_what_other_projects_call_a_key(key: str, suggested: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(keyed_toy.PPO_RECIPE, [f"{key}=1"])
    assert f"; did you mean {suggested}? allowed: " in str(caught.value)


def test_synonyms_lead_to_keys_that_exist() -> None:
    arguments = ["task", "action_chunk", "settle_steps", "reward_scale", "workers"]  # of environments
    keys = {key for name in ALGORITHMS for key in all_keys(name, arguments)}
    assert {key for named in SYNONYMS.values() for key in named} <= keys
    # a key of our own needs none
    assert not {key.rpartition(".")[2] for key in keys} & set(SYNONYMS) - {"beta", "dtype"}


def test_a_task_s_own_success_rate_can_say_which_checkpoint_is_best() -> None:
    parse_config(reach_toy.PPO_RECIPE, ["trainer.best_metric=eval/success_rate/open the drawer"])


def test_grpo_has_no_critic_and_whole_groups() -> None:
    with pytest.raises(ConfigError, match="critic_lr is not read by grpo"):
        parse_config(reach_toy.GRPO_RECIPE, ["actor.critic_lr=1e-3"])
    with pytest.raises(ConfigError, match="not a multiple of"):
        parse_config(reach_toy.GRPO_RECIPE, ["rollout.episodes=6"])


def test_a_batch_in_the_order_of_groups_is_cut_and_learned_from_after_it_was_collected() -> None:
    groups = "actor.batch_order=groups"
    with pytest.raises(ConfigError, match=r"needs actor.global_batch_size"):
        parse_config(reach_toy.GRPO_RECIPE, [groups, "actor.global_batch_size=null"])
    size = "actor.global_batch_size=8"
    assert parse_config(reach_toy.GRPO_RECIPE, [groups, size]).actor.batch_order == "groups"
    with pytest.raises(ConfigError, match=r"give one of the two"):
        parse_config(reach_toy.GRPO_RECIPE, [groups, size, "cluster.backend=ray", "rollout.max_staleness=1"])


def test_unknown_recipes() -> None:
    with pytest.raises(UnknownRecipeError, match='did you mean "tiny_spatial_ppo"'):
        load_config("tiny_spatial_po")
    with pytest.raises(UnknownRecipeError, match="no such file"):
        load_config("./nothing.yaml")


def test_missing_keys() -> None:
    with pytest.raises(ConfigError, match='missing key "env"; missing key "policy"'):
        parse_config("algorithm: {name: ppo}\nrollout: {horizon: 4}")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        # the recipe says {"env,rollout,actor": all}
        ([], {"env,rollout,actor": "all"}),
        (
            ["cluster.component_placement={env: 0-3, rollout: 4-7, actor: 0-7}"],
            {"env": "0-3", "rollout": "4-7", "actor": "0-7"},
        ),
        (["cluster.component_placement.env=0-3"], {"rollout,actor": "all", "env": "0-3"}),
        (["cluster.component_placement={'env,rollout': 0-3}"], {"actor": "all", "env,rollout": "0-3"}),
        (["cluster.component_placement={'env,rollout,actor': 0-3}"], {"env,rollout,actor": "0-3"}),
        (
            ["cluster.component_placement.env={node_group: node, placement: 0}"],
            {"rollout,actor": "all", "env": {"node_group": "node", "placement": 0}},
        ),
    ],
)
def test_a_component_is_placed_where_it_is_named_last(overrides: list[str], expected: dict[str, object]) -> None:
    config = load_config("libero_10_ppo_openvlaoft", overrides)
    assert config.cluster.component_placement == expected
    assert parse_config(to_yaml(config)) == config


def test_a_recipe_places_components_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: libero_10_ppo_openvlaoft\ncluster: {component_placement: {env: 0-3, rollout: 4-7}}\n")
    assert load_config(str(path)).cluster.component_placement == {"actor": "all", "env": "0-3", "rollout": "4-7"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("cluster.component_placement={env: [0, 1]}", r"env is \[0, 1\]; allowed: \"0-3\", "),
        ("cluster.component_placement={env: {node_group: [1.5]}}", "env is {'node_group': "),
        ("cluster.component_placement={env: {placement: [0, 1]}}", "env is {'placement': "),
        ("cluster.component_placement={env: true}", "env is True; allowed"),
        ("cluster.node_groups=[{label: a, node_ranks: 1.5}]", r"node_groups\.0\.node_ranks=1\.5: allowed: a number"),
        ("cluster.node_groups=[{label: a, node_ranks: 0, gpu: 1}]", "unknown key .* allowed: label, node_ranks"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_said_once(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_config("tiny_spatial_ppo", [override])
    assert "; cluster" not in str(caught.value)
