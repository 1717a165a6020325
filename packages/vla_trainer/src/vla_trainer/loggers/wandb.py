"""Weights & Biases; needs the extra `wandb`."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from vla_trainer.errors import MissingExtraError


class WandbLogger:
    """One run; the account is wandb's own setting."""

    def __init__(self, folder: Path, project: str, name: str, mode: str | None, config_yaml: str) -> None:
        try:
            import wandb
        except ModuleNotFoundError as error:
            raise MissingExtraError("wandb", "wandb") from error
        config = yaml.safe_load(config_yaml)
        self._run = wandb.init(dir=str(folder), project=project, name=name, mode=mode, config=config)  # type: ignore[arg-type]

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        self._run.log(dict(metrics), step=iteration)

    def close(self) -> None:
        self._run.finish()
