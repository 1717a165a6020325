"""The checkpoints in a folder: the newest, the best, and which of them stay.

A folder called `step_NNNNNN` is whole, see `vla_trainer.checkpoint.files`. `best` is a link to the one with the highest
score.
"""

import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from vla_trainer import atomic_files
from vla_trainer.errors import CheckpointError

FOLDER = "checkpoints"
"""The folder of all checkpoints in a run's folder."""
STATE_FILE = "trainer_state.pt"
"""The file that makes a folder a checkpoint of this package."""
SHARDS = "shards"
"""Weights and optimizer in a checkpoint that several processes wrote, see `vla_trainer.checkpoint.sharded`."""
SCORE_FILE = "score.json"
BEST = "best"
"""Beside the checkpoints: a link to the best one, or a file with its name where links cannot be made."""
_NAME = re.compile(r"step_(\d{6,})")


@dataclass(frozen=True)
class Score:
    """How good the policy of a checkpoint is; larger is better."""

    metric: str
    value: float | None
    """None: the metric was not measured in the iteration of the save."""


def found(folder: Path) -> list[Path]:
    """Return the whole checkpoints in `folder`, oldest first."""
    return [path for path in _named(folder) if (path / STATE_FILE).is_file()]


def newest(run: Path) -> Path | None:
    """Return the newest whole checkpoint of the run in folder `run`; None where none was written yet.

    Raises:
        CheckpointError: there are only folders that are no checkpoints.
    """
    folder = run / FOLDER
    checkpoints = found(folder)
    if not checkpoints and (named := _named(folder)):
        raise CheckpointError(f"{named[-1]} is not a checkpoint: it has no {STATE_FILE}, and there is no other")
    return checkpoints[-1] if checkpoints else None


def best(folder: Path, metric: str | None) -> Path | None:
    """Return the checkpoint with the highest score, of equals the newest; None where none has a score in `metric`."""
    scored = [(value, path) for path in found(folder) if (value := _score_of(path, metric)) is not None]
    return max(scored, key=lambda pair: (pair[0], step_of(pair[1])))[1] if scored else None


def is_best(folder: Path, score: Score) -> bool:
    """Return whether a checkpoint with this score, newer than all in `folder`, would be the best one."""
    if score.value is None or not math.isfinite(score.value):
        return False
    others = (_score_of(path, score.metric) for path in found(folder))
    return all(other is None or other <= score.value for other in others)


def remove_old(folder: Path, keep: int, metric: str | None, *, current: Path) -> None:
    """Remove all checkpoints but the newest `keep`, the best one and `current`."""
    kept = {current, best(folder, metric)}
    for old in found(folder)[:-keep]:
        if old not in kept:
            atomic_files.remove(old)


def point_at_best(folder: Path, metric: str | None) -> None:
    """Let `folder`/best point at the best checkpoint, or at nothing where none has a score."""
    link, target = folder / BEST, best(folder, metric)
    if target is None:
        link.unlink(missing_ok=True)
        return
    temporary = atomic_files.temporary_path(link)
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(target.name)
    except (OSError, NotImplementedError):
        atomic_files.write_text(link, target.name + "\n")  # a file system or an account that cannot make links
        return
    temporary.replace(link)
    atomic_files.sync(folder)


def follow(path: Path) -> Path:
    """Return `path`, or the checkpoint that it points at if it is `best`.

    Raises:
        CheckpointError: it points at nothing.
    """
    if path.name != BEST:
        return path
    if path.is_symlink():
        name = os.readlink(path)
    elif os.path.isfile(path):
        name = path.read_text(encoding="utf-8", errors="replace").strip()
    else:
        raise CheckpointError(
            f"{path} does not exist: no checkpoint there has a score, "
            "because trainer.best_metric was not measured in an iteration that was saved"
        )
    target = path.with_name(name) if _NAME.fullmatch(name) else None
    if target is None or not (target / STATE_FILE).is_file():
        raise CheckpointError(f'{path} points at "{name[:100]}", which is not a checkpoint')
    return target


def continue_from(checkpoint: Path, metric: str | None) -> list[Path]:
    """Make `checkpoint` the newest of its folder: rename newer ones, and return their new paths.

    A run that goes on from an older checkpoint would otherwise be resumed from the newer ones. They are renamed to
    `step_NNNNNN.set_aside`, which nothing here reads or removes.
    """
    folder = checkpoint.parent
    atomic_files.remove_stale(folder)
    moved = []
    # the newest first: after a kill in between, those that are left still have no gap
    for newer in reversed(_named(folder)):
        if step_of(newer) > step_of(checkpoint):
            place = newer.with_name(f"{newer.name}.set_aside")
            count = 1
            while place.exists():
                count += 1
                place = newer.with_name(f"{newer.name}.set_aside_{count}")
            moved.append(newer.rename(place))
    point_at_best(folder, metric)
    return moved


def _named(folder: Path) -> list[Path]:
    """Return the folders with names of checkpoints, oldest first."""
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(named, key=step_of)


def step_of(checkpoint: Path) -> int:
    """Return the iterations done, by a checkpoint's name."""
    match = _NAME.fullmatch(checkpoint.name)
    return int(match[1]) if match else 0


def _score_of(checkpoint: Path, metric: str | None) -> float | None:
    try:
        score = Score(**json.loads((checkpoint / SCORE_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    measured = isinstance(score.value, int | float) and math.isfinite(score.value)
    return score.value if measured and score.metric == metric else None
