"""Overrides and recipes over one another: what is added, replaced and removed."""

from pathlib import Path
from typing import Any

import pytest
import reach_toy

from vla_trainer.config import load_config
from vla_trainer.config.load import parse_config
from vla_trainer.errors import ConfigError

KWARGS = "kwargs: {a: 1, b: {c: 2, 0: x}}"
RECIPE = reach_toy.PPO_RECIPE.replace('"reach_toy:TokenPolicy"}', f'"reach_toy:TokenPolicy", {KWARGS}}}')


@pytest.mark.parametrize(
    ("overrides", "kwargs"),
    [
        ([], {"a": 1, "b": {"c": 2, 0: "x"}}),
        # maps are merged
        (["policy.kwargs={b: {d: 3}}"], {"a": 1, "b": {"c": 2, 0: "x", "d": 3}}),
        (["policy.kwargs.b.c=5", "policy.kwargs.a=[1]"], {"a": [1], "b": {"c": 5, 0: "x"}}),
        # ~ takes a key out, {} empties
        (["~policy.kwargs.a"], {"b": {"c": 2, 0: "x"}}),
        (["~policy.kwargs.b.c"], {"a": 1, "b": {0: "x"}}),
        (["policy.kwargs={}"], {}),
        (["policy.kwargs.b={}"], {"a": 1, "b": {}}),
        (["~policy.kwargs"], {}),
        # which together replace a map
        (["~policy.kwargs", "policy.kwargs={e: 1}"], {"e": 1}),
        (["policy.kwargs={~a: null, ~b: null, a: {f: 1}}"], {"a": {"f": 1}}),
        # the later holds
        (["policy.kwargs.a=2", "policy.kwargs.a=3"], {"a": 3, "b": {"c": 2, 0: "x"}}),
        (["~policy.kwargs.a", "policy.kwargs.a=3"], {"b": {"c": 2, 0: "x"}, "a": 3}),
        # an integer key is met by its digits, a dot in a key by \.
        (["policy.kwargs.b.0=y"], {"a": 1, "b": {"c": 2, 0: "y"}}),
        ([r"policy.kwargs.a\.b=1"], {"a": 1, "b": {"c": 2, 0: "x"}, "a.b": 1}),
        # files and overrides read values alike
        (["policy.kwargs={a: 1e-4, b: on, c: 0o17}", "~policy.kwargs.b"], {"a": 1e-4, "c": 15}),
    ],
)
def test_overrides(overrides: list[str], kwargs: dict[Any, Any]) -> None:
    assert parse_config(RECIPE, overrides).policy.kwargs == kwargs


def test_a_removed_key_has_its_default() -> None:
    assert parse_config(RECIPE, ["actor.eps=1e-3", "~actor.eps"]).actor.eps == 1e-8
    with pytest.raises(ConfigError, match=r'^missing key "policy"$'):
        parse_config(RECIPE, ["~policy"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("~policy.kwargs.e", r"~policy\.kwargs\.e: the recipe does not set it; allowed: a, b"),
        ("~policy.kwargz", r'~policy\.kwargz: .*did you mean "kwargs"\?'),
        ("~policy.kwargs.a=1", "~KEY takes no value"),
        ("policy.kwargs={~a: 1}", r"~policy\.kwargs\.a takes no value"),
        ("policy..kwargs=1", "names joined by dots"),
        ("=1", "names joined by dots"),
        ("policy.kwargs", "is not key=value"),
    ],
)
def test_what_is_wrong_with_an_override(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(RECIPE, [override])


def test_a_recipe_takes_keys_out_of_the_one_that_it_extends(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(RECIPE)
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: base.yaml\npolicy:\n  kwargs:\n    ~a:\n    d: 4\nactor: {}\n")
    config = load_config(str(mine))
    assert config.policy.kwargs == {"b": {"c": 2, 0: "x"}, "d": 4}
    assert config.actor == parse_config(RECIPE).actor
    mine.write_text("extends: base.yaml\npolicy:\n  kwargs:\n    ~z:\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml:4:5: ~policy\.kwargs\.z: the recipe does not set it"):
        load_config(str(mine))
