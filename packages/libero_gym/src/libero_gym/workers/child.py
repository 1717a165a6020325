"""What a worker process does: answer its caller's requests until the caller is gone.

    pipe in:   (serial, kind, payload)          reset: env index -> request; step, render: indices; call: index -> call
    pipe out:  (serial, None)                   a sign of life
               (serial, Answer)                 the end of a request; arrays are in shared memory

An exception is sent to the caller; a process that dies has nothing to say, which the caller notices.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode
from multiprocess.connection import Connection, wait
from multiprocess.process import parent_process

from libero_gym.errors import EnvAttributeError, WorkerError
from libero_gym.options import EnvOptions
from libero_gym.workers.environments import Environments
from libero_gym.workers.rows import Row
from libero_gym.workers.shared_arrays import CURRENT, FINAL, SharedArrays

#: A request that takes longer is answered by signs of life in between, one environment at a time.
_SIGN_SECONDS = 0.25
_WATCH_SECONDS = 1.0


class Answer(NamedTuple):
    """The end of a request."""

    rows: dict[int, Row]
    """Observations with None for each array."""
    error: Exception | None
    generators: dict[int, np.random.Generator]
    """What these environments' next episodes will be sampled from."""
    values: dict[int, bytes]
    """What a call returned, pickled."""


def serve(
    connection: Connection,
    shared: SharedArrays,
    options: EnvOptions,
    mode: AutoresetMode,
    indices: Iterable[int],
    generators: Mapping[int, np.random.Generator],
) -> None:
    """Run a worker process until its caller has closed the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the caller decides what follows
    threading.Thread(target=end_with_the_caller, daemon=True).start()
    environments = Environments(options, mode, {index: shared.arrays_of(index) for index in indices}, generators)
    with contextlib.suppress(EOFError, OSError):  # the caller has closed its end of the pipe
        _send(connection, 0, None)
        while True:
            serial, kind, payload = pickle.loads(connection.recv_bytes())
            _send(connection, serial, _answer(connection, serial, kind, payload, environments, shared))
    environments.close()


def _answer(
    connection: Connection, serial: int, kind: str, payload: Any, environments: Environments, shared: SharedArrays
) -> Answer:
    rows: dict[int, Row] = {}
    failure: Exception | None = None
    sign = time.monotonic() + _SIGN_SECONDS
    values: dict[int, bytes] = {}
    work = _work(kind, payload, environments, shared, values)
    while True:
        try:
            index, row = next(work)
        except StopIteration:
            break
        except Exception as error:
            failure = _portable(error)
            break
        if row is not None:
            rows[index] = row
        if time.monotonic() > sign:
            _send(connection, serial, None)
            sign = time.monotonic() + _SIGN_SECONDS
    return Answer(rows, failure, environments.generators(payload), values)


def _work(
    kind: str, payload: Any, environments: Environments, shared: SharedArrays, values: dict[int, bytes]
) -> Iterator[tuple[int, Row | None]]:
    """Do a request, one environment at a time, and leave the arrays in shared memory."""
    if kind == "call":
        for index, (name, args, kwargs) in payload.items():
            for _, value in environments.call(name, {index: (args, kwargs)}):
                values[index] = _pickled(name, value)
            yield index, None
        return
    if kind == "render":
        for index, image in environments.render(payload):
            shared.images[index] = image
            yield index, None
        return
    if kind == "reset":
        rows = environments.reset(payload)
    else:
        rows = environments.step(shared.actions, payload)
    for index, row in rows:
        info = dict(row.info)
        if "final_obs" in info:
            info["final_obs"] = shared.write(index, FINAL, info["final_obs"])
        yield index, row._replace(observation=shared.write(index, CURRENT, row.observation), info=info)


def _pickled(name: str, value: Any) -> bytes:
    try:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise EnvAttributeError(
            f"{name} of an environment is a {type(value).__name__}, which a worker process cannot send: {error}; "
            "use worker_kind='thread'"
        ) from None


def _send(connection: Connection, serial: int, answer: Answer | None) -> None:
    # Not `Connection.send`, whose pickler is dill's, in Python and ten times slower.
    connection.send_bytes(pickle.dumps((serial, answer), protocol=pickle.HIGHEST_PROTOCOL))


def _portable(error: Exception) -> Exception:
    """Return an exception that can be sent, with this process's traceback as a note."""
    error.add_note(f"In a worker process:\n{''.join(traceback.format_exception(error))}")
    with contextlib.suppress(Exception):
        if str(pickle.loads(pickle.dumps(error))) == str(error):
            return error
    return WorkerError(f"{type(error).__name__}: {error}")


def end_with_the_caller() -> None:
    """End this process when the caller's has ended, also in the middle of a long request."""
    caller = parent_process()
    original = os.getppid()
    # The second condition: a process that the caller forked may still hold the other end of the sentinel's pipe.
    while not wait([caller.sentinel], timeout=_WATCH_SECONDS) and os.getppid() == original:
        pass
    os._exit(1)
