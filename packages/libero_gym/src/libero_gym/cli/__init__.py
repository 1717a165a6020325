"""The command `libero-gym`, one module a command. Nothing heavy is imported before it is needed: help comes at once."""

import sys

#: What the command needs beside what the environments need; a bundle's machine may lack them.
_PACKAGES = ("typer", "rich")


def main() -> None:
    """Run the console script `libero-gym`."""
    try:
        from libero_gym.cli.app import main as run
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in _PACKAGES:
            raise
        sys.stderr.write(
            f"libero-gym: {error.name} is not installed; the environments work without it, this command needs: "
            f"pip install {' '.join(_PACKAGES)}\n"
        )
        raise SystemExit(2) from None
    run()
