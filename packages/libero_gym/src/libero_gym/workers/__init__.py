"""Where the environments of a `LiberoVectorEnv` do their work.

    LiberoVectorEnv -- reset, step, render --> ThreadWorkers    threads of this process
                                           or  ProcessWorkers   processes; arrays through shared memory
                    <-- a Row for each environment

Both kinds hand the work to `Environments`, so that the results are the same.
"""

from __future__ import annotations

from gymnasium.vector import AutoresetMode

from libero_gym.options import EnvOptions
from libero_gym.workers.batch import ObservationBatch
from libero_gym.workers.protocol import Workers
from libero_gym.workers.thread import ThreadWorkers

WORKER_KINDS = ("thread", "process")


def open_workers(
    kind: str, options: EnvOptions, mode: AutoresetMode, batch: ObservationBatch, count: int, timeout: float
) -> Workers:
    """Start `count` workers of a kind, among which the environments are dealt out in turn.

    Args:
        kind: one of `WORKER_KINDS`.
        options: of each environment.
        mode: what happens after an episode's end.
        batch: receives the observations.
        count: 1..N.
        timeout: seconds without a sign of life after which a process counts as dead.
    """
    indices = [range(first, batch.num_envs, count) for first in range(count)]
    if kind == "thread":
        return ThreadWorkers(options, mode, batch, indices)
    from libero_gym.workers.process import ProcessWorkers  # threads need nothing of what it imports

    return ProcessWorkers(options, mode, batch, indices, timeout)
