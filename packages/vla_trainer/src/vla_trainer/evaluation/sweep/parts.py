"""What a sweep that has not ended has done already, in the folder `sweep_parts` beside the `sweep.json` to be.

    identity.json                       whose parts these are
    point_0003_from_000040.json         a block of episodes of a point
    point_0003.json                     the evaluation of a point that is done; its blocks are removed

Every file is written whole or not at all, so that after a kill the sweep goes on behind the last one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vla_trainer import atomic_files, folder_lock
from vla_trainer.errors import ComparisonError, SweepError
from vla_trainer.evaluation.result import Evaluation, read_result
from vla_trainer.evaluation.sweep.identity import check_identity
from vla_trainer.evaluation.sweep.result import Identity
from vla_trainer.provenance import Provenance
from vla_trainer.types import Episode, InitialState

PARTS_FOLDER = "sweep_parts"
IDENTITY_FILE = "identity.json"


@dataclass(frozen=True)
class _Block:
    """Episodes that ended, and where they ran."""

    provenance: Provenance
    episodes: dict[int, Episode]
    """By number, which is its index in the point's list of initial states."""


class SweepParts:
    """The parts of one sweep; a context manager that locks their folder, and leaves it only if there is one."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        """
        Args:
            folder: that of the `sweep.json` to be; exists.
            identity: of the sweep.

        Raises:
            SweepError: there are parts of another sweep.
            RunFolderError: another process is at this sweep.
            OSError: the folder cannot be written.
        """
        self._folder = folder / PARTS_FOLDER
        atomic_files.make_folder(self._folder)
        self._lock = folder_lock.acquire(self._folder)
        try:
            atomic_files.remove_stale(self._folder)
            file = self._folder / IDENTITY_FILE
            if self.any():  # a sweep that was killed before its first part left nothing to mix with
                remedy = f"remove {self._folder}, or write elsewhere with output_dir="
                check_identity(_read(file), identity, str(self._folder), remedy)
            else:
                atomic_files.write_text(file, json.dumps(identity, indent=2) + "\n")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "SweepParts":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the folder; remove it if it holds no part."""
        if not self.any() and self._lock.is_intact():
            (self._folder / IDENTITY_FILE).unlink(missing_ok=True)
        self._lock.release()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def any(self) -> bool:
        """Return whether anything is done."""
        return any(self._folder.glob("point_*.json"))

    def evaluation(self, point: int) -> Evaluation | None:
        """Return the evaluation of a point, by its index; None where it is not done."""
        file = self._file(point)
        if not file.exists():
            return None
        try:
            return read_result(Evaluation, file, "a part of a sweep")
        except ComparisonError as error:
            raise SweepError(f"{error}; remove it, and the point is evaluated again") from error

    def episodes(
        self, point: int, initial_states: Sequence[InitialState], provenance: Provenance
    ) -> dict[int, Episode]:
        """Return the episodes of a point's blocks by number.

        Raises:
            SweepError: they began elsewhere than `initial_states` says or ran in other assets than `provenance`'s.
        """
        done: dict[int, Episode] = {}
        for file in sorted(self._folder.glob(f"point_{point:04d}_from_*.json")):
            try:
                block = read_result(_Block, file, "a part of a sweep")
            except ComparisonError as error:
                raise SweepError(f"{error}; remove it, and its episodes are run again") from error
            listed = dict(enumerate(initial_states))
            same_states = all(listed.get(n) == episode.initial_state for n, episode in block.episodes.items())
            if not same_states or block.provenance != provenance:
                what = "asset set" if same_states else "list of initial states"
                raise SweepError(f"{file} is of another {what} than the environment has now; remove {self._folder}")
            done |= block.episodes
        return done

    def add(self, point: int, episodes: Mapping[int, Episode], provenance: Provenance) -> None:
        """Keep a block of episodes of a point."""
        file = self._folder / f"point_{point:04d}_from_{min(episodes):06d}.json"
        atomic_files.write_text(file, json.dumps(asdict(_Block(provenance, dict(episodes)))) + "\n")

    def finish(self, point: int, evaluation: Evaluation) -> None:
        """Keep the evaluation of a point in place of its blocks."""
        evaluation.write(self._file(point))
        for block in self._folder.glob(f"point_{point:04d}_from_*.json"):
            block.unlink()

    def remove(self) -> None:
        """Remove all parts: the sweep is written."""
        for file in [*self._folder.glob("point_*.json"), self._folder / IDENTITY_FILE]:
            file.unlink(missing_ok=True)

    def _file(self, point: int) -> Path:
        return self._folder / f"point_{point:04d}.json"


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
