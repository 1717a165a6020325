"""The command `libero-gym`, one module a command. Nothing heavy is imported before it is needed: help comes at once."""

import sys

__all__ = ["app", "main"]

_missing: str | None = None
try:
    from libero_gym.cli.app import app
    from libero_gym.cli.app import main as _run
except ModuleNotFoundError as error:
    # a bundle's machine may lack what the command needs beside what the environments need
    _missing = error.name
    if str(_missing).partition(".")[0] not in ("typer", "rich"):
        raise


def main() -> None:
    """Run the console script `libero-gym`."""
    if _missing is not None:
        sys.stderr.write(
            f"libero-gym: {_missing} is not installed; the environments work without it, this command needs: "
            "pip install typer rich\n"
        )
        raise SystemExit(2)
    _run()
