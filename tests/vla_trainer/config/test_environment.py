"""The keyword arguments of environments as keys of a config."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keyed_toy
import pytest
import reach_toy

from vla_trainer.config.environment import find_spec, signature_of
from vla_trainer.config.load import load_config, parse_config, to_yaml
from vla_trainer.config.reference import environment_reference
from vla_trainer.errors import ConfigError, EnvError
from vla_trainer.rollout.envs import evaluation_env, make_envs


def test_arguments_are_those_of_the_constructor_and_of_the_class_behind_its_kwargs() -> None:
    signature = signature_of(keyed_toy.ID)
    assert signature is not None
    # not suite, which the id fixes, nor what make_vec takes itself
    assert set(signature.arguments) == {
        "task", "split", "cameras", "image_size", "render_quality", "action_chunk", "reward", "reward_scale", "limits",
        "settle_steps", "workers", "copy",
    }  # fmt: skip
    assert not signature.is_open
    described = {name: argument.description for name, argument in signature.arguments.items()}
    assert described["task"] == "index, name, or a sequence of them."
    assert described["image_size"] == "height and width: pixels."
    assert described["workers"] == "threads."
    assert described["reward"] == ""
    assert signature.arguments["image_size"].default == 33
    assert signature.arguments["settle_steps"].annotation is Any
    assert signature.metadata["arguments_without_effect_on_states"] == ["render_quality", "workers"]


def test_any_environment_of_gymnasium_has_its_own() -> None:
    pendulum = signature_of("Pendulum-v1")
    assert pendulum is not None
    assert set(pendulum.arguments) == {"g", "render_mode"}
    config = load_config("pendulum_ppo", ["env.g=5", "env.max_episode_steps=50", "eval.g=9.81"])
    assert config.env.make_kwargs() == {"g": 5, "max_episode_steps": 50}
    assert evaluation_env(config.env, config.eval).make_kwargs() == {"g": 9.81, "max_episode_steps": 50}
    with pytest.raises(ConfigError, match=r'unknown key "env.gee"; did you mean "g"\? allowed: g, id, max_episode_'):
        load_config("pendulum_ppo", ["env.gee=5"])
    with pytest.raises(ConfigError, match=r"^eval.split='eval': the environment takes no split$"):
        load_config("pendulum_ppo", ["eval.split=eval"])


class Open:
    def __init__(self, size: int = 1, **kwargs: Any) -> None: ...


class Below(Open):
    def __init__(self, speed: "NoSuchName" = 1.0, **kwargs: Any) -> None: ...  # type: ignore[name-defined]  # noqa: F821


class Bare: ...


def function(width: int, *sizes: int, height: int = 2) -> None: ...


@pytest.mark.parametrize(
    ("entry_point", "names", "is_open"),
    [(Below, {"speed", "size"}, True), (Bare, set(), False), (function, {"width", "height"}, False)],
)
def test_constructors_of_any_kind(
    entry_point: Any, names: set[str], is_open: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gymnasium

    spec = gymnasium.envs.registration.EnvSpec("toy/Any-v0", entry_point=entry_point)
    monkeypatch.setitem(gymnasium.registry, "toy/Any-v0", spec)
    signature = signature_of("toy/Any-v0")
    assert signature is not None
    assert (set(signature.arguments), signature.is_open) == (names, is_open)
    # what has a type that cannot be found is not checked, nor what an open environment does not name
    assert not signature.errors("speed", "fast") or not is_open
    assert bool(signature.errors("anything", 1)) != is_open


@pytest.mark.parametrize("env_id", ["Nothing-v0", "no_such_module:Nothing-v0", "broken_toy:toy/Broken-v0"])
def test_keys_of_what_is_not_installed_are_passed_as_they_are(
    env_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = 'import gymnasium\ngymnasium.register("toy/Broken-v0", entry_point="no_such_package:Env")\n'
    (tmp_path / "broken_toy.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    config = parse_config(reach_toy.PPO_RECIPE, [f"env.id={env_id}", "env.anything={a: [1]}", "eval.anything=null"])
    assert config.env.make_kwargs() == {"anything": {"a": [1]}}
    assert evaluation_env(config.env, config.eval).make_kwargs() == {}
    assert parse_config(to_yaml(config)) == config
    if ":" in env_id:
        with pytest.raises(EnvError, match="no_such"):
            make_envs(config.env, 1)
    monkeypatch.delitem(sys.modules, "broken_toy", raising=False)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("env.split=trian", r'^env.split="trian"; did you mean "train"\? allowed: all, eval, train$'),
        ("eval.split=trian", r'^eval.split="trian"; did you mean "train"\? allowed: all, eval, train$'),
        ("eval.render_quality=fats", r'^eval.render_quality="fats"; did you mean "fast"\? allowed: fast, reference$'),
        ("env.tsak=1", r'^unknown key "env.tsak"; did you mean "task"\? allowed: action_chunk, cameras, copy, id, '),
        ("eval.tsak=1", r'^unknown key "eval.tsak"; did you mean "task"\? allowed: action_chunk, cameras, copy, det'),
        ("image_size=3", '^unknown key "image_size"; did you mean "env.image_size"'),
        ("env.task_suite_name=x", '^unknown key "env.task_suite_name"; did you mean "id"'),
        (
            "env.task=true",
            "^env.task=True: allowed: integer, text, list, null; task: index, name, or a sequence of them.$",
        ),
        (
            "env.image_size='64'",
            "^env.image_size='64': Input should be a valid integer; write it without quotes and without underscores; "
            "image_size: height and width: pixels.$",
        ),
        ("env.image_size=true", "^env.image_size=True: Input should be a valid integer; image_size: "),
        ("env.image_size=1.5", "^env.image_size=1.5: Input should be a valid integer"),
        ("env.reward_scale=yes", "^env.reward_scale='yes': Input should be a valid number"),
        ("env.reward=5", "^env.reward=5: Input should be 'sparse' or 'dense'$"),
        ("env.cameras=[1]", "^env.cameras.0=1: Input should be a valid string; quote it for text"),
        ("env.cameras=front", "^env.cameras='front': "),
        ("env.limits={a: 1}", "^env.limits.a.*='a': Input should be a valid integer"),
        ("env.copy=1", "^env.copy=1: .*allowed: true, false; copy: whether observations are copied.$"),
        ("env.max_episode_steps=0", "^env.max_episode_steps=0: Input should be greater than 0$"),
    ],
)
def test_arguments_are_checked_as_other_keys_are(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_config(keyed_toy.PPO_RECIPE, [override])
    assert "\n" not in str(caught.value)


def test_errors_of_arguments_have_their_line_and_stand_beside_others(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(keyed_toy.PPO_RECIPE.replace("num_envs: 8}", "num_envs: 8,\n  task: 1.5}"))
    with pytest.raises(ConfigError) as caught:
        load_config(str(path), ["actor.lr=-1", "env.cameras=[1]"])
    lr, task, camera = str(caught.value).split("; ", 2)
    assert lr.startswith("actor.lr=-1: ")
    assert task.startswith(f"{path}:4:3: env.task=1.5: allowed: ")
    assert "env.cameras.0=1: " in camera


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        ("env.image_size=1e2", {"image_size": 100}),
        ("env.reward_scale=5", {"reward_scale": 5}),
        ("env.task=[0, open]", {"task": [0, "open"]}),
        ("env.limits={0: 128, 1: 64}", {"limits": {0: 128, 1: 64}}),
        ("env.settle_steps=any", {"settle_steps": "any"}),
        ("env.task=null", {}),
        ("env.max_episode_steps=4", {"max_episode_steps": 4}),
    ],
)
def test_values_reach_the_environment(written: str, passed: Mapping[str, Any]) -> None:
    config = parse_config(keyed_toy.PPO_RECIPE, [written])
    assert config.env.make_kwargs() == passed
    assert parse_config(to_yaml(config)) == config


def test_a_map_of_an_argument_is_emptied_and_merged_as_other_free_maps_are() -> None:
    limits = ["env.limits={0: 128, 1: 64}"]
    assert parse_config(keyed_toy.PPO_RECIPE, [*limits, "env.limits.0=3"]).env.get("limits") == {0: 3, 1: 64}
    assert parse_config(keyed_toy.PPO_RECIPE, [*limits, "env.limits={}"]).env.get("limits") == {}
    assert parse_config(keyed_toy.PPO_RECIPE, [*limits, "~env.limits"]).env.make_kwargs() == {}


def test_evaluations_have_their_own() -> None:
    overrides = ["env.task=3", "env.render_quality=fast", "eval.render_quality=null", "eval.split=all"]
    config = parse_config(keyed_toy.PPO_RECIPE, overrides)
    assert evaluation_env(config.env, config.eval).make_kwargs() == {"task": 3, "split": "all"}
    config = parse_config(keyed_toy.PPO_RECIPE, [*overrides, "eval.split=null", "eval.task=[1]"])
    assert evaluation_env(config.env, config.eval).make_kwargs() == {"task": [1], "split": "eval"}
    assert config.evaluation_notices() == ["tasks: eval.task=[1], not all of the suite"]
    envs = make_envs(config.env, 2)  # training states where none are named
    assert envs.get_attr("given") == (("toys", 3, "train"),) * 2
    envs.close()


def test_results_carry_what_the_environment_says_of_an_argument() -> None:
    apart = 'initial states: "train" for training, "eval" for evaluation, which have none in common.'
    assert parse_config(keyed_toy.PPO_RECIPE, ["env.reward=sparse"]).notices() == [apart]
    assert parse_config(keyed_toy.PPO_RECIPE, ["env.reward=dense", "notice=hello"]).notices() == [
        "hello",
        "dense reward: this is not a benchmark result.",
        apart,
    ]
    assert parse_config(reach_toy.PPO_RECIPE).notices() == []


def test_a_table_of_an_environment_s_arguments() -> None:
    lines = environment_reference(keyed_toy.ID).splitlines()
    assert lines[0] == "## keys of keyed_toy:toy/Keyed-v0"
    assert "| `task` | integer, text, list, null | null | index, name, or a sequence of them. |" in lines
    assert "| `copy` | true, false | `true` | whether observations are copied. |" in lines
    assert "| `cameras` | list | `['front']` |  |" in lines
    with pytest.raises(EnvError, match="Nothing-v0 is not registered here"):
        environment_reference("Nothing-v0")


def test_packages_with_an_entry_point_are_asked_for_an_id_without_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    import gymnasium

    class Plugin:
        @staticmethod
        def load() -> Any:
            return lambda: monkeypatch.setitem(
                gymnasium.registry, "toy/Plugin-v0", gymnasium.envs.registration.EnvSpec("toy/Plugin-v0", "a:b")
            )

    monkeypatch.setattr(
        "vla_trainer.config.environment.entry_points", lambda group: [Plugin] * (group == "gymnasium.envs")
    )
    assert find_spec("toy/Plugin-v0") is not None
    assert find_spec("toy/Other-v0") is None
