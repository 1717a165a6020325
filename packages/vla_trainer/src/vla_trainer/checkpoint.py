"""Checkpoints: whole or absent.

    write: .step_000004.<host>-<process>/  -- fsync -->  publish: step_000004/, best -> step_000003, older ones pruned

A checkpoint is written aside and renamed into its place when it is complete and on the disk, so that a folder called
`step_NNNNNN` is whole, whenever the process was killed or the power cut. It holds what the policy's own
`save_pretrained` writes, `provenance.json` with what it was trained in, `score.json` with how good it is, and
`trainer_state.pt` with what a resume needs: exact weights, optimizer, random generators, counters.
"""

import json
import math
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vla_trainer import atomic_files
from vla_trainer.errors import CheckpointError
from vla_trainer.protocols import Policy

if TYPE_CHECKING:
    import torch

    from vla_trainer.provenance import Provenance

FOLDER = "checkpoints"
"""In a run's folder."""
STATE_FILE = "trainer_state.pt"
"""What makes a folder a checkpoint of this package."""
SHARDS = "shards"
"""In a checkpoint that several processes wrote: weights and optimizer, see `vla_trainer.checkpoint_sharded`."""
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


@dataclass(frozen=True)
class Unpublished:
    """A checkpoint that is complete and on the disk, but not in its place."""

    aside: Path
    path: Path
    """Its place."""
    keep: int | None
    metric: str | None
    """Which scores are compared."""

    def publish(self) -> Path:
        """Put it in its place, let `best` point at the best one, and remove what need not be kept; returns its place.

        The newest `keep` stay (None: all), and the best, and this one.

        Raises:
            CheckpointError: the disk does not let it.
        """
        try:
            replaced = atomic_files.move_aside(self.path) if self.path.exists() else None
            self.aside.rename(self.path)
            atomic_files.sync(self.path.parent)
            if replaced is not None:
                atomic_files.remove(replaced)
            point_at_best(self.path.parent, self.metric)
            if self.keep is not None:
                kept = {self.path, best(self.path.parent, self.metric)}
                for old in found(self.path.parent)[: -self.keep]:
                    if old not in kept:
                        atomic_files.remove(old)
        except OSError as error:
            raise CheckpointError(f"cannot put checkpoint {self.path} in its place: {_reason(error)}") from error
        return self.path


WriteWeights = Callable[[Path, Path], dict[str, Any]]
"""Writes a policy into a folder so that others load it, and returns what the trainer's state keeps of it: its weights
as "policy", or None where they are in `SHARDS`. Also gets what the checkpoint will be called; raises
TrainingDivergedError where weights are not finite."""


def write_policy(policy: Policy, folder: Path, name: Path) -> dict[str, Any]:
    """Write a policy of this process; see `WriteWeights`."""
    from vla_trainer.update.finite import check_weights  # imports torch

    check_weights(policy, f"the weights that {name} would hold")
    policy.save_pretrained(folder)
    return {"policy": policy.state_dict()}


def write(
    folder: Path,
    step: int,
    write_weights: WriteWeights,
    state: dict[str, Any],
    keep: int | None = None,
    provenance: "Provenance | None" = None,
    score: Score | None = None,
) -> Unpublished:
    """Write what `publish` makes `folder`/step_NNNNNN. What killed processes left aside in `folder` is removed.

    Args:
        folder: made where there is none.
        step: iterations done.
        write_weights: writes the policy, see `WriteWeights`.
        state: what `load` gives back besides the weights.
        keep: see `Unpublished.publish`.
        provenance: what the policy was trained in, for whoever gets the checkpoint alone.
        score: which metric makes a checkpoint the best, and its value.

    Raises:
        TrainingDivergedError: weights are not finite; nothing is written then, and other checkpoints stay.
        CheckpointError: the disk is full or does not let it; nothing of this checkpoint is left then.
    """
    final = folder / f"step_{step:06d}"
    aside = atomic_files.aside_of(final)
    atomic_files.sweep(folder)
    try:
        atomic_files.make_folder(aside)
        _save_state({**write_weights(aside, final), **state}, aside / STATE_FILE)
        if provenance is not None:
            provenance.write(aside)
        if score is not None:
            value = score.value if score.value is not None and math.isfinite(score.value) else None
            tree = asdict(Score(score.metric, value))
            (aside / SCORE_FILE).write_text(json.dumps(tree) + "\n", encoding="utf-8")
        atomic_files.sync_tree(aside)
    except BaseException as error:
        atomic_files.remove(aside)
        reason = _reason(error)
        if reason is None:
            raise
        raise CheckpointError(f"cannot write checkpoint {final}: {reason}; older ones are as they were") from error
    return Unpublished(aside, final, keep, None if score is None else score.metric)


