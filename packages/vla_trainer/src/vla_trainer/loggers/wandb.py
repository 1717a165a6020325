"""Weights & Biases; needs the extra `wandb`."""

import re
import secrets
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

import yaml

from vla_trainer import atomic_files
from vla_trainer.errors import LoggerError, MissingExtraError

ID_FILE = "run_id"
"""File in the run's wandb/ with wandb's id of the run, which a resume goes on with."""

ANSWER_SECONDS = 5.0
"""Seconds that its server may take to answer before a run."""
BEGIN_SECONDS = 30.0
"""Seconds that wandb itself may take to begin; its own default is 90."""
WAY_OUT = "WANDB_MODE=offline or trainer.logger.wandb.mode=offline needs neither account nor network"


def check(mode: str | None) -> None:
    """Check that wandb is installed and, in the mode "online" (None: that of its settings), that its server answers.

    Raises:
        MissingExtraError: wandb is not installed.
        LoggerError: the server does not answer.
    """
    try:
        import wandb
    except ModuleNotFoundError as error:
        raise MissingExtraError("wandb", "wandb") from error
    settings = wandb.setup().settings
    if (mode or settings.mode) != "online":
        return
    reason = _why_silent(settings.base_url)
    if reason is not None:
        raise LoggerError(f"trainer.logger.wandb: {settings.base_url} cannot be reached: {reason}; {WAY_OUT}")


def _why_silent(url: str) -> str | None:
    """Return why a server does not answer; None where it does, also with an error. Proxies are the environment's."""
    found: list[str | None] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=ANSWER_SECONDS):
                found.append(None)
        except urllib.error.HTTPError:
            found.append(None)
        except (OSError, HTTPException, ValueError) as error:
            cause = getattr(error, "reason", error)
            # wandb has certificates of its own
            found.append(None if isinstance(cause, ssl.SSLError) else str(cause) or type(cause).__name__)

    # looking a name up has no time limit of its own
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(2 * ANSWER_SECONDS)
    return found[0] if found else f"no answer within {2 * ANSWER_SECONDS:g} s"


class WandbLogger:
    """Logs to one run of wandb, resumes included; the account is wandb's own setting."""

    def __init__(self, folder: Path, project: str, name: str, mode: str | None, config_yaml: str) -> None:
        """
        Raises:
            MissingExtraError: wandb is not installed.
            LoggerError: wandb does not begin, as there is no account or no network.
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
                settings=wandb.Settings(
                    console="off",  # keeps the output of the console logger as it is
                    init_timeout=BEGIN_SECONDS,
                ),
            )
        except wandb.Error as error:
            first = " ".join(str(error).split())
            raise LoggerError(f"trainer.logger.wandb: {first or type(error).__name__}; {WAY_OUT}") from error

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        # wandb's steps only go forward: its rows of iterations that are run again stay; their numbers are the same
        if iteration >= self._run.step:
            # with a step, wandb would hold the row back until the next one comes
            self._run.log(dict(metrics), step=iteration, commit=True)

    def close(self) -> None:
        self._run.finish()


def _run_id(folder: Path) -> str:
    file = folder / ID_FILE
    if not file.exists():
        atomic_files.make_folder(folder)
        atomic_files.write_text(file, secrets.token_hex(4) + "\n")
    run_id = file.read_text(encoding="utf-8", errors="replace").strip()
    if not re.fullmatch(r"[\w-]{1,64}", run_id, re.ASCII):
        raise LoggerError(
            f"{file} is damaged: it does not hold wandb's id of the run; remove it to begin a new run there"
        )
    return run_id
