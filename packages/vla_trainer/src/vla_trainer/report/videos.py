"""Videos of evaluations inside the page, as many as fit."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from vla_trainer.report.folders import RunData

EACH_MB = 2.0
"""A larger video is left out: a page that is read on a phone should not begin with one file."""
PER_RUN = 12
"""Videos of a run at most."""
_BESIDE, _EVAL = "beside", "eval"


@dataclass(frozen=True)
class EmbeddedVideo:
    """A video of a run as text."""

    run: str
    """The run's label."""
    name: str
    caption: str
    beside: bool
    """Whether it shows before and after side by side."""
    base64: str

    @property
    def uri(self) -> str:
        """Return what an element takes as its source."""
        return f"data:video/mp4;base64,{self.base64}"


@dataclass(frozen=True)
class LeftOut:
    """A video that is not in the page."""

    run: str
    path: str
    """In the run's folder."""
    why: str


def choose_videos(runs: Sequence[RunData], budget: float) -> tuple[list[EmbeddedVideo], list[LeftOut]]:
    """Choose videos in turn of all runs: those of before and after first, then the newest evaluation's.

    Args:
        runs: in the report's order.
        budget: bytes that the videos may take in the page.
    """
    embedded: list[EmbeddedVideo] = []
    left_out: list[LeftOut] = []
    counts = dict.fromkeys((run.label for run in runs), 0)
    for kind in (_BESIDE, _EVAL):
        for files in zip_longest(*(_files(run, kind) for run in runs)):
            for run, file in zip(runs, files, strict=True):
                if file is None:
                    continue
                size = file.stat().st_size
                text_size = 4 * -(-size // 3)
                why = None
                if size > EACH_MB * 1e6:
                    why = f"{size / 1e6:.1f} MB, more than {EACH_MB:g} MB"
                elif counts[run.label] >= PER_RUN:
                    why = f"more than {PER_RUN} videos of a run"
                elif text_size > budget:
                    why = f"{text_size / 1e6:.1f} MB as text do not fit any more"
                if why is not None:
                    left_out.append(LeftOut(run.label, f"{kind}/{file.name}", why))
                    continue
                counts[run.label] += 1
                budget -= text_size
                text = base64.b64encode(file.read_bytes()).decode()
                embedded.append(EmbeddedVideo(run.label, file.name, _caption(file.stem), kind == _BESIDE, text))
    embedded.sort(key=lambda video: list(counts).index(video.run))  # stable: before and after stay first
    return embedded, left_out


def _files(run: RunData, kind: str) -> list[Path]:
    """Return the videos of a kind; the newest evaluation's first, by name within one."""
    base = run.value("video_cfg", "video_base_dir")
    folder = (Path(base).expanduser() if isinstance(base, str) else run.folder / "video") / kind
    found = sorted(folder.glob("*.mp4"))
    if kind == _EVAL:
        found.sort(key=lambda path: path.name.partition("_task")[0], reverse=True)
    return found


def _caption(stem: str) -> str:
    """Return "iteration_000040_task03_state01_failure" as "iteration 40, task 3, state 1, failure"."""
    words: list[str] = []
    for part in stem.split("_"):
        letters = part.rstrip("0123456789")
        digits = part[len(letters) :]
        if digits and not letters and words:
            words[-1] += f" {int(digits)}"
        else:
            words.append(f"{letters} {int(digits)}" if digits else letters)
    return ", ".join(words)
