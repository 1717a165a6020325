"""A run's config beside the recipe that it was made from."""

from dataclasses import dataclass
from typing import Any

from vla_trainer.ablation.runs import differences
from vla_trainer.config.load import load_config, recipe_names, to_yaml
from vla_trainer.config.reader import read_yaml, write_yaml
from vla_trainer.report.folders import RunData

_PLACES = ("output_dir",)
"""Where files are, which every run has to itself."""


@dataclass(frozen=True)
class Settings:
    """What a run was told."""

    text: str
    """YAML of the whole config."""
    changes: list[tuple[str, str, str]]
    """(key, the recipe's value, the run's value) of each value that differs."""
    why_not: str | None
    """Why it is not compared with the recipe; None where it is."""


def settings_of(run: RunData) -> Settings | None:
    """Return the config of a run and its difference from the recipe; None where it has none."""
    if not run.tree:
        return None
    text = write_yaml(run.tree)
    if run.recipe not in recipe_names():
        return Settings(text, [], f'The recipe "{run.recipe}" does not ship with vla-trainer; no comparison.')
    assert run.recipe is not None
    try:
        recipe = read_yaml(to_yaml(load_config(run.recipe)), run.recipe).value
    except Exception as error:  # also whatever an environment raises where it is imported
        return Settings(text, [], f"The recipe cannot be loaded here: {' '.join(str(error).split())}")
    changes = [
        (key, _shown(before, recipe, key), _shown(after, run.tree, key))
        for key, before, after in differences(recipe, run.tree)
        if key not in _PLACES
    ]
    return Settings(text, changes, None)


def _shown(value: Any, tree: Any, key: str) -> str:
    """Return a value as YAML; where its tree has no such key, as a config of another version has not, say so."""
    if value is None and not _has(tree, key):
        return "(no such key)"
    return write_yaml(value).strip().removesuffix("\n...")


def _has(tree: Any, key: str) -> bool:
    for name in key.split("."):
        if not isinstance(tree, dict) or name not in tree:
            return False
        tree = tree[name]
    return True
