"""A recipe's name or path, and `key=value` overrides, to a `Config`; whatever is wrong becomes one line."""

import copy
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vla_trainer.config.algorithm import GRPO, PPO, SFT
from vla_trainer.config.schema import Config
from vla_trainer.config.secrets import refuse_secrets
from vla_trainer.config.text import read_text
from vla_trainer.errors import ConfigError, TrainerError, UnknownRecipeError, did_you_mean

ALGORITHMS: dict[str, type[BaseModel]] = {"ppo": PPO, "grpo": GRPO, "sft": SFT}


def recipe_names() -> list[str]:
    """Names of the recipes that ship with the package, sorted."""
    return sorted(
        path.name.removesuffix(".yaml")
        for path in files("vla_trainer.recipes").iterdir()
        if path.name.endswith(".yaml")
    )


def recipe_text(recipe: str) -> str:
    """The YAML of a shipped recipe, or of the file at the path `recipe`.

    Raises:
        UnknownRecipeError: neither exists.
    """
    if recipe.endswith((".yaml", ".yml")) or "/" in recipe:
        path = Path(recipe).expanduser()
        if not path.is_file():
            raise UnknownRecipeError(f"no such file: {recipe}")
        return read_text(path)
    if recipe not in recipe_names():
        raise UnknownRecipeError(
            f'unknown recipe "{recipe}"{did_you_mean(recipe, recipe_names())}, or a path to a .yaml file'
        )
    return (files("vla_trainer.recipes") / f"{recipe}.yaml").read_text(encoding="utf-8")


def load_config(recipe: str, overrides: Sequence[str] = ()) -> Config:
    """Read a recipe, apply `key=value` overrides, and check everything.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        overrides: `section.key=value`; the value is read as YAML, so that `null`, `[0, 1]` and `true` mean what they
            do there.

    What is written later holds; a component that `cluster.component_placement` names again is taken out of the joined
    names under which it was placed before. A recipe may begin with `extends: NAME`, another recipe or a file beside
    it, and then says only what differs.

    Raises:
        UnknownRecipeError: no such recipe.
        ConfigError: a key or value that is not allowed; the message is one line and says what is.
    """
    return parse_config(recipe_text(recipe), overrides, source=recipe)


def parse_config(text: str, overrides: Sequence[str] = (), source: str = "config") -> Config:
    """As `load_config`, from YAML text; `source` is what a message calls it."""
    for override in overrides:
        if "=" not in override:
            raise ConfigError(f'"{override}" is not key=value')
    try:
        merged = _over(_written(text, source), OmegaConf.from_dotlist(list(overrides)))
        refuse_secrets(OmegaConf.to_container(merged, resolve=False), source)
        tree = OmegaConf.to_container(merged, resolve=True)
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, TypeError) as error:
        if isinstance(error, TrainerError):
            raise
        raise ConfigError(f"{source}: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{source}: expected keys and values at the top")
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError("; ".join(_one_line(detail, tree) for detail in error.errors())) from error


def _written(text: str, source: str, depth: int = 0) -> Any:
    """What a recipe says over what the one that it extends says."""
    if depth > 8:
        raise ConfigError(f"{source}: extends goes round in a circle")
    tree = yaml.safe_load(text) or {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{source}: expected keys and values at the top")
    base = tree.pop("extends", None)
    written = OmegaConf.create(tree)
    if base is None:
        return written
    shipped = files("vla_trainer.recipes") / f"{base}.yaml"
    # a path is taken from the folder of the recipe that names it
    path = Path(source).expanduser().parent / str(base)
    if shipped.is_file():
        below, name = shipped.read_text(encoding="utf-8"), str(base)
    elif path.is_file():
        below, name = read_text(path), str(path)
    else:
        raise UnknownRecipeError(f'{source}: extends="{base}"{did_you_mean(str(base), recipe_names())}, or a path')
    return _over(_written(below, name, depth + 1), written)


def _over(below: Any, above: Any) -> Any:
    """`above` over `below`, key by key; a component is placed by the later of the two that names it."""
    path = "cluster.component_placement"
    placed, again = OmegaConf.select(below, path), OmegaConf.select(above, path)
    if isinstance(placed, DictConfig) and isinstance(again, DictConfig):
        named = {name.strip() for names in again for name in str(names).split(",")}
        kept: dict[str, Any] = {}
        for names, value in placed.items():
            rest = [name for name in str(names).split(",") if name.strip() not in named]
            if rest or names in again:
                kept[str(names) if names in again else ",".join(rest)] = value
        below = copy.deepcopy(below)
        OmegaConf.update(below, path, kept, merge=False)
    return OmegaConf.merge(below, above)


def to_yaml(config: Config) -> str:
    """The whole config, defaults included, as YAML that `parse_config` reads back."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _one_line(detail: ErrorDetails, tree: Mapping[Any, Any]) -> str:
    location = [str(part) for part in detail["loc"]]
    # pydantic puts the chosen member of a union between the section and its key
    if location[:1] == ["algorithm"] and len(location) > 1 and location[1] in ALGORITHMS:
        del location[1]
    path, parents = ".".join(location), location[:-1]
    if detail["type"] == "extra_forbidden":
        return f'unknown key "{path}"{did_you_mean(location[-1], _keys(parents, tree))}'
    if detail["type"] == "missing":
        return f'missing key "{path}"'
    if detail["type"] == "union_tag_invalid":
        value = tree["algorithm"]["name"]
        return f'algorithm.name="{value}"{did_you_mean(str(value), ALGORITHMS)}'
    if detail["type"] == "union_tag_not_found":
        return f'missing key "algorithm.name"; allowed: {", ".join(ALGORITHMS)}'
    message = detail["msg"].removeprefix("Value error, ")
    if not path:
        return message
    if detail["type"] == "literal_error" and isinstance(detail["input"], str):
        expected = str(detail.get("ctx", {}).get("expected", ""))
        allowed = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
        return f'{path}="{detail["input"]}"{did_you_mean(detail["input"], allowed)}'
    return f"{path}={detail['input']!r}: {message}"


def _keys(parents: Sequence[str], tree: Mapping[Any, Any]) -> list[str]:
    """The keys that the section at `parents` allows."""
    model: type[BaseModel] = Config
    for name in parents:
        if name.isdigit():  # a place in a list of sections
            continue
        if name == "algorithm":
            model = ALGORITHMS[tree["algorithm"]["name"]]
            continue
        found = _model_in(model.model_fields[name].annotation) if name in model.model_fields else None
        if found is None:
            return []
        model = found
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType, list):
        return next((model for model in map(_model_in, get_args(annotation)) if model), None)
    return None
