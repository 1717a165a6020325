"""Weights & Biases; needs the extra `wandb`."""

import secrets
from collections.abc import Mapping
from pathlib import Path

import yaml

from vla_trainer import durable
from vla_trainer.errors import LoggerError, MissingExtraError

ID_FILE = "run_id"
"""In the run's wandb/: by what wandb knows the run, so that a resume goes on with it."""


class WandbLogger:
    """One run, resumes included; the account is wandb's own setting."""

    def __init__(self, folder: Path, project: str, name: str, mode: str | None, config_yaml: str) -> None:
        """
        Raises:
            MissingExtraError: wandb is not installed.
            LoggerError: wandb does not begin, for want of an account or of a network.
        """
        try:
            import wandb
        except ModuleNotFoundError as error:
            raise MissingExtraError("wandb", "wandb") from error
        try:
            self._run = wandb.init(
                dir=str(folder),
                project=project,
                name=name,
                mode=mode,  # type: ignore[arg-type]
                config=yaml.safe_load(config_yaml),
                id=_run_id(folder / "wandb"),
                resume="allow",
                settings=wandb.Settings(console="off"),  # what is printed stays as the console logger prints it
            )
        except wandb.Error as error:
            first = " ".join(str(error).split())
            raise LoggerError(
                f"trainer.logger.wandb: {first}; mode=offline needs neither account nor network"
            ) from error

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        # wandb's steps only go forwards: what it has of iterations that are run again stays, their numbers are the same
        if iteration >= self._run.step:
            # with a step, wandb would hold the row back until the next one comes
            self._run.log(dict(metrics), step=iteration, commit=True)

    def close(self) -> None:
        self._run.finish()


def _run_id(folder: Path) -> str:
    file = folder / ID_FILE
    if not file.exists():
        durable.make_folder(folder)
        durable.write_text(file, secrets.token_hex(4) + "\n")
    return file.read_text(encoding="utf-8").strip()
