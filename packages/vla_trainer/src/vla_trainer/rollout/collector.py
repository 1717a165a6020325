"""Run a policy in vector environments and write down what happened.

    starts --reset--> observation --policy.act--> action --step--> reward, terminated, truncated, next observation
                          ^                                                  |
                          '------ next start, where an episode has ended <---'

With two stages, each with half of the environments, one steps while the policy looks at the other:

    stage 0    | act |      step      | act |      step      |
    stage 1          | act |      step      | act |      step

Stages take turns in a fixed order, so that what is sampled does not depend on which of them is quicker.

Axes: T policy steps, N environments, K tokens a policy step, C actions a chunk, B = policy steps taken.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from vla_trainer.algorithms.queues import EpisodeQueue, ListQueue
from vla_trainer.errors import PolicyError
from vla_trainer.protocols import ActOutput
from vla_trainer.rollout.envs import info_of, success_of, take
from vla_trainer.rollout.finite import check_observations, check_output, check_rewards, check_states
from vla_trainer.rollout.recording import EpisodeRecorder, Steps, join
from vla_trainer.rollout.replay import replay, snapshot_of
from vla_trainer.rollout.sampling import Sampler
from vla_trainer.rollout.stage import Running, Stage
from vla_trainer.rollout.video_recorder import VideoRecorder
from vla_trainer.types import Episode, EpisodeSpec, EpisodeSteps, InitialState, Rollout, VideoRequest

OnEpisodeSteps = Callable[[int, EpisodeSteps], None]
"""Takes an episode's number and its policy steps."""


@dataclass
class _StageCollection:
    """A stage within one collection."""

    stage: Stage
    steps: Steps
    pending: tuple[NDArray[np.intp], ActOutput, NDArray[Any]] | None = None
    """Of the step under way: its environments, the policy's output for them, and the actions (active, ...)."""
    states: NDArray[np.float32] | None = None
    """(N, P), of the observation that the step began with."""


class Collector:
    """Steps environments with a policy. The policy looks only at environments whose episode is running.

    What is not finite is refused where it enters, in `horizon` and `episodes`:

    Raises:
        EnvError: a reward, or an observation that the policy is shown, is not finite.
        PolicyNumbersError, TrainingDivergedError: an action, log-probability or value is not; the latter where the
            policy's weights have been updated.
    """

    def __init__(
        self,
        envs: VectorEnv | Sequence[VectorEnv],
        sampler: Sampler,
        *,
        record: bool = True,
        first_env_indices: Sequence[int] | None = None,
        critic_key: str | None = None,
        save_states: bool = False,
    ) -> None:
        """
        Args:
            envs: with `AutoresetMode.DISABLED`, see `make_envs`; several are the stages of a pipeline.
            sampler: what acts.
            record: keep inputs, tokens and log-probabilities, which an update needs and an evaluation does not.
            critic_key: of an observation that `sampler` is not given, and the rollout keeps for the critic.
            first_env_indices: where each stage's environments stand in the run's grid, if there are others; None: one
                stage after the other.
            save_states: episodes keep the environment's state after each policy step, from which others can begin.
        """
        stages = [envs] if isinstance(envs, VectorEnv) else list(envs)
        firsts = first_env_indices or accumulate((stage.num_envs for stage in stages), initial=0)
        self._stages = [
            Stage(stage, first, background=len(stages) > 1) for stage, first in zip(stages, firsts, strict=False)
        ]
        self._sampler = sampler
        self._record, self._critic_key = record, critic_key
        self._save_states = save_states
        self._videos = VideoRecorder()

    def video(self, request: VideoRequest | None) -> None:
        """Record the next episodes that begin; the rollouts in which they end carry them."""
        self._videos.ask(request)

    def horizon(self, policy_steps: int, queue: EpisodeQueue) -> Rollout:
        """T policy steps of each environment. Episodes go on where the last call left them, with their column's number
        in the run's grid as theirs; `queue` gives the next ones.

        Raises:
            PolicyError: the policy has no values, which `next_values` needs where there is no other critic.
        """
        for stage in self._stages:
            for n, running in enumerate(stage.running):
                if running is not None:
                    running.number = stage.first + n
        collection = _Collection(self, queue, bootstrap=self._critic_key is None)
        collection.begin()
        for _ in range(policy_steps):
            for part in collection.parts:
                collection.finish(part)
                collection.launch(part)
        for part in collection.parts:
            collection.finish(part)
        return collection.rollout()

    def episodes(
        self, initial_states: Sequence[InitialState] | EpisodeQueue, on_episode_steps: OnEpisodeSteps | None = None
    ) -> Rollout:
        """One episode from each start; of a list, numbers of episodes in the rollout are indices into it.

        `on_episode_steps` gets each episode's policy steps when it ends, before `queue.finished`.
        """
        queue = ListQueue(initial_states) if isinstance(initial_states, Sequence) else initial_states
        for stage in self._stages:
            stage.forget()
        collection = _Collection(self, queue, bootstrap=False, on_episode_steps=on_episode_steps)
        collection.begin()
        while collection.busy():
            for part in collection.parts:
                collection.finish(part)
                collection.launch(part)
        return collection.rollout(queue.resampled)

    def snapshot(self) -> list[dict[str, Any]]:
        """The running episodes in plain types, stage by stage: where each began and what was done in it since."""
        return [{} if running is None else snapshot_of(running) for stage in self._stages for running in stage.running]

    def replay(self, snapshot: Sequence[Mapping[str, Any]]) -> None:
        """Bring the environments to where `snapshot` was taken, by the same actions from the same starts."""
        rows = iter(snapshot)
        for stage in self._stages:
            replay(stage, [next(rows) for _ in range(stage.num_envs)])

    def close(self) -> None:
        """End the threads of a pipeline; the environments are the caller's."""
        for stage in self._stages:
            stage.close()

    def states(self, stage: Stage) -> NDArray[np.float32] | None:
        """What the critic alone is given of a stage's environments, (N, P); None where that is nothing.

        Raises:
            EnvError: it is not finite where an episode runs.
        """
        if self._critic_key is None or not self._record:
            return None
        assert isinstance(stage.obs, Mapping)
        states = np.array(stage.obs[self._critic_key], dtype=np.float32).reshape(stage.num_envs, -1)
        check_states(stage, self._critic_key, states)
        return states

    def act(self, stage: Stage, rows: NDArray[np.intp], *, sample: bool = True) -> ActOutput:
        """What the policy gives for some environments of a stage, in which episodes run if it is to sample."""
        seeds = [_policy_step_seed(stage.running[n]) for n in rows] if sample else None
        shown = stage.obs
        if self._critic_key is not None and isinstance(shown, Mapping):
            shown = {key: value for key, value in shown.items() if key != self._critic_key}
        obs = take(shown, rows)
        check_observations(stage, rows, obs)
        out = self._sampler.act(obs, seeds)
        check_output(stage, rows, out, self._sampler.version, sampled=sample and self._record)
        return out


