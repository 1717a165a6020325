"""Test the packages on other versions of Python and of what they need.

    package's tree --> uv, empty environment --> a small use --> extras and pytest --> a part of its tests

Each package gets an environment of its own, so that no other package brings what it forgot to declare. With
`--resolution lowest-direct` what pyproject.toml names is installed in the lowest version that it allows, and what
those need in turn in the newest. `--wheels` installs nothing: it resolves the dependencies for Linux on x86-64 and
arm64, wheels alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
USE = runpy.run_path(str(ROOT / "tests" / "package_use.py"))["USE"]
PYTHONS = ("3.11", "3.12", "3.13")
RESOLUTIONS = ("highest", "lowest-direct")
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28")
TOOLS = ("pytest>=8.3", "pytest-timeout>=2.3", "filelock")
FAILED = "failed"


@dataclass(frozen=True)
class Package:
    """What is installed and run of a package."""

    extras: str
    """What a user may add, in the same resolution as the package."""
    shown: tuple[str, ...]
    """Dependencies whose versions the table has."""
    tests: tuple[str, ...]
    """Paths in tests/, quick and with every dependency in use."""
    tools: tuple[str, ...] = ()
    """What its tests need besides, in the newest version that fits."""
    oracle: tuple[str, ...] = ()
    """The same, left out where it does not install."""
    lowest: tuple[str, ...] = ()
    """Transitive dependencies in the lowest version too: the newest would bring a newer direct one."""
    left_out: tuple[str, ...] = ()
    """Tests of its paths that take long, or need what is not installed."""


PACKAGES = {
    "libero_gym": Package(
        extras="demos,video",
        shown=("numpy", "gymnasium", "mujoco", "llvmlite", "pillow", "click", "tqdm", "h5py", "minari", "moviepy"),
        # engine/test_compiled.py translates the step with numba, which robosuite brings
        oracle=("hf-libero==0.1.4", "robosuite==1.4.0", "termcolor>=2", "opencv-python-headless"),
        tests=(
            *("tasks/test_definition.py", "tasks/test_suites.py", "tasks/test_init_states.py"),
            *(
                "engine/test_compiled.py",
                "engine/test_contacts.py",
                "engine/test_stepper.py",
                "scene/test_decimation.py",
            ),
            *("demos/test_dataset.py", "demos/test_episode_file.py", "demos/test_statistics.py"),
            *("cli/test_app.py", "cli/test_play.py", "cli/test_tables.py", "cli/test_tasks.py"),
            *("render", "test_env.py", "test_registration.py", "test_spaces.py", "workers/test_process.py"),
        ),
    ),
    "vla_policy": Package(
        extras="sentencepiece,demos",
        shown=(
            "numpy",
            "gymnasium",
            "torch",
            "transformers",
            "tokenizers",
            "timm",
            "peft",
            "safetensors",
            "simplejpeg",
        ),
        # torchvision, which timm needs, has one version for each of torch
        lowest=("torchvision>=0.22",),
        tests=("",),
        # a minute of processes and of every mixture of dtypes
        left_out=("checkpoint/test_processes.py", "checkpoint/test_dtypes.py"),
    ),
    "vla_trainer": Package(
        extras="demos,plot,ray,report,wandb",
        shown=(
            *("numpy", "gymnasium", "torch", "pydantic", "omegaconf", "typer", "rich", "tensorboard", "ray", "wandb"),
            "matplotlib",
        ),
        tools=("safetensors", "psutil", "scipy"),
        tests=(
            *(
                "advantage",
                "algorithms",
                "checkpoint/test_files.py",
                "config",
                "evaluation",
                "loggers",
                "loss",
                "policy",
            ),
            *("runtime/test_connect.py", "runtime/test_local_session.py", "runtime/test_supervisor.py", "sft"),
            *("test_cli.py", "test_metrics.py", "test_schedule.py", "test_video.py"),
        ),
        # these compare with stable-baselines3
        left_out=("advantage/test_gae_sb3.py", "loss/test_ppo_sb3.py"),
    ),
}


class StepError(Exception):
    """A command that failed: what it was for, and the end of what it printed."""


class Environment:
    """An environment of a version of Python and a package, in a folder."""

    def __init__(self, uv: str, folder: Path, python: str, name: str, resolution: str) -> None:
        self._uv, self._folder, self._name, self._resolution = uv, folder, name, resolution
        self._package = PACKAGES[name]
        self._python = str(folder / "bin" / "python")
        self._environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
        self._environ["LIBERO_GYM_CACHE"] = str(folder / "cache")
        self._run("making it", [uv, "venv", "--quiet", "--no-config", "--clear", "--python", python, str(folder)])

    def test(self, pytest_arguments: list[str]) -> tuple[str, str]:
        """Install, use and test the package.

        Returns:
            pytest's last line and what is to be known of the environment.

        Raises:
            StepError: it does not install, or its use fails.
        """
        tree = f"./packages/{self._name}"
        lowest = list(self._package.lowest) if self._resolution != "highest" else []
        self._install(f"installing {self._name} alone", [tree, *lowest], ["--resolution", self._resolution])
        self._run("a use of it alone", [self._python, "-c", USE[self._name]], cwd=self._folder)
        extra = f"{tree}[{self._package.extras}]"
        self._install("installing its extras", [extra, *lowest], ["--resolution", self._resolution])
        note = self._install_tools()
        return self._pytest(pytest_arguments), note

    def versions(self) -> str:
        """Return the versions of Python and of the main dependencies that are installed, as far as they are."""
        try:
            listed = json.loads(self._run("", [self._uv, "pip", "list", "--format", "json", "--python", self._python]))
        except StepError:
            return ""
        found = {row["name"]: row["version"] for row in listed}
        return " ".join(f"{name} {found[name]}" for name in self._package.shown if name in found)

    def _install_tools(self) -> str:
        """Install what the tests need without moving a version that is there; returns what could not be."""
        frozen = self._run("", [self._uv, "pip", "freeze", "--python", self._python])
        constraints = self._folder / "constraints.txt"
        constraints.write_text("".join(f"{line}\n" for line in frozen.splitlines() if "==" in line))
        kept = ["--constraint", str(constraints)]
        self._install("installing pytest", [*TOOLS, *self._package.tools], kept)
        if self._package.oracle:
            try:
                self._install("installing LIBERO's classes", list(self._package.oracle), kept)
            except StepError as error:
                print(error, file=sys.stderr)
                return "without LIBERO's classes"
        return ""

    def _install(self, purpose: str, what: list[str], options: list[str]) -> None:
        settings = settings_of_uv(self._folder)
        self._run(
            purpose, [self._uv, "pip", "install", "--quiet", *settings, "--python", self._python, *options, *what]
        )

    def _pytest(self, arguments: list[str]) -> str:
        folder = f"tests/{self._name}/"
        ignored = [f"--ignore={folder}{path}" for path in self._package.left_out]
        command = [self._python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", "--tb=short"]
        done = subprocess.run(
            [*command, *ignored, *(folder + path for path in self._package.tests), *arguments],
            cwd=ROOT,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        last = re.findall(r"^=*\s*((?:\d+ \w+(?:, )?)+) in [\d.]+s", done.stdout, re.MULTILINE)
        if done.returncode != 0:
            print(done.stdout[-12000:], file=sys.stderr)
        kinds = ("passed", "failed", "skipped", "error", "errors")
        found = [part for part in last[-1].split(", ") if part.split()[1] in kinds] if last else []
        counts = ", ".join(found) or f"no result, status {done.returncode}"
        return counts if done.returncode == 0 else f"{FAILED}: {counts}"

    def _run(self, purpose: str, command: list[str], *, cwd: Path = ROOT) -> str:
        done = subprocess.run(command, cwd=cwd, env=self._environ, capture_output=True, text=True)
        if done.returncode != 0:
            end = (done.stderr or done.stdout)[-3000:]
            raise StepError(f"{self._name}, {self._resolution}: {purpose or ' '.join(command)} failed\n{end}")
        return done.stdout


def settings_of_uv(folder: Path) -> list[str]:
    """Return options that give uv what this workspace says of hf-libero and OpenCV, and no other setting of it."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]
    lines = []
    for entry in tool["dependency-metadata"]:
        # a string or a list of strings is the same in JSON and in TOML
        lines += ["[[dependency-metadata]]", *(f"{key} = {json.dumps(value)}" for key, value in entry.items())]
    (folder / "uv.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "overrides.txt").write_text("\n".join(tool["override-dependencies"]) + "\n", encoding="utf-8")
    return ["--config-file", str(folder / "uv.toml"), "--overrides", str(folder / "overrides.txt")]


def test_all(options: argparse.Namespace, folder: Path) -> Iterator[list[str]]:
    """Yield a row of the table for each environment that was asked for."""
    for python in options.python:
        for resolution in options.resolution:
            for name in options.package:
                print(f"Python {python}, {resolution}, {name} ...", file=sys.stderr, flush=True)
                place = folder / f"{name}-{resolution}-{python}".replace("/", "_")
                result, note, versions = FAILED, "", ""
                try:
                    environment = Environment(options.uv, place, python, name, resolution)
                except StepError as error:
                    print(error, file=sys.stderr)
                    yield [python, resolution, name, f"{FAILED}: no such Python", ""]
                    continue
                try:
                    result, note = environment.test(options.pytest)
                except StepError as error:
                    print(error, file=sys.stderr)
                    result = f"{FAILED}: {str(error).splitlines()[0].partition(': ')[2]}"
                versions = environment.versions()
                yield [python, resolution, name, result, "; ".join(filter(None, [versions, note]))]
                if options.keep is None:
                    shutil.rmtree(place)


def resolve_all(options: argparse.Namespace, _: Path) -> Iterator[list[str]]:
    """Yield a row for each version of Python, resolution and platform: are there wheels of all that packages need?

    Of all packages together: what takes time is to ask the index, for much the same projects.
    """
    lines = "".join(f"{line}\n" for name in options.package for line in declared(name))

    def resolve(choice: tuple[str, str, str]) -> list[str]:
        python, resolution, platform = choice
        command = [options.uv, "pip", "compile", "--quiet", "--no-config", "--no-header", "--no-annotate"]
        command += ["--resolution", resolution, "--python-version", python, "--python-platform", platform]
        command += ["--only-binary", ":all:", "-"]
        done = subprocess.run(command, input=lines, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            print(done.stderr[-3000:], file=sys.stderr)
        count = sum("==" in line for line in done.stdout.splitlines())
        names = "+".join(options.package)
        return [python, resolution, names, FAILED if done.returncode else f"{count} wheels", platform]

    # each mostly waits
    with ThreadPoolExecutor(6) as pool:
        yield from pool.map(resolve, itertools.product(options.python, options.resolution, PLATFORMS))


def declared(package: str) -> list[str]:
    """Return a package's dependencies, with those of its extras that are tested."""
    project = tomllib.loads((ROOT / "packages" / package / "pyproject.toml").read_text())["project"]
    extras = [project["optional-dependencies"][extra] for extra in PACKAGES[package].extras.split(",")]
    return [*project["dependencies"], *itertools.chain(*extras)]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python scripts/test_versions.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exits with 1 if anything failed. What uv downloads stays in its cache; torch with CUDA is gigabytes.",
    )
    made.add_argument(
        "--python",
        nargs="+",
        default=PYTHONS,
        metavar="VERSION",
        help="versions of Python, or paths of interpreters; uv looks for them. Default: %(default)s",
    )
    made.add_argument("--resolution", nargs="+", choices=RESOLUTIONS, default=RESOLUTIONS, help="Default: both")
    made.add_argument(
        "--package", nargs="+", choices=tuple(PACKAGES), default=tuple(PACKAGES), help="Default: all three"
    )
    made.add_argument("--wheels", action="store_true", help="resolve for x86-64 and arm64, and install nothing")
    made.add_argument("--keep", type=Path, metavar="FOLDER", help="make the environments here, and leave them")
    made.add_argument("--pytest", nargs=argparse.REMAINDER, default=[], metavar="...", help="the rest goes to pytest")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = parser().parse_args(arguments)
    options.uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    with tempfile.TemporaryDirectory(prefix="versions-") as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        rows = []
        for row in (resolve_all if options.wheels else test_all)(options, folder):
            rows.append(row)
            print("  ".join(row[:4]), file=sys.stderr, flush=True)
    heading = ["Python", "resolution", "package", "result", "platform" if options.wheels else "versions"]
    widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(4)]
    for row in [heading, *rows]:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]))
    return int(any(row[3].startswith(FAILED) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
