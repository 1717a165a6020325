"""Which tasks training draws: each as often as the others, or those that fail more often."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from vla_trainer.config.schema import Config
from vla_trainer.errors import ConfigError
from vla_trainer.initial_states import SEEDS, sample_initial_state
from vla_trainer.rollout.env_spec import EnvSpec
from vla_trainer.rollout.saved_starts import SHARE, SavedStartSampler
from vla_trainer.rollout.state_priorities import StateSampler
from vla_trainer.types import Episode, InitialState

KEY = "rollout.task_sampling=prioritized"
STARTS_KEY = "rollout.starts=prioritized"
SAVED = "saved"
"""Where a checkpoint keeps the states in the middle of episodes."""
STATES = "states"
"""Where a checkpoint keeps what the initial states' weights follow from, beside the tasks' numbers."""
WINDOW = 64
"""Episodes of a task that its success rate is of."""
FLOOR = 0.2
"""The least weight of a task, which success does not take below this: what is mastered stays practised."""


class TaskSampler:
    """Draws where groups begin.

    "uniform" draws each start by itself. "prioritized" weighs a task by 1 - its success rate among the latest episodes
    (prioritized sampling, Kimi k1.5, arXiv:2501.12599, section 2.3), at least `FLOOR`, and gives each task its share of
    the groups, rounded up or down (systematic sampling), so that no iteration leaves a task out by chance that has a
    share of one group or more.
    """

    def __init__(
        self,
        available: Mapping[int, int] | None,
        sampling: str,
        starts: str = "uniform",
        saved: SavedStartSampler | None = None,
    ) -> None:
        """
        Args:
            available: see `starts.init_states`.
            sampling: "uniform" or "prioritized", of tasks.
            starts: "prioritized": a task's initial states are, too; see `StateSampler`.
            saved: begins a share of the groups in the middle of episodes.

        Raises:
            ConfigError: prioritized, and the environment chooses by seed: it has no tasks to sample.
        """
        self._available = available
        if starts == "prioritized" and available is None:
            raise ConfigError(f"{STARTS_KEY}: this environment does not list its initial states; allowed: uniform")
        self._states = StateSampler(available or {}) if starts == "prioritized" else None
        self._saved = saved
        self._prioritized = sampling == "prioritized"
        if self._prioritized and available is None:
            raise ConfigError(f"{KEY}: this environment does not list its tasks; allowed: uniform")
        self._recent: dict[int, deque[bool]] = {task: deque(maxlen=WINDOW) for task in available or ()}

    def weights(self) -> dict[int, float]:
        """Of each task: 1 - (s + 1) / (n + 2) after s successes in n episodes (Laplace's rule), at least `FLOOR`."""
        rates = {task: (sum(of) + 1) / (len(of) + 2) for task, of in self._recent.items()}
        return {task: max(1.0 - rate, FLOOR) for task, rate in rates.items()}

    def draw(self, rng: np.random.Generator, groups: int, reserve: int) -> list[InitialState]:
        """Starts of `groups` groups, and then of `reserve` further ones."""
        if not self._prioritized:
            return [
                self._among_states(rng, sample_initial_state(rng, self._available)) for _ in range(groups + reserve)
            ]
        return [initial_state for count in (groups, reserve) for initial_state in self._shares(rng, count)]

    def _shares(self, rng: np.random.Generator, count: int) -> list[InitialState]:
        """`count` starts; a task has its share of them."""
        assert self._available is not None
        weights = self.weights()
        ends = np.cumsum(list(weights.values())) / sum(weights.values())
        picks = np.searchsorted(ends, (np.arange(count) + rng.random()) / max(count, 1), side="right")
        tasks = [list(weights)[min(pick, len(weights) - 1)] for pick in picks]
        return [
            self._among_states(
                rng, InitialState(int(rng.integers(SEEDS)), task, int(rng.integers(self._available[task])))
            )
            for task in (tasks[i] for i in rng.permutation(count))
        ]

    def _among_states(self, rng: np.random.Generator, sampled: InitialState) -> InitialState:
        """Draw the state of its task once more, by priority or among those of earlier episodes."""
        if self._saved is not None:
            return self._saved.draw(rng, sampled)
        if self._states is None:
            return sampled
        assert sampled.task is not None
        return replace(sampled, init_state=self._states.draw(rng, sampled.task))

    def note(self, episodes: Mapping[int, Episode]) -> None:
        """Remember how the episodes of a rollout ended, in the order of their numbers.

        Raises:
            ConfigError: prioritized, and the environment does not say whether an episode succeeded.
        """
        if self._saved is not None:
            self._saved.note(episodes)
        if not self._prioritized and self._states is None:
            return
        for number in sorted(episodes):
            episode = episodes[number]
            if episode.initial_state.saved is not None:
                continue  # says nothing of how hard the task is from its start
            assert episode.initial_state.task is not None
            if episode.success is None:
                key = KEY if self._prioritized else STARTS_KEY
                raise ConfigError(f"{key}: this environment does not report success; allowed: uniform")
            self._recent[episode.initial_state.task].append(episode.success)
        if self._states is not None:
            self._states.note(episodes.values())

    def state(self) -> dict[Any, Any]:
        """What a checkpoint keeps."""
        kept: dict[Any, Any] = {task: list(of) for task, of in self._recent.items()}
        if self._saved is not None:
            kept[SAVED] = self._saved.state()
        return kept if self._states is None else {**kept, STATES: self._states.state()}

    def metrics(self) -> dict[str, float]:
        """Return `rollout/*` of where episodes begin; nothing where none begins in the middle of one."""
        return {} if self._saved is None else self._saved.metrics()

    def restore(self, state: Mapping[Any, Any]) -> None:
        """Go on from a `state`."""
        if self._states is not None and STATES in state:
            self._states.restore(state[STATES])
        if self._saved is not None and SAVED in state:
            self._saved.restore(state[SAVED])
        for task, of in state.items():
            if task in self._recent:
                self._recent[task] = deque(of, maxlen=WINDOW)


def task_sampler(config: Config, env_spec: EnvSpec) -> TaskSampler:
    """Return what draws the starts of a run.

    Raises:
        ConfigError: `rollout.task_sampling` or `rollout.starts` asks for what the environment does not have.
    """
    rollout, saved = config.rollout, None
    if rollout.starts == "curriculum" or rollout.starts == "branching":
        share = rollout.saved_start_share or SHARE
        saved = SavedStartSampler(rollout.starts, share, saves_states=env_spec.saves_states)
    return TaskSampler(env_spec.init_states, rollout.task_sampling, rollout.starts, saved)
