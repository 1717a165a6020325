"""Encoding beside the training, which never waits for a film and never fails for one.

A thread: it costs the training about a tenth of a second for each film of a chunked episode, and needs neither a second
import of everything nor a copy of the pictures, as a process would.
"""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Full, Queue
from typing import Literal

from vla_trainer.config.schema import Video
from vla_trainer.records import Film
from vla_trainer.video.encode import write_films

WAITING = 4
"""Calls of `write` whose films may wait; with the pictures of each this bounds the memory."""
NICENESS = 10
"""What the thread, and ffmpeg under it, adds to its niceness: encoding takes the time that training leaves."""


class FilmWriter:
    """Writes films in a thread of its own, in the order that they came in.

    Where more come than can be encoded they are dropped and counted, which is said once. What goes wrong (a full disk,
    no ffmpeg) is said in a line. A context manager that waits for its films.
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
            folder: what the names given to `write` begin in.
            fps: pictures a second.
            info, layout: as `write_films`.
            say: takes a warning of one line, from either thread; None: standard error.
            waiting: calls whose films may wait.
        """
        self.dropped = 0
        """Films that were not written because too many were waiting."""
        self.failed = 0
        """Films that could not be written."""
        self._folder, self._fps = folder, fps
        self._info, self._layout = info, layout
        self._say = say if say is not None else _to_stderr
        self._queue: Queue[tuple[Sequence[Film], str] | None] = Queue(waiting)
        self._thread: threading.Thread | None = None

    def write(self, films: Sequence[Film], name: str) -> None:
        """Have films written as `write_films` does. Returns at once; never raises for what happens to them."""
        if not films:
            return
        if self._thread is None:
            # a daemon, so that a run that is broken off does not wait for its films
            self._thread = threading.Thread(target=self._work, name="films", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait((films, name))
        except Full:
            if self.dropped == 0:
                self._say(f"warning: films come faster than they are encoded; {name} and maybe others are not written")
            self.dropped += len(films)

    def close(self) -> None:
        """Wait for what is queued. Further films may be written afterwards."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        if self.dropped:
            self._say(f"warning: {self.dropped} films were not written, because others were still being encoded")
            self.dropped = 0

    def __enter__(self) -> "FilmWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        if sys.platform == "linux":
            # there niceness belongs to a thread, and the processes that it starts inherit it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while (told := self._queue.get()) is not None:
            films, name = told
            try:
                write_films(films, self._folder, name, self._fps, info=self._info, layout=self._layout)
            except Exception as error:  # whatever it is, it is not worth a training run
                self.failed += len(films)
                reason = " ".join(str(error).split())[:300]
                self._say(f"warning: film {name} was not written: {type(error).__name__}: {reason}")
            # not kept while waiting for the next
            del told, films


def writer_of(video: Video, run: Path, fps: float) -> FilmWriter:
    """The writer of a run in the folder `run`, as its config says; names begin with "train/" or "eval/"."""
    folder = Path(video.video_base_dir).expanduser() if video.video_base_dir is not None else run / "video"
    return FilmWriter(folder, fps, info=video.info_on_video, layout=video.layout)


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
