"""The command `libero-gym`, a module for each subcommand. Heavy imports come late, so that help is printed at once."""

import sys
from importlib.util import find_spec

__all__ = ["app", "main"]

# a machine that only runs bundles may lack the libraries of the command line
_missing = [name for name in ("click", "tabulate", "tqdm") if find_spec(name) is None]
if not _missing:
    from libero_gym.cli.app import app
    from libero_gym.cli.app import main as _run


def main() -> None:
    """Run the console script `libero-gym`."""
    if _missing:
        are = "is" if len(_missing) == 1 else "are"
        sys.stderr.write(
            f"libero-gym: {', '.join(_missing)} {are} not installed; the environments work without, this command "
            f"needs: pip install {' '.join(_missing)}\n"
        )
        raise SystemExit(2)
    _run()
