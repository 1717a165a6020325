"""Processes of their own without the seconds that imports take: a process that has imported modules forks for each.

A forked process is as fresh as a started one, but for the imported modules: its environment variables, its output, its
exit status, and what the program keeps in memory are its own.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


class PreparedProcess:
    """Runs programs in forks of a process that has imported some modules already.

    The modules must be of the kind whose import starts no thread and reads no variable that a program sets.
    """

    def __init__(self, modules: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        """
        Args:
            modules: imported once.
            folder: where the programs' output goes.
            environment: what the imports see.
        """
        self._folder = folder
        self._server = subprocess.Popen(
            [sys.executable, __file__, *modules],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, program: Path, arguments: Sequence[object], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python file as `python program arguments` does, with nothing on its standard input."""
        words = [str(program), *map(str, arguments)]
        out, err = (self._folder / name for name in ("stdout", "stderr"))
        request = {
            "words": words,
            "environment": dict(environment),
            "folder": os.getcwd(),
            "output": [str(out), str(err)],
        }
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer, "the prepared process has ended"
        return subprocess.CompletedProcess(words, int(answer), out.read_text(), err.read_text())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.communicate()  # it ends with its standard input


def serve() -> None:
    """Import, then fork for each request; return in the forked process, which then is the program."""
    for module in sys.argv[1:]:
        __import__(module)
    gc.freeze()  # else the collector of each forked process would look through, and so copy, all that was imported
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        child = os.fork()
        if not child:
            _become(request)
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    raise SystemExit


def _become(request: dict[str, list[str]]) -> None:
    """Take over the words, variables, folder and files of a program."""
    targets = [os.open(os.devnull, os.O_RDONLY)]
    targets += [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for path in request["output"]]
    for number, target in enumerate(targets):
        os.dup2(target, number)
        os.close(target)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # what has been read ahead is not the program's
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv[:] = request["words"]
    # as Python does at its start: the program's folder, then PYTHONPATH
    added = os.environ.get("PYTHONPATH", "")
    sys.path[:1] = [os.path.dirname(sys.argv[0]), *added.split(os.pathsep)] if added else [os.path.dirname(sys.argv[0])]


if __name__ == "__main__":
    serve()
    runpy.run_path(sys.argv[0], run_name="__main__")
