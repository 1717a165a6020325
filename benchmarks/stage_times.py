"""Stage times of this machine, measured in the processes of the Ray backend, for `vla_trainer.planner`.

A backend is opened with one env process, one rollout process and two actor processes. They work one after the other,
but for what actor processes exchange, and each looks at its clock:

    env process       collects episodes in n environments on one thread: seconds of resets, of steps, and besides, which
                      are questions and writing down what happened; then on as many threads as there are cores. Steps
                      again while the rollout process is busy, which says how much cores do at once
    rollout process   meanwhile, seconds of acting on n observations; what "besides" takes more is the request.
                      Then forward and backward passes of n policy steps and optimizer steps, as the network is whole
                      there
    actor processes   the same passes on both at once, with sharded weights; what these take more is the exchange
    driver            what an iteration takes besides
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import ray
import torch

from vla_trainer.config.schema import Config
from vla_trainer.initial_states import init_state_counts, sample_initial_state
from vla_trainer.planner import Line, StageTimes, Transfer, fit
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.envs import make_envs
from vla_trainer.types import Batch
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import update

PLACEMENT = "{env: 0, rollout: 1, actor: 2-3}"
ONE_THREAD = "env.workers=1"
"""`StageTimes.env_step` is of one thread."""

Points = list[tuple[float, float]]
"""(n, seconds)."""


def measure(backend: Any, config: Config, rounds: int) -> tuple[StageTimes, float]:
    """Stage times, and how much the cores of this machine do at once, in units of what one does alone.

    `backend` is a `RayBackend` of `config`, which has `PLACEMENT` and `ONE_THREAD`.
    """
    env = backend.runtime._envs.handles[0]
    acting = backend.runtime._policies[backend.runtime._layout.acting()[0]]
    learning = [backend.runtime._policies[index] for index in backend.runtime._layout.learning()]

    ask(acting, watch)
    collected = ask(env, env_times, sizes(config.env.num_envs), rounds)
    acted = ask(acting, watched)
    act = [(rows, wall) for rows, wall, _ in acted]
    request = [(n, max(took - wall, 0.0)) for (n, took), (_, wall) in zip(collected["besides"], act, strict=True)]
    counted = collected["counted"]

    around, batch = iteration_times(backend, config, learning, rounds)
    most = min(config.actor.micro_batch_size, len(batch) // len(learning))
    rows = [most // 4, most // 2, most]
    alone = ask(acting, update_times, batch, rows, rounds)
    passes = fit(alone["update"])
    step_alone = ask(env, step_seconds, rounds)
    busy = acting.__ray_call__.remote(update_times, batch, rows[-1:], 2 * rounds)
    slowdown = max(ask(env, step_seconds, rounds) / step_alone, 1.0)
    ray.get(busy)
    at_once = ray.get([one.__ray_call__.remote(shared_update_times, batch, rows, rounds) for one in learning])
    summed, rate = at_once[0]["sum"], at_once[0]["bytes_per_second"]
    trained = backend.runtime.trainable_bytes()
    # weights are gathered for either pass, gradients scattered once
    moved = Transfer(3 * trained, rate)
    longer = statistics.median(max(each["update"][n] for each in at_once) - passes.seconds(n) for n in rows)
    exchange = replace(moved, latency=max(longer - summed - moved.ring_seconds(len(learning)), 0.0))
    cores, most = os.cpu_count() or 1, config.env.num_envs
    step, threads = fit(collected["step"]), min(cores, most)
    # of the time on one thread; 1 / threads where they divide it
    left = (collected["on all threads"] - step.fixed) / max(step.each * most, 1e-9)
    serial = (left - 1 / threads) / (1 - 1 / threads) if threads > 1 else 0.0
    times = StageTimes(
        env_step=step,
        env_serial=min(max(serial, 0.0), 1.0),
        env_reset=fit(collected["reset"]),
        act=fit([point for point, counts in zip(act, counted, strict=True) if counts]),
        request=fit([point for point, counts in zip(request, counted, strict=True) if counts]),
        episode=collected["episode"],
        **around,
        update=Line(max(passes.fixed - alone["optimizer_step"], 0.0), passes.each),
        optimizer_step=alone["optimizer_step"],
        all_reduce=Transfer(bytes_per_second=rate, latency=summed),
        exchange=exchange,
        sync=sync_times(backend, exchange.ring_seconds(len(learning)) / 3, rounds),
        act_cores=sum(cpu for _, _, cpu in acted) / sum(wall for _, wall, _ in acted),
        update_cores=alone["cores"],
        measured_on=f"{cores} cores, {platform.machine()}: {config.env.num_envs} environments, {trained:,} bytes of "
        "trained weights",
    )
    return times, cores / slowdown


def sizes(most: int) -> list[int]:
    """Powers of 2 up to `most`."""
    return [2**power for power in range(most.bit_length()) if 2**power <= most]


def ask(process: Any, function: Callable[..., Any], *args: Any) -> Any:
    """What `function`, called with the worker of a process and `args` in that process, returns."""
    return ray.get(process.__ray_call__.remote(function, *args))


def mean_seconds(call: Callable[[], Any], times: int) -> float:
    """Of one call, after one that is not counted."""
    call()
    begin = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - begin) / times


class Watched:
    """A sampler and when it was asked."""

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler
        self.calls: list[tuple[int, float, float, float]] = []
        """Rows, begin and end of each question, and the processors' seconds of this process in between."""

    @property
    def version(self) -> int:
        return self._sampler.version

    def act(self, obs: Any, seeds: Sequence[int] | None) -> Any:
        begin, used = time.perf_counter(), time.process_time()
        out = self._sampler.act(obs, seeds)
        self.calls.append((len(obs["state"]), begin, time.perf_counter(), time.process_time() - used))
        return out


