"""Weights & Biases; needs the extra `wandb`."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from vla_trainer.errors import MissingExtraError


class WandbLogger:
    """One run; project and account are wandb's own settings."""

    def __init__(self, folder: Path, name: str, config_yaml: str) -> None:
        try:
            import wandb
        except ModuleNotFoundError as error:
            raise MissingExtraError("wandb", "wandb") from error
        self._run = wandb.init(dir=str(folder), name=name, config=yaml.safe_load(config_yaml))

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        self._run.log(dict(metrics), step=iteration)

    def close(self) -> None:
        self._run.finish()
