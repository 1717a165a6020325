"""What looks like a secret goes neither into config.yaml nor to loggers."""

from pathlib import Path

import pytest

from vla_trainer.config.load import load_config, parse_config, to_yaml
from vla_trainer.config.secrets import is_secret
from vla_trainer.errors import ConfigError


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "hf_token", "WANDB_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_REGION", "DB_PASSWORD", "GH_TOKEN_OLD"],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["HF_HOME", "HF_TOKEN_PATH", "TOKENIZERS_PARALLELISM", "NCCL_DEBUG", "LIBERO_GYM_ASSETS", "KEYBOARD"]
)
def test_names_of_others(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    "value",
    [
        "${oc.env:HF_TOKEN}",
        "${oc.env:HF_TOKEN,none}",
        "${oc.env:'HF_TOKEN'}",
        "a ${oc.decode:${oc.env:HF_TOKEN}} b",
        "${oc.env:${notice}}",
    ],
)
def test_a_recipe_cannot_read_one(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    with pytest.raises(ConfigError) as caught:
        load_config("tiny_spatial_ppo", [f"policy.kwargs.model={value}", "notice=HF_TOKEN"])
    assert "policy.kwargs.model" in str(caught.value)
    assert "hf_planted" not in str(caught.value)
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f'extends: tiny_spatial_ppo\nnotice: HF_TOKEN\nenv: {{a: [1, "{value}"]}}\n')
    with pytest.raises(ConfigError, match=r"env\.a\.1"):
        load_config(str(recipe))


def test_other_variables_are_read_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_DATA", "/data")
    config = load_config("tiny_spatial_ppo", ["notice=${oc.env:MY_DATA}/x"])
    assert config.notice == "/data/x"


@pytest.mark.parametrize("key", ["token", "hf_token", "api_key", "wandb_api_key", "password", "client_secret"])
def test_one_that_is_written_out_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("tiny_spatial_ppo", [f"policy.kwargs.{key}=hf_planted"])
    assert f"policy.kwargs.{key}: a secret in a config" in str(caught.value)
    assert "hf_planted" not in str(caught.value)


def test_keys_of_tokenizers_are_none() -> None:
    overrides = ["policy.kwargs={pad_token: <pad>, tokens: 3, token: true, max_tokens: '7'}"]
    config = load_config("tiny_spatial_ppo", overrides)
    assert parse_config(to_yaml(config)).policy.kwargs == config.policy.kwargs