# in the env process


class Steps:
    """Notes when the steps of a collector's only stage begin and end."""

    def __init__(self, collector: Collector) -> None:
        stage = collector._stages[0]
        self._launch, self._wait = stage.launch, stage.wait
        stage.launch, stage.wait = self.launch, self.wait  # type: ignore[method-assign]
        self.seconds: list[float] = []

    def launch(self, *step: Any) -> None:
        self._begin = time.perf_counter()
        self._launch(*step)

    def wait(self) -> Any:
        result = self._wait()
        self.seconds.append(time.perf_counter() - self._begin)
        return result


def env_times(worker: Any, counts: Sequence[int], rounds: int) -> dict[str, Any]:
    """Seconds of steps and of resets of n environments on one thread; "besides": of a policy step without its step; of
    steps of the most environments "on all threads"; and of the messages of an episode.

    "counted" says which of "besides" are; the first episodes are not.
    """
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {"step": [], "reset": [], "besides": [], "counted": []}
    on_all: list[float] = []
    for n, threads in [*((n, 1) for n in counts), (counts[-1], None)]:
        envs = make_envs(worker._config.env.model_copy(update={"workers": threads}), n)
        watched = Watched(worker._sampler(evaluation=False))
        collector = Collector(envs, watched)
        steps = Steps(collector)
        for each in range(rounds + 1):
            first = len(watched.calls)
            begin = time.perf_counter()
            # as groups of GRPO begin
            collector.episodes([sample_initial_state(rng, init_state_counts(envs))] * n)
            calls, stepped = watched.calls[first:], steps.seconds[first:]
            # a policy step lasts from a question to the next, the last one to the end
            ends = [*(call[1] for call in calls[1:]), time.perf_counter()]
            found["besides"] += [
                (rows, end - asked - step) for (rows, asked, _, _), step, end in zip(calls, stepped, ends, strict=True)
            ]
            found["counted"] += [each > 0] * len(calls)
            if each and threads:
                found["reset"].append((n, calls[0][1] - begin))
                found["step"] += [(call[0], step) for call, step in zip(calls, stepped, strict=True)]
            elif each:
                on_all += [step for call, step in zip(calls, stepped, strict=True) if call[0] == n]
        collector.close()
        envs.close()
    found["on all threads"] = statistics.fmean(on_all)
    # an episode is taken and reported; another message of that size
    found["episode"] = 2 * mean_seconds(lambda: ray.get(worker._queue.progress.remote()), 20 * rounds)
    return found


def step_seconds(worker: Any, rounds: int) -> float:
    """Of a step of two environments on one thread; always the same steps."""
    envs, rng = make_envs(worker._config.env, 2), np.random.default_rng(0)
    initial_state = sample_initial_state(rng, init_state_counts(envs))
    options = {"task": np.full(2, initial_state.task), "init_state": np.full(2, initial_state.init_state)}
    shape = envs.action_space.shape
    actions = [rng.uniform(-0.2, 0.2, shape).astype(np.float32) for _ in range(5)]
    seconds = []
    for _ in range(rounds + 1):
        envs.reset(seed=[initial_state.seed] * 2, options=options)
        begin = time.perf_counter()
        for action in actions:
            envs.step(action)
        seconds.append(time.perf_counter() - begin)
    envs.close()
    return statistics.fmean(seconds[1:]) / len(actions)


# in the rollout process


def watch(worker: Any) -> None:
    """Note the time of acting from now on."""
    worker._samplers[False] = Watched(worker._samplers[False])


def watched(worker: Any) -> list[tuple[int, float, float]]:
    """Rows, seconds and processors' seconds of each time it has acted since `watch`, of which nothing is kept."""
    sampler = worker._samplers[False]
    worker._samplers[False] = sampler._sampler
    worker.flush()
    return [(rows, end - begin, cpu) for rows, begin, end, cpu in sampler.calls]


