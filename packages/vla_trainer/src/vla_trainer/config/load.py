"""Load a recipe, by name or path, and `key=value` overrides as a `Config`; whatever is wrong becomes one line."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from vla_trainer.config.arguments import argument_errors
from vla_trainer.config.former import present_keys
from vla_trainer.config.interpolate import interpolate
from vla_trainer.config.merge import apply_override, merge
from vla_trainer.config.messages import describe_errors
from vla_trainer.config.reader import Document, read_yaml, write_yaml
from vla_trainer.config.schema import Config
from vla_trainer.config.secrets import refuse_secrets
from vla_trainer.config.text import read_text
from vla_trainer.errors import ConfigError, UnknownRecipeError, did_you_mean


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship with the package, sorted."""
    return sorted(
        path.name.removesuffix(".yaml")
        for path in files("vla_trainer.recipes").iterdir()
        if path.name.endswith(".yaml")
    )


def recipe_text(recipe: str) -> str:
    """Return the YAML of a shipped recipe, or of the file at the path `recipe`.

    Raises:
        UnknownRecipeError: neither exists, or there is a folder.
    """
    path = Path(recipe).expanduser()
    if recipe in recipe_names():
        return (files("vla_trainer.recipes") / f"{recipe}.yaml").read_text(encoding="utf-8")
    if path.is_dir():
        raise UnknownRecipeError(f"{recipe} is a folder, not a recipe{_of_a_run(path)}")
    if recipe.endswith((".yaml", ".yml")) or "/" in recipe:
        if not path.is_file():
            raise UnknownRecipeError(f"no such file: {recipe}")
        return read_text(path)
    raise UnknownRecipeError(
        f'unknown recipe "{recipe}"{did_you_mean(recipe, recipe_names())}, or a path to a .yaml file'
    )


def _of_a_run(folder: Path) -> str:
    """Return what to do with a folder in the place of a recipe."""
    run = next((path for path in (folder, folder.parent.parent) if (path / "config.yaml").is_file()), None)
    if run is not None and (run == folder or folder.parent.name == "checkpoints"):
        return f"; continue the run with --resume {folder}"
    return "; allowed: a recipe's name or a path to a .yaml file"


def load_config(recipe: str, overrides: Sequence[str] = ()) -> Config:
    """Read a recipe, apply overrides, and check everything.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        overrides: `section.key=value`, the value read as YAML, so that `null`, `[0, 1]` and `true` mean what they do
            there, or `~section.key`, which takes the key out of the recipe.

    What is written later holds; maps are merged key by key. A component that `cluster.component_placement` names again
    is taken out of the joined names under which it was placed before. A recipe may begin with `extends: NAME`, another
    recipe or a file beside it, and then says only what differs.

    Raises:
        UnknownRecipeError: no such recipe.
        ConfigError: a key or value that is not allowed; the message is one line and says what is.
    """
    return parse_config(recipe_text(recipe), overrides, source=recipe)


def parse_config(text: str, overrides: Sequence[str] = (), source: str = "config") -> Config:
    """Do as `load_config`, from YAML text; `source` is what a message calls it."""
    written = _written(text, source)
    for override in overrides:
        written = apply_override(written, override)
    refuse_secrets(written.value, source)
    tree = interpolate(written.value, source)
    errors = argument_errors(tree)
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        errors = [*error.errors(), *errors]
    if errors:
        raise ConfigError(describe_errors(errors, tree, written.origins))
    return config


def _written(text: str, source: str, depth: int = 0) -> Document:
    """Return what a recipe says over what the recipe that it extends says."""
    if depth > 8:
        raise ConfigError(f"{source}: extends goes round in a circle")
    written = read_yaml(text, source)
    tree = {} if written.value is None else written.value
    if not isinstance(tree, dict):
        raise ConfigError(f"{source}: expected keys and values at the top")
    base = tree.get("extends")
    own = Document({key: value for key, value in tree.items() if key != "extends"}, written.origins)
    own = present_keys(own, complete=base is None)
    if base is None:
        return merge(Document({}), own)
    shipped = files("vla_trainer.recipes") / f"{base}.yaml"
    # a path is taken from the folder of the recipe that names it
    path = Path(source).expanduser().parent / str(base)
    if shipped.is_file():
        below, name = shipped.read_text(encoding="utf-8"), str(base)
    elif path.is_file():
        below, name = read_text(path), str(path)
    else:
        raise UnknownRecipeError(f'{source}: extends="{base}"{did_you_mean(str(base), recipe_names())}, or a path')
    return merge(_written(below, name, depth + 1), own)


def to_yaml(config: Config) -> str:
    """Return the whole config, defaults included, as YAML that `parse_config` reads back."""
    return write_yaml(config.model_dump())  # not as JSON, whose keys are text
