"""Which episodes of a collection are filmed, and their pictures while they run.

Axes: N environments.
"""

from dataclasses import dataclass, replace
from typing import Any

from gymnasium.vector import VectorEnv

from vla_trainer.interfaces import Observation
from vla_trainer.records import Episode, Film, FilmRequest, Frame
from vla_trainer.video import frame_of


@dataclass
class _Shot:
    frames: list[Frame]


class Camera:
    """Films the next episodes that begin, never more at a time than are still wanted.

    With `failures` an episode that succeeds is forgotten, and the next one that begins is filmed in its place: memory
    stays at the pictures of as many episodes as were asked for.
    """

    def __init__(self) -> None:
        self._wanted: FilmRequest | None = None
        self._shots: dict[int, _Shot] = {}
        """By the key of a running episode."""
        self._films: list[Film] = []

    def ask(self, request: FilmRequest | None) -> None:
        """Film as `request` says from now on; what is being filmed goes on. None changes nothing."""
        if request is not None:
            self._wanted = request

    def take_films(self) -> list[Film]:
        """What was finished since the last call; as soon as all that was asked for is there, filming ends."""
        films, self._films = self._films, []
        if self._wanted is not None:
            left = self._wanted.episodes - len(films)
            self._wanted = replace(self._wanted, episodes=left) if left > 0 else None
        return films

    def begins(self, key: int, envs: VectorEnv, obs: Observation, n: int) -> None:
        """An episode has begun in environment `n`, shown by `obs`; `key` tells running episodes apart."""
        wanted = self._wanted
        if wanted is None or len(self._shots) + len(self._films) >= wanted.episodes:
            return
        first = frame_of(envs, obs, n, env_step=0, episode_return=0.0, success=None)
        if first is not None:
            self._shots[key] = _Shot([first])

    def acts(self, key: int, value: float | None) -> None:
        """The policy has looked at the latest picture."""
        shot = self._shots.get(key)
        if shot is not None and value is not None:
            shot.frames[-1] = replace(shot.frames[-1], value=value)

    def steps(self, key: int, envs: VectorEnv, obs: Observation, n: int, **said: Any) -> None:
        """A decision was carried out; `said`: env_step, episode_return, success."""
        shot = self._shots.get(key)
        if shot is None:
            return
        frame = frame_of(envs, obs, n, **said)
        if frame is None:
            return
        if self._wanted is not None and len(shot.frames) >= self._wanted.max_frames:
            shot.frames[-1] = frame  # the end is kept, so that it can be seen how it ended
        else:
            shot.frames.append(frame)

    def ends(self, key: int, episode: Episode) -> None:
        """An episode has ended."""
        shot = self._shots.pop(key, None)
        if shot is None or (self._wanted is not None and self._wanted.failures and episode.success is not False):
            return
        self._films.append(Film(shot.frames, episode))