def update_times(worker: Any, batch: Batch, rows: Sequence[int], rounds: int) -> dict[str, Any]:
    """Seconds of an optimizer step of one micro-batch of n policy steps, and of the step alone, on the whole
    network."""
    worker._optimizer = make_optimizer(worker._policy, worker._config.actor, needs_critic=False)
    worker._algorithm = worker._config.algorithm
    batch = opened(batch)
    wall, used = time.perf_counter(), time.process_time()
    found = [(n, mean_seconds(lambda n=n: step_on(worker, batch, n, n), 2 * rounds)) for n in rows]
    cores = (time.process_time() - used) / (time.perf_counter() - wall)
    return {"update": found, "optimizer_step": mean_seconds(worker._optimizer.step, rounds), "cores": cores}


# in an actor process


def shared_update_times(worker: Any, batch: Batch, rows: Sequence[int], rounds: int) -> dict[str, Any]:
    """As above, with n policy steps on each actor process; and what their messages take."""
    batch, ranks = opened(batch), worker._ranks
    update = {n: mean_seconds(lambda n=n: step_on(worker, batch, n * ranks.size, n), 2 * rounds) for n in rows}
    summed = mean_seconds(lambda: ranks.sum({"loss": 0.0}), 10 * rounds)
    some = torch.zeros(2**22)
    seconds = mean_seconds(lambda: ranks.sum_tensor(some), rounds)
    return {"update": update, "sum": summed, "bytes_per_second": some.nbytes / max(seconds - summed, 1e-6)}


def opened(batch: Batch) -> Batch:
    """The batch with its inputs at hand."""
    every = torch.arange(len(batch))
    return replace(batch, inputs={key: refs.open(ray.get)[every] for key, refs in batch.inputs.items()})


def step_on(worker: Any, batch: Batch, rows: int, micro_batch_size: int) -> None:
    """One optimizer step on the first `rows` policy steps."""
    parts = {one.name: getattr(batch, one.name) for one in fields(batch)}
    first = {name: part[:rows] for name, part in parts.items() if isinstance(part, torch.Tensor)}
    config = worker._config
    update(
        worker._policy,
        worker._optimizer,
        replace(batch, inputs={key: value[:rows] for key, value in batch.inputs.items()}, **first),
        worker._algorithm.model_copy(update={"epochs": 1}),
        config.actor.model_copy(update={"micro_batch_size": micro_batch_size, "global_batch_size": None}),
        temperature=config.rollout.temperature,
        action_dim=worker._action_dim,
        generator=torch.Generator().manual_seed(0),
        autocast=worker._autocast,
        ranks=worker._ranks,
    )


# in the driver


def iteration_times(
    backend: Any, config: Config, learning: Sequence[Any], rounds: int
) -> tuple[dict[str, Line], Batch]:
    """What an iteration takes besides its stages, by name in `StageTimes`, and a batch."""
    run, inside = backend.runtime._envs.run, []

    def timed(*args: Any) -> Any:
        begin = time.perf_counter()
        parts = run(*args)
        inside.append(time.perf_counter() - begin)
        return parts

    backend.runtime._envs.run = timed
    collect, bring = [], []
    for _ in range(max(rounds // 2, 2)):
        begin = time.perf_counter()
        rollout = backend.collect()
        batch = config.algorithm.batch(rollout)
        collect.append(time.perf_counter() - begin - inside[-1])
        # images are fetched the first time that they are read
        begin = time.perf_counter()
        ask(learning[0], opened_in, batch)
        first = time.perf_counter() - begin
        bring.append(max(first - ask(learning[0], opened_in, batch), 0.0))
    backend.runtime._envs.run = run
    policy_steps = int(rollout.mask.sum())
    return {
        "collect": Line(each=statistics.median(collect) / policy_steps),
        "batch": Line(each=statistics.median(bring) / len(batch)),
    }, batch


def opened_in(worker: Any, batch: Batch) -> float:
    """Seconds of reading all of a batch."""
    begin = time.perf_counter()
    opened(batch)
    return time.perf_counter() - begin


def sync_times(backend: Any, gathering: float, rounds: int) -> Transfer:
    """Of the trained weights to one rollout process; `gathering` is what they take to be whole in an actor process."""
    seconds = mean_seconds(backend._synchronize, 5 * rounds) - gathering
    empty = mean_seconds(lambda: ray.get([one.pid.remote() for one in backend.runtime._policies]), 5 * rounds)
    return Transfer(
        backend.runtime.sync_bytes,
        backend.runtime.sync_bytes / max(seconds - empty, 1e-6),
        max(min(empty, seconds), 0.0),
    )