def save(
    folder: Path,
    step: int,
    policy: Policy,
    state: dict[str, Any],
    keep: int | None = None,
    provenance: "Provenance | None" = None,
    score: Score | None = None,
) -> Path:
    """Write and publish a checkpoint of a policy in this process; see `write`."""
    return write(folder, step, partial(write_policy, policy), state, keep, provenance, score).publish()


def found(folder: Path) -> list[Path]:
    """The whole checkpoints in `folder`, oldest first."""
    return [path for path in _named(folder) if (path / STATE_FILE).is_file()]


def newest(run: Path) -> Path | None:
    """The newest whole checkpoint of the run in folder `run`; None where none was written yet.

    Raises:
        CheckpointError: there are only folders that are no checkpoints.
    """
    folder = run / FOLDER
    checkpoints = found(folder)
    if not checkpoints and (named := _named(folder)):
        raise CheckpointError(f"{named[-1]} is not a checkpoint: it has no {STATE_FILE}, and there is no other")
    return checkpoints[-1] if checkpoints else None


def best(folder: Path, metric: str | None) -> Path | None:
    """The checkpoint with the highest score, of equals the newest; None where none has a score in `metric`."""
    scored = [(value, path) for path in found(folder) if (value := _score_of(path, metric)) is not None]
    return max(scored, key=lambda one: (one[0], step_of(one[1])))[1] if scored else None


def point_at_best(folder: Path, metric: str | None) -> None:
    """Let `folder`/best point at the best checkpoint, or at nothing where none has a score."""
    link, target = folder / BEST, best(folder, metric)
    if target is None:
        link.unlink(missing_ok=True)
        return
    aside = atomic_files.aside_of(link)
    aside.unlink(missing_ok=True)
    try:
        aside.symlink_to(target.name)
    except (OSError, NotImplementedError):
        atomic_files.write_text(link, target.name + "\n")  # a file system or an account that cannot make links
        return
    aside.replace(link)
    atomic_files.sync(folder)


