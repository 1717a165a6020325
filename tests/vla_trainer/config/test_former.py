"""Keys of the release before."""

from pathlib import Path

import keyed_toy
import pytest
import reach_toy

from vla_trainer.config.load import load_config, parse_config
from vla_trainer.errors import ConfigError


@pytest.mark.parametrize(
    "overrides",
    [
        ["env.kwargs={size: 16}"],
        ["env.kwargs.size=16"],
        ["env={kwargs: {size: 16}}"],
        ["env.kwargs={size: 4, speed: 1.0}", "env.kwargs.size=16", "~env.kwargs.speed"],
        ["env.kwargs.size=4", "env.size=16"],
    ],
)
def test_kwargs_of_an_environment_are_keys_of_the_section(overrides: list[str]) -> None:
    with pytest.warns(FutureWarning, match=r"env\.kwargs\.size is now env\.size"):
        config = parse_config(reach_toy.PPO_RECIPE, overrides)
    assert config == parse_config(reach_toy.PPO_RECIPE, ["env.size=16"])


def test_kwargs_of_evaluations_too() -> None:
    with pytest.warns(FutureWarning, match=r"eval\.kwargs\.size is now eval\.size"):
        config = parse_config(reach_toy.PPO_RECIPE, ["eval.kwargs={size: 16}"])
    assert config == parse_config(reach_toy.PPO_RECIPE, ["eval.size=16"])


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_is_wrong_with_them_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"{reach_toy.PPO_RECIPE}\n".replace("num_envs: 8}", "num_envs: 8,\n  kwargs: {sise: 9}}"))
    with pytest.raises(ConfigError, match=rf'^{path}:4:12: unknown key "env.sise"; did you mean "size"'):
        load_config(str(path))
    with pytest.raises(ConfigError, match=r"env.kwargs.size and env.size are the same key, with two values"):
        parse_config(reach_toy.PPO_RECIPE, ["env={size: 9, kwargs: {size: 10}}"])
    with pytest.raises(ConfigError, match=r"env.kwargs=\{\}: its keys stand in env now; remove one by ~env.KEY"):
        parse_config(reach_toy.PPO_RECIPE, ["env.kwargs={}"])
    with pytest.raises(ConfigError, match=r'unknown key "env\.kwargs"'):
        parse_config(reach_toy.PPO_RECIPE, ["env.kwargs=3"])


def test_the_checkpoint_of_a_policy() -> None:
    with pytest.warns(FutureWarning, match=r"policy\.path is now policy\.checkpoint"):
        config = parse_config(reach_toy.PPO_RECIPE, ["policy.path=a/b"])
    assert config.policy.checkpoint == "a/b"
    # the factory's own argument is another one
    config = parse_config(reach_toy.PPO_RECIPE, ["policy.kwargs.path=c", "policy.checkpoint=a/b"])
    assert (config.policy.kwargs["path"], config.policy.checkpoint) == ("c", "a/b")


def test_a_run_s_config_of_before(recwarn: pytest.WarningsRecorder) -> None:
    """All keys that a section had were written, null where they were not given, of whatever environment."""
    nulls = "split: null, reward: null, engine: null, assets: null, no_such_key: null"
    text = keyed_toy.PPO_RECIPE.replace(
        "num_envs: 8}", f"num_envs: 8, task: 3, {nulls}, kwargs: {{}}}}\neval: {{kwargs: {{}}}}"
    )
    text = text.replace('TokenPolicy"}', 'TokenPolicy", path: null}')
    assert parse_config(text) == parse_config(keyed_toy.PPO_RECIPE, ["env.task=3"])
    assert not [warning for warning in recwarn if warning.category is FutureWarning]
    with pytest.raises(ConfigError, match=r'unknown key "env\.no_such_key"'):
        parse_config(text.replace(", kwargs: {}}", "}"))
