"""`--sweep KEY=V1,V2`: what is a value, what is refused and in which words, which configs come out."""

import pytest
import variant_toy

from vla_trainer.config.load import parse_config
from vla_trainer.config.sweep import check_axes, parse_axes, points_of
from vla_trainer.errors import ConfigError


def values(*sweeps: str, recipe: str = variant_toy.RECIPE) -> list[dict[str, object]]:
    """Return the value of each key at each point, as the point's config has it."""
    points = points_of(parse_axes(sweeps))
    return [point.values(parse_config(recipe, list(point.overrides))) for point in points]


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("camera:1,camera:2,null", ["camera:1", "camera:2", "null"]),
        ("64, 128", ["64", "128"]),
        ("[0,1],[2,3]", ["[0,1]", "[2,3]"]),
        ("{0: 20, 1: [3, 4]},null", ["{0: 20, 1: [3, 4]}", "null"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ('"a\\",b",c', ['"a\\",b"', "c"]),
        ("'it''s, x',y", ["'it''s, x'", "y"]),
        ("it's,b", ["it's", "b"]),
        ("['a],b',c],d", ["['a],b',c]", "d"]),
        ("a", ["a"]),
        ('"",a', ['""', "a"]),
    ],
)
def test_values_are_split_at_the_outer_commas(text: str, texts: list[str]) -> None:
    (axis,) = parse_axes([f"env.x={text}"])
    assert (axis.key, list(axis.texts)) == ("env.x", texts)


@pytest.mark.parametrize(
    ("sweeps", "message"),
    [
        (["env.shift"], "--sweep env.shift is not KEY=V1,V2,...; allowed: e.g. env.KEY=1,2,null"),
        (["=a"], "--sweep =a is not KEY=V1,V2"),
        (["env.shift="], '--sweep env.shift=: value 1 is empty; write null for the default, "" for empty text'),
        (["env.shift=a,,b"], "--sweep env.shift=a,,b: value 2 is empty"),
        (["env.shift=a,"], "value 2 is empty"),
        (["env.shift=a,b,a"], "--sweep env.shift=a,b,a: a is there twice; allowed: each value once"),
        (["env.size=1,1.0"], "1.0, which is 1, is there twice"),
        (["env.size=[0,1],[0, 1]"], "[0, 1], which is [0,1], is there twice"),
        (["env.size=[0,1"], "--sweep env.size=[0,1: value 1: env.size=[0,1: column 5: while parsing a flow sequence"),
        (["env.size=1", "env.size=2"], "--sweep env.size=2: env.size is there already"),
        (["actor.lr=1,2"], '"actor.lr" is no argument of the environment; allowed: env.KEY'),
        (["env.=1"], '"env." is no argument of the environment'),
    ],
)
def test_what_is_malformed_is_named(sweeps: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_axes(sweeps)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("env.num_envs=1,2", [], "env.num_envs cannot be swept: it changes no result"),
        ("env.id=a,b", [], "--sweep env.id=a,b: env.id cannot be swept: the policy is made for one environment"),
        ("env.split=train,eval", [], "env.split cannot be swept: evaluations read eval.split"),
        ("env.shfit=a", [], 'unknown key "env.shfit"; did you mean "env.shift"? allowed: env.actions, env.limits, '),
        ("env.shift.x=a", [], 'unknown key "env.shift.x"; did you mean "env.shift"?'),
        ("env.shift=a", ["eval.shift=camera:1"], 'eval.shift="camera:1" takes the place of env.shift in every'),
        ("env.shift=a", ["eval.shift=null"], "eval.shift=null takes the place of env.shift"),
        ("env.max_episode_steps=3", ["eval.max_episode_steps=4"], "take it out with ~eval.max_episode_steps"),
    ],
)
def test_keys_that_cannot_be_swept_are_named(text: str, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check_axes(parse_axes([text]), parse_config(variant_toy.RECIPE, overrides))
    assert message in str(raised.value)


def test_arguments_and_the_time_limit_can_be_swept() -> None:
    axes = parse_axes(["env.shift=camera:1,null", "env.max_episode_steps=3,null"])
    check_axes(axes, parse_config(variant_toy.RECIPE))


def test_several_keys_give_all_combinations_and_the_last_changes_fastest() -> None:
    points = points_of(parse_axes(["env.shift=camera:1,null", "env.tasks=[0,1],[2]"]))
    assert [point.name for point in points] == [
        "shift=camera:1, tasks=[0,1]",
        "shift=camera:1, tasks=[2]",
        "shift=null, tasks=[0,1]",
        "shift=null, tasks=[2]",
    ]
    assert values("env.shift=camera:1,null", "env.tasks=[0,1],[2]") == [
        {"env.shift": "camera:1", "env.tasks": [0, 1]},
        {"env.shift": "camera:1", "env.tasks": [2]},
        {"env.shift": None, "env.tasks": [0, 1]},
        {"env.shift": None, "env.tasks": [2]},
    ]


def test_a_value_takes_the_place_of_the_recipe_s_whole() -> None:
    recipe = variant_toy.RECIPE.replace("num_envs: 2", "num_envs: 2, limits: {0: 1, 2: 1}, shift: 'light:1'")
    # keys of maps are text, as in a JSON file
    assert values("env.limits={1: 2},null", recipe=recipe) == [{"env.limits": {"1": 2}}, {"env.limits": None}]
    assert values("env.shift=null", recipe=recipe) == [{"env.shift": None}]


def test_values_have_the_types_of_yaml() -> None:
    found = values("env.seconds=0.5,1", "env.reports_success=false")
    assert [list(point.values()) for point in found] == [[0.5, False], [1, False]]
