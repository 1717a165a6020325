"""What a run is made of: `Config` (schema.py), read from a recipe and overrides (load.py)."""

from vla_trainer.config.load import load_config, recipe_names
from vla_trainer.config.schema import Config

__all__ = ["Config", "load_config", "recipe_names"]