class _Collection:
    """One call of `horizon` or `episodes`."""

    def __init__(
        self,
        collector: Collector,
        queue: EpisodeQueue,
        *,
        bootstrap: bool,
        on_episode_steps: OnEpisodeSteps | None = None,
    ) -> None:
        self._collector = collector
        self._on_episode_steps = on_episode_steps
        self._recorder = EpisodeRecorder()
        self._videos = collector._videos
        self._queue = queue
        self._bootstrap = bootstrap
        self._episodes: dict[int, Episode] = {}
        self._env_steps = 0
        self.parts = [_StageCollection(stage, Steps(stage.num_envs)) for stage in collector._stages]

    def begin(self) -> None:
        """Start episodes wherever none runs."""
        for part in self.parts:
            self._fill(part.stage)

    def busy(self) -> bool:
        """Whether an episode runs anywhere."""
        return any(part.pending is not None or len(part.stage.active) for part in self.parts)

    def launch(self, part: _StageCollection) -> None:
        """Let the policy act on a stage's running episodes and start their step."""
        stage = part.stage
        self._fill(stage)  # a group that was asked for meanwhile
        active = stage.active
        if not len(active):
            return
        out = self._collector.act(stage, active)
        chosen = np.asarray(out.actions, dtype=stage.neutral.dtype).reshape(len(active), *stage.neutral.shape)
        # a value head beside a critic of the trainer's own is never trained
        values = None if out.values is None or self._collector._critic_key is not None else out.values.tolist()
        for row, n in enumerate(active):
            self._videos.acts(stage.first + int(n), None if values is None else values[row])
        part.pending, part.states = (active, out, chosen), self._collector.states(stage)
        stage.launch(active, chosen)

    def finish(self, part: _StageCollection) -> None:
        """End the step of a stage, if one is under way, write it down and start what comes next."""
        if part.pending is None:
            return
        (active, out, chosen), part.pending = part.pending, None
        stage = part.stage
        rewards, terminated, truncated, infos = stage.wait()
        mask = np.zeros(stage.num_envs, dtype=bool)
        mask[active] = True
        lengths = np.zeros(stage.num_envs, dtype=np.int64)
        numbers = np.array([-1 if running is None else running.number for running in stage.running])
        for n in active:
            lengths[n] = int(info_of(infos, "chunk_length", n) or 1)
        action_rewards = _action_rewards(stage, rewards, lengths, infos)
        check_rewards(stage, active, rewards, action_rewards, lengths)
        for row, n in enumerate(active):
            self._count(stage, int(n), chosen[row], float(rewards[n]), int(lengths[n]), infos)
            if self._on_episode_steps is not None:
                self._recorder.add(int(numbers[n]), out, row, int(lengths[n]))
        ends = {"terminated": terminated & mask, "truncated": truncated & mask}
        part.steps.add(
            mask=mask,
            episode=numbers,
            rewards=np.where(mask, rewards, 0.0),
            action_rewards=action_rewards,
            lengths=lengths,
            version=np.where(mask, self._collector._sampler.version, 0),
            **ends,
            **({} if part.states is None else {"states": part.states, "next_states": self._next_states(stage)}),
            **(self._state_values(stage, active, out, **ends) if self._bootstrap else {}),
        )
        if self._collector._record:
            part.steps.add_output(out)
        if self._collector._save_states:
            stage.save_states()
        for n in active:
            if stage.is_done(n):
                self._end(stage, int(n), bool(terminated[n]), infos)
        self._fill(stage)

    def _next_states(self, stage: Stage) -> NDArray[np.float32]:
        states = self._collector.states(stage)
        assert states is not None
        return states

    def rollout(self, resampled_groups: int = 0) -> Rollout:
        """All that was written down."""
        if self._bootstrap:
            for part in self.parts:
                self._fill_next_values(part)
        videos = self._videos.take_videos()
        return join([part.steps for part in self.parts], self._episodes, self._env_steps, videos, resampled_groups)

    def _fill(self, stage: Stage) -> None:
        """Begin the next episodes in the environments that are free."""
        begin: dict[int, EpisodeSpec] = {}
        for n, running in enumerate(stage.running):
            if running is None:
                following = self._queue.take(stage.first + n)
                if following is None:
                    break
                begin[n] = following
        if begin or stage.obs is not None:
            stage.begin(begin)
        for n in begin:
            self._videos.begins(stage.first + int(n), stage.envs, stage.obs, n)

    def _count(
        self, stage: Stage, n: int, action: NDArray[Any], reward: float, length: int, infos: Mapping[str, Any]
    ) -> None:
        running = stage.running[n]
        assert running is not None
        running.actions.append(action)
        running.episode_return += reward
        running.env_steps += length
        self._env_steps += length
        labels = {
            "env_step": running.env_steps,
            "episode_return": running.episode_return,
            "success": success_of(infos, n),
        }
        self._videos.steps(stage.first + int(n), stage.envs, stage.obs, n, **labels)

    def _end(self, stage: Stage, n: int, terminated: bool, infos: Mapping[str, Any]) -> None:
        running = stage.running[n]
        assert running is not None
        stage.running[n] = None
        episode = Episode(
            initial_state=running.initial_state,
            episode_return=running.episode_return,
            policy_steps=len(running.actions),
            env_steps=running.env_steps,
            terminated=terminated,
            success=success_of(infos, n),
            task_id=info_of(infos, "task_id", n),
            task_name=info_of(infos, "task_name", n),
            init_state_id=info_of(infos, "init_state_id", n),
            group=running.group,
            variant=stage.variant_of(infos, n) or running.variant,
            saved_states=tuple(running.saved_states),
        )
        self._episodes[running.number] = episode
        self._videos.ends(stage.first + int(n), episode)
        if self._on_episode_steps is not None:
            self._on_episode_steps(running.number, self._recorder.end(running.number, stage.chunk))
        self._queue.finished(running.number, replace(episode, saved_states=()))

    def _state_values(
        self,
        stage: Stage,
        active: NDArray[np.intp],
        out: ActOutput,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> dict[str, NDArray[np.float64]]:
        """Rows (N,): V(s_t); and V(s'_t) where an episode ended, NaN where it goes on."""
        values = np.zeros(stage.num_envs)
        values[active] = _values(out)
        next_values = np.full(stage.num_envs, np.nan)
        next_values[terminated] = 0.0
        # a truncated episode bootstraps from its own final observation, which is here now and gone after the reset
        cut = np.flatnonzero(truncated & ~terminated)
        if len(cut):
            next_values[cut] = _values(self._collector.act(stage, cut, sample=False))
        return {"values": values, "next_values": next_values}

    def _fill_next_values(self, part: _StageCollection) -> None:
        """V(s'_t) where an episode went on: the value of the next row, and of the present observation for the last."""
        values, next_values = part.steps.rows["values"], part.steps.rows["next_values"]
        alive = np.flatnonzero(np.isnan(next_values[-1]))
        if len(alive):
            next_values[-1][alive] = _values(self._collector.act(part.stage, alive, sample=False))
        for t in range(len(values) - 1):
            next_values[t] = np.where(np.isnan(next_values[t]), values[t + 1], next_values[t])


def _policy_step_seed(running: Running | None) -> int:
    assert running is not None
    return running.seed + len(running.actions)


def _values(out: ActOutput) -> NDArray[np.float64]:
    if out.values is None:
        raise PolicyError("the policy returns no values; ppo needs a value head (grpo does not)")
    return out.values.double().cpu().numpy()


def _action_rewards(
    stage: Stage, rewards: NDArray[Any], lengths: NDArray[np.int64], infos: Mapping[str, Any]
) -> NDArray[np.float64]:
    """(N, C): `info["chunk_rewards"]`; where none are reported, a chunk's reward stands at its last action."""
    per_action = np.zeros((stage.num_envs, stage.chunk))
    for n in np.flatnonzero(lengths).tolist():
        reported = info_of(infos, "chunk_rewards", n)
        if reported is None:
            per_action[n, lengths[n] - 1] = rewards[n]
        else:
            per_action[n, : lengths[n]] = reported[: lengths[n]]
    return per_action