def follow(path: Path) -> Path:
    """`path`, or what it points at if it is `best`.

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
    """Make `checkpoint` the newest of its folder; returns where those that were newer have been put.

    They belong to a history that is about to be told otherwise, and would be continued from after the next kill. They
    are renamed to `step_NNNNNN.set_aside`, which nothing here reads or removes.
    """
    folder = checkpoint.parent
    atomic_files.sweep(folder)
    moved = []
    # the newest first: after a kill in between, those that are left still follow one another
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


def load(path: Path, policy: Policy, optimizer: "torch.optim.Optimizer | None" = None) -> dict[str, Any]:
    """Put the weights of checkpoint `path` into `policy` and return the rest of the trainer's state.

    With `optimizer`, its state is put there too. A checkpoint that several processes wrote is read here by one.

    Raises:
        CheckpointError: not a checkpoint of this package, damaged, of another policy, or with weights that are not
            finite.
    """
    path = follow(path)
    state = read_state(path)
    put(path, state, policy, optimizer)
    return state


def put(path: Path, state: dict[str, Any], policy: Policy, optimizer: "torch.optim.Optimizer | None" = None) -> None:
    """Put the weights of a checkpoint into `policy` and `optimizer`, and take them out of `state`.

    Raises:
        CheckpointError: see `load`.
    """
    import torch

    from vla_trainer.update.finite import not_finite

    weights = state.pop("policy")
    if weights is None:
        from vla_trainer import checkpoint_sharded
        from vla_trainer.update.ranks import Ranks

        idle = torch.optim.SGD([w for w in policy.parameters() if w.requires_grad], lr=0.0)
        checkpoint_sharded.load(path / SHARDS, policy, optimizer or idle, Ranks())
        return
    if bad := not_finite(policy, weights):
        raise CheckpointError(f"{path} holds weights that are not finite: {bad[0]}")
    try:
        policy.load_state_dict(weights)
    except RuntimeError as error:
        first = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{path} holds another policy than the config makes: {first}") from error
    except (TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: {STATE_FILE}: its weights are not tensors by name") from error
    if optimizer is not None:
        try:
            optimizer.load_state_dict(state.pop("optimizer"))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CheckpointError(f"{path} holds another optimizer's state than the config makes: {reason}") from error


def read_state(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """The trainer's state in checkpoint `path`; "policy" is None where weights and optimizer are in `SHARDS`.

    With `mapped`, tensors stay in the file until something reads them.

    Raises:
        CheckpointError: not a checkpoint of this package, or damaged.
    """
    path = follow(path)
    file = path / STATE_FILE
    if not os.path.isfile(file):
        raise CheckpointError(f"{path} is not a checkpoint: it has no {STATE_FILE}")
    import torch

    if (damage := _damage(file)) is not None:
        raise CheckpointError(f"{path} is damaged: {STATE_FILE}: {damage}{_instead_of(path)}")
    try:
        state: Any = torch.load(file, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:
        # a zip of something else, or objects that only their own code makes: torch's advice to run it is left out
        raise CheckpointError(f"{path}: {STATE_FILE} is not the state of a trainer: {_kind(error)}") from error
    if not isinstance(state, dict) or not isinstance(state.get("policy", 0), dict | None):
        raise CheckpointError(
            f"{path}: {STATE_FILE} is not the state of a trainer: "
            + (f"a {type(state).__name__}" if not isinstance(state, dict) else 'it has no weights under "policy"')
        )
    return state


def _save_state(state: dict[str, Any], path: Path) -> None:
    import torch  # here, so that `vla-train --resume DIR --check` stays quick

    with path.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # torch says only that the file is too short
                raise error.__context__ from None
            raise


def _named(folder: Path) -> list[Path]:
    """Folders that are called as checkpoints are, oldest first."""
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(named, key=step_of)


def step_of(checkpoint: Path) -> int:
    """Iterations done, by a checkpoint's name."""
    match = _NAME.fullmatch(checkpoint.name)
    return int(match[1]) if match else 0


def _score_of(checkpoint: Path, metric: str | None) -> float | None:
    try:
        score = Score(**json.loads((checkpoint / SCORE_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    measured = isinstance(score.value, int | float) and math.isfinite(score.value)
    return score.value if measured and score.metric == metric else None


def _instead_of(damaged: Path) -> str:
    """What to do about a damaged checkpoint, for the end of a message."""
    for older in reversed(found(damaged.parent)):
        if step_of(older) < step_of(damaged) and _damage(older / STATE_FILE) is None:
            return f"; an older one is whole: --resume {older}"
    return "; there is no older one that is whole"


def _damage(file: Path) -> str | None:
    """What is wrong with a file that torch.save wrote; None if nothing is.

    That is a zip file with a checksum of every tensor, which torch.load does not look at.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            bad = archive.testzip()
    except Exception as error:  # whatever a file of something else makes of it
        return " ".join(str(error).split())[:200] or type(error).__name__
    return None if bad is None else f"{bad} is not what was written"


def _kind(error: Exception) -> str:
    """Of an error of torch.load, what the file is."""
    text = " ".join(str(error).split())
    if "GLOBAL " in text:  # "... Unsupported global: GLOBAL module.name was not an allowed global ..."
        return f"it holds objects of {text.partition('GLOBAL ')[2].split()[0].rstrip('.,')}, which is code"
    if "data.pkl" in text or "archive" in text:
        return "a zip file of something else"
    return type(error).__name__


def _reason(error: BaseException) -> str | None:
    """What the disk said; None if something else went wrong."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if "(os error " in str(error):  # safetensors has an error of its own
        return " ".join(str(error).split())[:200]
    return None
