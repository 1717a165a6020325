"""Which episodes of a collection are recorded, and their images while they run.

Axes: N environments.
"""

from dataclasses import dataclass, replace
from typing import Any

from gymnasium.vector import VectorEnv

from vla_trainer.protocols import Observation
from vla_trainer.types import Episode, Frame, Video, VideoRequest
from vla_trainer.video import frame_of


@dataclass
class _Shot:
    frames: list[Frame]
    however_it_ends: bool


class VideoRecorder:
    """Record the next episodes that begin, never more at a time than are still wanted.

    The first that begin are kept however they end, so that two evaluations show the same initial states. Of the others
    only failures are: one that succeeds is forgotten, and the next one that begins is recorded in its place. Memory
    stays at the images of as many episodes as were asked for.
    """

    def __init__(self) -> None:
        self._wanted: VideoRequest | None = None
        self._shots: dict[int, _Shot] = {}
        """By the key of a running episode."""
        self._videos: list[Video] = []

    def ask(self, request: VideoRequest | None) -> None:
        """Record as `request` says from now on; what is being recorded goes on. None changes nothing."""
        if request is not None:
            self._wanted = request

    def take_videos(self) -> list[Video]:
        """What was finished since the last call."""
        videos, self._videos = self._videos, []
        return videos

    def begins(self, key: int, envs: VectorEnv, obs: Observation, n: int) -> None:
        """An episode has begun in environment `n`, shown by `obs`; `key` tells running episodes apart."""
        wanted = self._wanted
        if wanted is None or len(self._shots) >= wanted.episodes + wanted.failures:
            return
        first = frame_of(envs, obs, n, env_step=0, episode_return=0.0, success=None)
        if first is not None:
            promised = sum(shot.however_it_ends for shot in self._shots.values())
            self._shots[key] = _Shot([first], however_it_ends=promised < wanted.episodes)

    def acts(self, key: int, value: float | None) -> None:
        """The policy has looked at the latest image."""
        shot = self._shots.get(key)
        if shot is not None and value is not None:
            shot.frames[-1] = replace(shot.frames[-1], value=value)

    def steps(self, key: int, envs: VectorEnv, obs: Observation, n: int, **labels: Any) -> None:
        """A policy step was carried out; `said`: env_step, episode_return, success."""
        shot = self._shots.get(key)
        if shot is None:
            return
        frame = frame_of(envs, obs, n, **labels)
        if frame is None:
            return
        if self._wanted is not None and len(shot.frames) >= self._wanted.max_frames:
            shot.frames[-1] = frame  # the end is kept, so that it can be seen how it ended
        else:
            shot.frames.append(frame)

    def ends(self, key: int, episode: Episode) -> None:
        """An episode has ended."""
        shot, wanted = self._shots.pop(key, None), self._wanted
        if shot is None or wanted is None:
            return
        if shot.however_it_ends:
            self._wanted = replace(wanted, episodes=max(wanted.episodes - 1, 0))
        elif episode.success is False and wanted.failures > 0:
            self._wanted = replace(wanted, failures=wanted.failures - 1)
        else:
            return
        self._videos.append(Video(shot.frames, episode))
