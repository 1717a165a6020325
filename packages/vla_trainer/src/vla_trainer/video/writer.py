"""Encode videos in a thread: training never waits for a video and never fails because of one.

A thread costs the training about a tenth of a second for each video of a chunked episode, and needs neither a second
import of everything nor a copy of the images, as a process would.
"""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Full, Queue
from typing import Literal

from vla_trainer.config.schema import VideoConfig
from vla_trainer.types import Video
from vla_trainer.video.encode import write_videos

WAITING = 4
"""Calls of `write` whose videos may wait in memory."""
NICENESS = 10
"""Niceness of the thread, and of ffmpeg under it: encoding takes the time that training leaves."""


class VideoWriter:
    """Writes videos in a thread of its own, in order.

    Videos that come faster than they can be encoded are dropped and counted, with one warning. A failure (a full disk,
    no ffmpeg) is a warning of one line. A context manager that waits for its videos.
    """

    def __init__(
        self,
        folder: Path,
        fps: float,
        *,
        info: bool,
        layout: Literal["single", "tiled"],
        say: Callable[[str], None] | None = None,
        waiting: int = WAITING,
    ) -> None:
        """
        Args:
            folder: the folder that the names given to `write` are in.
            fps: images a second.
            info, layout: as `write_videos`.
            say: takes a warning of one line, from either thread; None: standard error.
            waiting: calls whose videos may wait.
        """
        self.dropped = 0
        """Videos that were not written because too many were waiting."""
        self.failed = 0
        """Videos that could not be written."""
        self._folder, self._fps = folder, fps
        self._info, self._layout = info, layout
        self._say = say if say is not None else _to_stderr
        self._queue: Queue[tuple[Sequence[Video], str] | None] = Queue(waiting)
        self._thread: threading.Thread | None = None

    def write(self, videos: Sequence[Video], name: str) -> None:
        """Queue videos to be written as `write_videos` does. Returns at once, and raises for none of their failures."""
        if not videos:
            return
        if self._thread is None:
            # a daemon, so that a run that is interrupted does not wait for its videos
            self._thread = threading.Thread(target=self._work, name="videos", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait((videos, name))
        except Full:
            if self.dropped == 0:
                self._say(f"warning: videos come faster than they are encoded; {name} and maybe others are not written")
            self.dropped += len(videos)

    def close(self) -> None:
        """Wait for what is queued. Further videos may be written afterwards."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        if self.dropped:
            self._say(f"warning: {self.dropped} videos were not written, because others were still being encoded")
            self.dropped = 0

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        if sys.platform == "linux":
            # there niceness belongs to a thread, and the processes that it starts inherit it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while (call := self._queue.get()) is not None:
            videos, name = call
            try:
                write_videos(videos, self._folder, name, self._fps, info=self._info, layout=self._layout)
            except Exception as error:  # no failure here is worth a training run
                self.failed += len(videos)
                reason = " ".join(str(error).split())[:300]
                self._say(f"warning: video {name} was not written: {type(error).__name__}: {reason}")
            # not kept while waiting for the next
            del call, videos


def writer_of(video: VideoConfig, run: Path, fps: float) -> VideoWriter:
    """Make the writer of the run in the folder `run` by its config; names begin with "train/" or "eval/"."""
    return VideoWriter(folder_of(video, run), fps, info=video.info_on_video, layout=video.layout)


def folder_of(video: VideoConfig, run: Path) -> Path:
    """Return the folder of the videos of the run in the folder `run`."""
    return Path(video.video_base_dir).expanduser() if video.video_base_dir is not None else run / "video"


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
