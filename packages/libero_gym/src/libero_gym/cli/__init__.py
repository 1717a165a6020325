"""The command `libero-gym`, a module for each subcommand. Heavy imports come late, so that help is printed at once."""

import sys

__all__ = ["app", "main"]

_missing: str | None = None
try:
    from libero_gym.cli.app import app
    from libero_gym.cli.app import main as _run
except ModuleNotFoundError as error:
    # a machine that only runs bundles may lack the libraries of the command line
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
