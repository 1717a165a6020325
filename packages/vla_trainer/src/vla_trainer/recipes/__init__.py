"""Recipes: YAML files that list only what differs from the defaults of `vla_trainer.config.schema`."""
