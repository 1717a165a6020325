"""Run a policy in a vector environment and write down what happened.

    starts --reset--> observation --policy.act--> action --envs.step--> reward, terminated, truncated, next observation
                          ^                                                      |
                          '------- next start, where an episode has ended <------'

Axes: T decisions, N environments, K tokens a decision, B = decisions taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from vla_trainer.errors import PolicyError
from vla_trainer.interfaces import ActOutput, Observation, Policy
from vla_trainer.records import Episode, Frame, Rollout, Start
from vla_trainer.rollout.envs import info_of, neutral_action, success_of, take
from vla_trainer.video import frame_of


@dataclass
class _Running:
    """An episode that has begun in one environment and not ended."""

    start: Start
    number: int
    actions: list[NDArray[np.floating]] = field(default_factory=list)
    episode_return: float = 0.0
    env_steps: int = 0
    film: list[Frame] | None = None


class _Steps:
    """The rows of a rollout while it grows."""

    def __init__(self) -> None:
        self.outputs: list[ActOutput] = []
        self.grid: dict[str, list[NDArray]] = {}
        self.episodes: dict[int, Episode] = {}
        self.env_steps = 0
        self.decisions_stepped = 0
        self.film: list[Frame] | None = None

    def add(self, **rows: NDArray) -> None:
        """One decision: arrays (N,) by name."""
        for name, row in rows.items():
            self.grid.setdefault(name, []).append(row)

    def rollout(self) -> Rollout:
        grid = {name: np.stack(rows) for name, rows in self.grid.items()}
        outputs = self.outputs
        inputs = {
            key: torch.cat([out.inputs[key] for out in outputs]) for key in (outputs[0].inputs if outputs else {})
        }
        return Rollout(
            inputs=inputs,
            tokens=torch.cat([out.tokens.cpu() for out in outputs]) if outputs else torch.empty(0),
            log_probs=torch.cat([out.log_probs.float().cpu() for out in outputs]) if outputs else torch.empty(0),
            values=grid.pop("values", None),
            next_values=grid.pop("next_values", None),
            episodes=self.episodes,
            env_steps=self.env_steps,
            decisions_stepped=self.decisions_stepped,
            film=self.film,
            **grid,  # mask, episode, rewards, terminated, truncated
        )


class Collector:
    """Steps N environments with a policy.

    The policy looks only at environments whose episode is running. An environment for which no start is left waits;
    where the environment cannot stand still by itself, it is reset and given neutral actions that no one records.
    """

    def __init__(
        self,
        envs: VectorEnv,
        policy: Policy,
        *,
        generator: torch.Generator | None,
        temperature: float = 1.0,
        deterministic: bool = False,
        record: bool = True,
    ) -> None:
        """
        Args:
            envs: with `AutoresetMode.DISABLED`, see `make_envs`.
            policy: what acts.
            generator: where samples come from.
            temperature: of the samples.
            deterministic: take the most probable action.
            record: keep inputs, tokens and log-probabilities, which an update needs and an evaluation does not.
        """
        self.envs = envs
        self.policy = policy
        self.film_next = False
        """Film the next episode that begins; the rollout in which it ends carries the film."""
        self._generator = generator
        self._temperature = temperature
        self._deterministic = deterministic
        self._record = record
        self._obs: Observation = None
        self._running: list[_Running | None] = [None] * envs.num_envs
        self._neutral = neutral_action(envs)
        self._done = np.zeros(envs.num_envs, dtype=bool)
        self._parking = Start(0)
        # Gymnasium's own refuse to step an environment that is done; others in this mode let it stand still
        self._waits = not isinstance(envs.unwrapped, SyncVectorEnv | AsyncVectorEnv)

    def horizon(self, decisions: int, starts: Iterator[Start]) -> Rollout:
        """T decisions of each environment. Episodes go on where the last call left them; `starts` gives the next ones.

        Raises:
            PolicyError: the policy has no values, which `next_values` needs.
        """
        steps = _Steps()
        numbers = count()
        for running in self._running:
            if running is not None:
                running.number = next(numbers)
        if self._obs is None:
            self._begin({n: (next(starts), next(numbers)) for n in range(self.envs.num_envs)})
        for _ in range(decisions):
            ended = self._decide(steps, bootstrap=True)
            if len(ended):
                self._begin({int(n): (next(starts), next(numbers)) for n in ended})
        self._fill_next_values(steps)
        return steps.rollout()

    def episodes(self, starts: Sequence[Start]) -> Rollout:
        """One episode from each start; numbers of episodes in the rollout are indices into `starts`."""
        steps = _Steps()
        queue = iter(enumerate(starts))
        self._running = [None] * self.envs.num_envs
        self._obs = None
        self._begin({n: (start, number) for n, (number, start) in zip(range(self.envs.num_envs), queue, strict=False)})
        while any(self._running):
            ended = self._decide(steps, bootstrap=False)
            following = zip(ended, queue, strict=False)
            # zip takes from `ended` first, so that no start is lost
            self._begin({int(n): (start, number) for n, (number, start) in following})
        return steps.rollout()

    def snapshot(self) -> list[dict[str, Any]]:
        """The running episodes in plain types: where each began and what was done in it since."""
        return [
            {}
            if running is None
            else {
                "start": asdict(running.start),
                "actions": [torch.from_numpy(action) for action in running.actions],
                "episode_return": running.episode_return,
                "env_steps": running.env_steps,
            }
            for running in self._running
        ]

    def replay(self, snapshot: Sequence[Mapping[str, Any]]) -> None:
        """Bring the environments to where `snapshot` was taken, by the same actions from the same starts."""
        told = {
            n: _Running(
                Start(**one["start"]),
                n,
                [action.numpy() for action in one["actions"]],
                one["episode_return"],
                one["env_steps"],
            )
            for n, one in enumerate(snapshot)
            if one
        }
        self._running, self._obs = [None] * self.envs.num_envs, None
        # the longest episode begins first, so that all arrive at the present together
        for left in range(max((len(running.actions) for running in told.values()), default=-1), -1, -1):
            self._begin({n: (one.start, n) for n, one in told.items() if len(one.actions) == left})
            if left > 0:
                self._step({n: one.actions[-left] for n, one in told.items() if len(one.actions) >= left})
        for n, one in told.items():
            self._running[n] = one

    def _begin(self, begin: Mapping[int, tuple[Start, int]]) -> None:
        """Reset some environments to their next start, and those that have to be kept alive while they wait."""
        starts = {n: start for n, (start, _) in begin.items()}
        for n, (start, number) in begin.items():
            self._running[n] = _Running(start, number)
            self._parking = start
        waiting = [n for n, running in enumerate(self._running) if running is None]
        if self._obs is None:
            starts |= dict.fromkeys(waiting, self._parking)
        elif not self._waits:
            starts |= {n: self._parking for n in waiting if self._done[n]}
        if starts:
            mask = np.zeros(self.envs.num_envs, dtype=bool)
            mask[list(starts)] = True
            every = [starts.get(n, self._parking) for n in range(self.envs.num_envs)]
            options: dict[str, Any] = {"reset_mask": mask}
            if self._parking.task is not None:
                options |= {"task": np.array([start.task for start in every])}
            if self._parking.init_state is not None:
                options |= {"init_state": np.array([start.init_state for start in every])}
            seeds: Any = [start.seed for start in every]  # a list, which Gymnasium's signature does not mention
            self._obs, _ = self.envs.reset(seed=seeds, options=options)
        if self.film_next and begin:
            n = min(begin)
            first = frame_of(self.envs, self._obs, n, env_step=0, episode_return=0.0, success=None)
            self._running[n].film = None if first is None else [first]  # type: ignore[union-attr]
            self.film_next = False

    def _decide(self, steps: _Steps, *, bootstrap: bool) -> NDArray[np.intp]:
        """One decision of every running episode; returns the environments whose episode ended."""
        num_envs = self.envs.num_envs
        active = np.array([n for n, running in enumerate(self._running) if running is not None])
        mask = np.zeros(num_envs, dtype=bool)
        mask[active] = True
        out = self._act(active)
        chosen = np.asarray(out.actions, dtype=self._neutral.dtype).reshape(len(active), *self._neutral.shape)
        rewards, terminated, truncated, infos = self._step(dict(zip(active, chosen, strict=True)))
        steps.decisions_stepped += len(active) if self._waits else num_envs

        ended = []
        for row, n in enumerate(active):
            running = self._running[n]
            assert running is not None
            running.actions.append(chosen[row])
            running.episode_return += float(rewards[n])
            length = int(info_of(infos, "chunk_length", n) or 1)
            running.env_steps += length
            steps.env_steps += length
            self._film(running, n, success_of(infos, n))
            if self._done[n]:
                ended.append(n)
                steps.episodes[running.number] = Episode(
                    start=running.start,
                    episode_return=running.episode_return,
                    decisions=len(running.actions),
                    env_steps=running.env_steps,
                    terminated=bool(terminated[n]),
                    success=success_of(infos, n),
                    task_id=info_of(infos, "task_id", n),
                    task_name=info_of(infos, "task_name", n),
                    init_state_id=info_of(infos, "init_state_id", n),
                )
                steps.film = steps.film or running.film
        if self._record:
            steps.outputs.append(out)
        numbers = [-1 if running is None else running.number for running in self._running]
        steps.add(
            mask=mask,
            episode=np.array(numbers),
            rewards=np.where(mask, rewards, 0.0),
            terminated=terminated & mask,
            truncated=truncated & mask,
        )
        if bootstrap:
            values = np.zeros(num_envs)
            values[active] = self._values(out)
            next_values = np.full(num_envs, np.nan)
            next_values[terminated] = 0.0
            # a truncated episode bootstraps from its own final observation, which is here now and gone after the reset
            cut = np.flatnonzero(truncated & ~terminated & mask)
            if len(cut):
                next_values[cut] = self._values(self._act(cut, deterministic=True))
            steps.add(values=values, next_values=next_values)
        for n in ended:
            self._running[n] = None
        return np.array(ended, dtype=np.intp)

    def _step(
        self, actions: Mapping[int, NDArray[Any]]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Step all environments, those without an action neutrally; rewards, terminated, truncated (N,) and infos."""
        every = np.stack([actions.get(n, self._neutral) for n in range(self.envs.num_envs)])
        self._obs, rewards, terminated, truncated, infos = self.envs.step(every)
        self._done = terminated | truncated
        return rewards, terminated, truncated, infos

    def _fill_next_values(self, steps: _Steps) -> None:
        """V(s'_t) where an episode went on: the value of the next row, and of the present observation for the last."""
        values, next_values = steps.grid["values"], steps.grid["next_values"]
        alive = np.flatnonzero(np.isnan(next_values[-1]))
        if len(alive):
            next_values[-1][alive] = self._values(self._act(alive, deterministic=True))
        for t in range(len(values) - 1):
            next_values[t] = np.where(np.isnan(next_values[t]), values[t + 1], next_values[t])

    def _act(self, rows: NDArray[np.intp], deterministic: bool | None = None) -> ActOutput:
        with torch.no_grad():
            return self.policy.act(
                take(self._obs, rows),
                deterministic=self._deterministic if deterministic is None else deterministic,
                temperature=self._temperature,
                generator=self._generator,
            )

    def _values(self, out: ActOutput) -> NDArray[np.float64]:
        if out.values is None:
            raise PolicyError("the policy returns no values; ppo needs a value head (grpo does not)")
        return out.values.double().cpu().numpy()

    def _film(self, running: _Running, n: int, success: bool | None) -> None:
        if running.film is not None:
            frame = frame_of(
                self.envs,
                self._obs,
                n,
                env_step=running.env_steps,
                episode_return=running.episode_return,
                success=success,
            )
            if frame is not None:
                running.film.append(frame)
