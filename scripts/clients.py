"""Install the packages that use our environments and policies but do not fit into the workspace: `.clients/NAME`.

    python scripts/clients.py [lerobot|minari|tianshou|vla-eval ...] [--upgrade]

What is installed is pinned in scripts/clients/NAME.txt. LeRobot needs Python 3.12 and another torch, so that it has a
virtual environment. The others are folders for PYTHONPATH, over the workspace's own packages: Minari's collector needs
JAX, Tianshou wants an old virtualenv that it does not use, and vla-eval brings a command of vla-trainer's name.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDER = REPOSITORY / ".clients"
STAMP = ".installed"


class ClientError(RuntimeError):
    """An environment cannot be made, with the reason in one line."""


@dataclass(frozen=True)
class Client:
    """A package that is installed apart."""

    name: str
    asked: str
    """What `--upgrade` resolves anew."""
    python: str | None = None
    """Version of a virtual environment's Python; None: a folder over the workspace's packages."""

    @property
    def requirements(self) -> Path:
        """The pinned packages."""
        return REPOSITORY / "scripts" / "clients" / f"{self.name}.txt"

    @property
    def folder(self) -> Path:
        """Where they are installed."""
        return FOLDER / self.name

    @property
    def version(self) -> str:
        """The version of the package itself."""
        pins = dict(line.split("==") for line in self.requirements.read_text().split() if "==" in line)
        return pins[self.name]


CLIENTS = {
    client.name: client
    for client in (
        Client("lerobot", "lerobot[dataset,evaluation]", "3.12"),
        Client("minari", "minari[create]"),
        Client("tianshou", "tianshou"),
        Client("vla-eval", "vla-eval"),
    )
}


def find_uv() -> str:
    """Return uv's path: the one on PATH, or what scripts/setup.sh has installed."""
    own = REPOSITORY / ".uv" / "bin" / "uv"
    found = shutil.which("uv") or (str(own) if own.is_file() else None)
    if found is None:
        raise ClientError("uv is missing; run: sh scripts/setup.sh")
    return found


def find_python(version: str) -> str:
    """Return pyenv's Python of this version, whose shims uv does not see through; or the version, which uv finds."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    own = sorted(versions.glob(f"{version}.*/bin/python{version}"))
    return str(own[-1]) if own else version


def install(client: Client) -> Path:
    """Install a client, unless this was done before, and return its folder.

    Raises:
        ClientError: it cannot be installed, e.g. because the package index cannot be reached.
    """
    FOLDER.mkdir(exist_ok=True)
    wanted = f"{sys.version_info[:2]} {client.requirements.read_text()}"
    with (FOLDER / f"{client.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = client.folder / STAMP
        if stamp.is_file() and stamp.read_text() == wanted:
            return client.folder
        shutil.rmtree(client.folder, ignore_errors=True)
        uv = find_uv()
        if client.python is None:
            target = ["--target", str(client.folder), "--no-deps", "--python", sys.executable]
            _run([uv, "pip", "install", "--quiet", *target, "--requirement", str(client.requirements)])
        else:
            _run([uv, "venv", "--quiet", "--python", find_python(client.python), str(client.folder)])
            pip = [uv, "pip", "install", "--quiet", "--no-deps", "--python", str(client.folder / "bin" / "python")]
            _run([*pip, "--requirement", str(client.requirements)])
            _run([*pip, "--editable", str(REPOSITORY / "packages" / "libero_gym")])
        stamp.write_text(wanted)
    return client.folder


def upgrade(client: Client) -> None:
    """Write the newest versions of a virtual environment's packages into its requirements."""
    if client.python is None:
        raise ClientError(f"{client.name} is pinned by hand: only what the workspace lacks stands in its list")
    packages = f"{client.asked}\n{REPOSITORY}/packages/libero_gym[demos]\npytest\n"
    command = [find_uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-config", "-"]
    lines = _run([*command, "--python-version", client.python], packages).splitlines()
    kept = [line for line in lines if not line.startswith(("libero-gym", "/", "file:"))]
    client.requirements.write_text("\n".join(kept) + "\n")


def _run(command: Sequence[str], text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        shown = " ".join(done.stderr.split())
        raise ClientError(f"{' '.join(command[:4])} ... failed: {shown[-300:]}")
    return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Install what is named, all by default; return 1 if something could not be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CLIENTS)}; all by default")
    parser.add_argument("--upgrade", action="store_true", help="resolve the newest versions first")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in CLIENTS]:
        parser.error(f"unknown client {unknown[0]!r}; allowed: {', '.join(CLIENTS)}")
    failed = 0
    for name in options.names or CLIENTS:
        try:
            if options.upgrade:
                upgrade(CLIENTS[name])
            install(CLIENTS[name])
        except ClientError as error:
            print(f"clients: {name}: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
