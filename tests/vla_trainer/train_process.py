"""`vla-train` in processes of their own, which can be killed; forked from one that has imported torch already."""

import sys
from pathlib import Path

import forks


def start(arguments: list[str], log: Path, command: str = "vla-train", folder: Path | None = None) -> forks.Process:
    """Begin `command arguments` in `folder`, with the present environment variables; `log` gets what it prints."""
    function = {"vla-train": "train", "vla-eval": "evaluate", "vla-ablate": "ablate"}[command]
    return forks.start(f"vla_trainer.cli:{function}", [command, *arguments], output=log, folder=folder, path=sys.path)
