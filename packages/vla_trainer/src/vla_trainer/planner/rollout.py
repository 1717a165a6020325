"""Simulate the rollout of an iteration: env processes and rollout processes as a placement puts them on machines.

    env process     per stage in turn:  wait for its step | ask to act | start the next step in the background
    rollout process first come first served, one request at a time; those on one GPU take turns
    machine         steps and resets share its cores; without GPUs acting does, too

The order is that of `vla_trainer.rollout.collector`. A message takes the time of the env process that waits for it, and
a core. Left out: values of the final observations of truncated episodes (PPO), further groups (GRPO,
`rollout.resample_groups`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, inf

from vla_trainer.placement import Placement, Process, check_environments
from vla_trainer.planner import timeline
from vla_trainer.planner.amounts import Amounts
from vla_trainer.planner.costs import Line
from vla_trainer.planner.symmetry import Part, part_of, whole
from vla_trainer.planner.timeline import Busy, Clock, Job, Queue, Timeline
from vla_trainer.planner.times import StageTimes

ROUNDS = 3
"""Episodes of each environment after which the simulation checks whether they repeat themselves."""


@dataclass(frozen=True)
class RolloutPrediction:
    """The times of a simulated rollout."""

    seconds: float
    policy_steps: int
    """Policy steps of all environments."""
    env_busy: float
    """Seconds in which an env process steps or resets, mean over them."""
    rollout_busy: float
    """Seconds in which a rollout process acts, mean over them."""


def simulate(
    times: StageTimes, amounts: Amounts, placement: Placement, *, stages: int = 1, cores_per_node: float | None = None
) -> RolloutPrediction:
    """Simulate one rollout.

    Where all episodes are equally long, only one of several symmetric groups of processes is simulated, see
    `vla_trainer.planner.symmetry`, and only as many episodes of each environment as it takes until they repeat
    themselves.

    Args:
        times: of the stages.
        amounts: what is collected.
        placement: of `env` and `rollout`.
        stages: `rollout.pipeline_stage_num`.
        cores_per_node: that the processes of a machine share; None: there are always enough.

    Raises:
        PlacementError: a component is not placed, or numbers do not divide.
    """
    check_environments(placement, amounts.num_envs, stages)
    cores = inf if cores_per_node is None else cores_per_node
    rounds, left = divmod(amounts.episodes or 0, amounts.num_envs)
    if left or (amounts.episodes is None and times.env_reset != Line()) or len(set(amounts.episode_lengths)) > 1:
        return _Rollout(times, amounts, whole(placement), stages, cores).run()
    part = part_of(placement)
    part_amounts = replace(amounts, num_envs=amounts.num_envs // part.copies)

    def run(rounds: int) -> RolloutPrediction:
        episodes = rounds * part_amounts.num_envs if rounds else None
        found = _Rollout(times, replace(part_amounts, episodes=episodes), part, stages, cores).run()
        return replace(found, policy_steps=found.policy_steps * part.copies)

    if rounds <= ROUNDS:
        return run(rounds)
    last = [run(number) for number in (ROUNDS - 2, ROUNDS - 1, ROUNDS)]
    return _extrapolated(last, rounds) or run(rounds)


def _extrapolated(last: Sequence[RolloutPrediction], rounds: int) -> RolloutPrediction | None:
    """Extrapolate rollouts of one more round each to `rounds` rounds; None: rounds do not repeat themselves."""
    values = [(sim.seconds, sim.policy_steps, sim.env_busy, sim.rollout_busy) for sim in last]
    before, step = ([b - a for a, b in zip(*pair, strict=True)] for pair in (values[:2], values[1:]))
    if any(abs(b - a) > 1e-9 * values[2][0] for a, b in zip(before, step, strict=True)):
        return None
    more = rounds - ROUNDS
    seconds, policy_steps, env_busy, rollout_busy = (
        value + more * change for value, change in zip(values[2], step, strict=True)
    )
    return RolloutPrediction(seconds, round(policy_steps), env_busy, rollout_busy)


class _PipelineStage:
    """Environments that step together; an episode that begins at step s and has n policy steps ends at step s + n."""

    def __init__(self, envs_per_stage: int, parts: int) -> None:
        self.envs_per_stage = envs_per_stage
        self.free = list(range(envs_per_stage))
        self.active = [0] * parts
        """Running episodes in the environments that each rollout process acts for."""
        self.fresh = True
        self._ending: dict[int, list[int]] = {}
        self._steps = 0
        self._envs_per_part = envs_per_stage // parts
        self.stepping: Job | None = None

    def begin(self, policy_steps: int) -> None:
        """Begin an episode in the first free environment."""
        env_index = self.free.pop(0)
        self.active[env_index // self._envs_per_part] += 1
        self._ending.setdefault(self._steps + policy_steps, []).append(env_index)

    def step(self) -> None:
        """End a step, and with it the episodes that had one policy step left."""
        self._steps += 1
        ended = self._ending.pop(self._steps, [])
        for env_index in ended:
            self.active[env_index // self._envs_per_part] -= 1
        if ended:
            self.free = sorted(self.free + ended)


class _Rollout:
    def __init__(self, times: StageTimes, amounts: Amounts, part: Part, stages: int, cores_per_node: float) -> None:
        env, rollout = part.placement["env"].processes, part.placement["rollout"].processes
        self._times, self._amounts, self._stages, self._env = times, amounts, stages, env
        self._rollout_ranks = [part.placement.rollout_ranks(e) for e in range(len(env))]
        self._timeline, self._messages = Timeline(), Busy()
        # as all groups on a machine want cores at the same times, each has an equal share of them
        self._nodes = [Clock(cores_per_node / groups) for groups in part.sharing]
        self._threads = amounts.workers or cores_per_node
        self._queues = self._make_queues(rollout)
        self._act_cores = [0.0 if process.gpus else times.act_cores for process in rollout]
        self._rollout_busy = [Busy() for _ in rollout]
        self._env_busy = [self._env_busy_of(process, rollout) for process in env]
        self._rendering: Counter[Clock] = Counter()
        """Env processes that render on the GPUs of a clock."""
        self._policy_steps = 0
        self._envs_per_stage = amounts.num_envs // len(env) // stages
        self._parts = max(len(rollout) // len(env), 1)
        self._episodes = self._make_episodes()

    def run(self) -> RolloutPrediction:
        seconds = self._timeline.run(self._process(e) for e in range(len(self._env)))
        return RolloutPrediction(
            seconds,
            self._policy_steps,
            sum(busy.seconds for busy in self._env_busy) / len(self._env_busy),
            sum(busy.seconds for busy in self._rollout_busy) / len(self._rollout_busy),
        )

    def _make_queues(self, rollout: tuple[Process, ...]) -> list[Queue]:
        """Return a queue for each rollout process; processes with a GPU in common share a queue."""
        queue_of: dict[tuple[int, int], Queue] = {}
        for process in rollout:
            gpus = [(process.node, gpu) for gpu in process.gpus]
            joined = {id(queue_of[gpu]) for gpu in gpus if gpu in queue_of}
            queue = Queue(Clock())
            queue_of |= {gpu: queue for gpu, known in queue_of.items() if id(known) in joined}
            queue_of |= dict.fromkeys(gpus, queue)
        return [
            queue_of[process.node, process.gpus[0]] if process.gpus else Queue(self._nodes[process.node])
            for process in rollout
        ]

    def _env_busy_of(self, process: Process, rollout: tuple[Process, ...]) -> Busy:
        """Count the busy time of an env process; while it steps, acting on its GPUs is slowed down as measured."""
        gpus = {(process.node, gpu) for gpu in process.gpus}
        clocks = {
            queue.clock
            for queue, other in zip(self._queues, rollout, strict=True)
            if gpus & {(other.node, gpu) for gpu in other.gpus}
        }
        if self._times.act_slowdown == 1.0 or not clocks:
            return Busy()
        return Busy(partial(self._renders, clocks))

    def _renders(self, clocks: set[Clock], begins: bool) -> None:
        for clock in clocks:
            self._rendering[clock] += 1 if begins else -1
            self._timeline.slow_down(clock, self._times.act_slowdown if self._rendering[clock] else 1.0)

    def _make_episodes(self) -> Iterator[int]:
        """Return the policy steps of the episodes that begin, in their order."""
        amounts = self._amounts
        if amounts.episodes is not None:
            return iter(amounts.lengths(amounts.episodes))
        assert amounts.horizon is not None
        endless = amounts.horizon + 1
        # no environment begins more episodes than it takes policy steps
        count = amounts.num_envs * endless if amounts.episode_lengths else 0
        lengths = amounts.lengths(count) if count else [endless] * amounts.num_envs
        if count:
            # episodes go on from the iteration before: environment n is at n / N of its first one
            num_envs = amounts.num_envs
            lengths[:num_envs] = [ceil(lengths[n] * (num_envs - n) / num_envs) for n in range(num_envs)]
        return iter(lengths)

    def _process(self, e: int) -> timeline.Process:
        """Run an env process."""
        pipeline = [_PipelineStage(self._envs_per_stage, self._parts) for _ in range(self._stages)]
        for stage in pipeline:
            yield from self._fill(e, stage)
        if self._amounts.horizon is None:
            while any(stage.stepping is not None or any(stage.active) for stage in pipeline):
                for stage in pipeline:
                    yield from self._finish(e, stage)
                    yield from self._launch(e, stage)
            return
        for _ in range(self._amounts.horizon):
            for stage in pipeline:
                yield from self._finish(e, stage)
                yield from self._launch(e, stage)
        for stage in pipeline:
            yield from self._finish(e, stage)
        for stage in pipeline:
            yield from self._act(e, stage)  # the values of the last observations

    def _fill(self, e: int, stage: _PipelineStage) -> timeline.Process:
        """Begin the next episodes in the environments that are free."""
        begun = 0
        while stage.free:
            policy_steps = next(self._episodes, None)
            if policy_steps is None:
                break
            stage.begin(policy_steps)
            begun += 1
        if begun and self._times.episode:
            yield self._message(e, begun * self._times.episode)
        if begun and stage.fresh:
            stage.fresh = False
            # every environment is reset before its first episode; those of a horizon go on with the one before
            begun = stage.envs_per_stage if self._amounts.horizon is None else 0
        if begun:
            yield self._on_cores(e, self._times.env_reset, begun)

    def _launch(self, e: int, stage: _PipelineStage) -> timeline.Process:
        """Act on a stage's running episodes and start their step."""
        yield from self._fill(e, stage)
        if any(stage.active):
            yield from self._act(e, stage)
            stage.stepping = self._on_cores(e, self._times.env_step, sum(stage.active), self._times.env_serial)

    def _finish(self, e: int, stage: _PipelineStage) -> timeline.Process:
        """End the step of a stage, if it runs one, and begin the next episodes."""
        if stage.stepping is None:
            return
        yield stage.stepping
        stage.stepping = None
        self._policy_steps += sum(stage.active)
        stage.step()
        yield from self._fill(e, stage)

    def _act(self, e: int, stage: _PipelineStage) -> timeline.Process:
        ranks = self._rollout_ranks[e]
        if (request := self._times.request) != Line():
            yield self._message(e, sum(request.seconds(rows) for rows in stage.active if rows))
        yield from [
            self._timeline.ask(
                self._queues[r], self._times.act.seconds(rows), self._act_cores[r], self._rollout_busy[r]
            )
            for r, rows in zip(ranks, stage.active, strict=True)
            if rows
        ]

    def _on_cores(self, e: int, line: Line, n: int, serial: float = 0.0) -> Job:
        """Start a job of env process e on n environments; a share of it, `serial`, on one thread."""
        threads = min(self._threads, n)
        clock = self._nodes[self._env[e].node]
        alone = line.each * n * serial
        seconds = alone + line.seconds(n * (1 - serial) / threads)
        cores = threads - (threads - 1) * alone / seconds if alone else threads  # mean over the time
        return self._timeline.start(clock, seconds, cores, self._env_busy[e])

    def _message(self, e: int, seconds: float) -> Job:
        """Let env process e wait for messages, which keep one core of its machine busy."""
        return self._timeline.start(self._nodes[self._env[e].node], seconds, 1.0, self._messages)
