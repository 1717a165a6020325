"""The files of a checkpoint, which is whole or absent.

    write: .step_000004.<host>-<process>/  -- fsync -->  publish: step_000004/, best -> step_000003, older ones removed

A checkpoint is written to a temporary folder, which is renamed when it is complete and on the disk, so that a folder
called `step_NNNNNN` is whole, whenever the process was killed or the power cut. It holds what the policy's own
`save_pretrained` writes, `provenance.json` with the environments it was trained in, `score.json` with how good it is,
and `trainer_state.pt` with what a resume needs: exact weights, optimizer, random generators, counters.
"""

import json
import math
import os
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vla_trainer import atomic_files
from vla_trainer.checkpoint.retention import (
    SCORE_FILE,
    SHARDS,
    STATE_FILE,
    Score,
    follow,
    found,
    point_at_best,
    remove_old,
    step_of,
)
from vla_trainer.errors import CheckpointError
from vla_trainer.protocols import Policy

if TYPE_CHECKING:
    import torch

    from vla_trainer.provenance import Provenance


@dataclass(frozen=True)
class Unpublished:
    """A checkpoint that is complete and on the disk, but still has a temporary name."""

    temporary: Path
    path: Path
    """Its place."""
    keep: int | None
    metric: str | None
    """Which scores are compared."""

    def publish(self) -> Path:
        """Put it in its place, let `best` point at the best one, and remove old checkpoints; return its place.

        The newest `keep` stay (None: all), and the best, and this one.

        Raises:
            CheckpointError: the disk does not let it.
        """
        try:
            replaced = atomic_files.rename_temporary(self.path) if self.path.exists() else None
            self.temporary.rename(self.path)
            atomic_files.sync(self.path.parent)
            if replaced is not None:
                atomic_files.remove(replaced)
            point_at_best(self.path.parent, self.metric)
            if self.keep is not None:
                remove_old(self.path.parent, self.keep, self.metric, current=self.path)
        except OSError as error:
            raise CheckpointError(f"cannot put checkpoint {self.path} in its place: {_reason(error)}") from error
        return self.path


WriteWeights = Callable[[Path, Path], dict[str, Any]]
"""Writes a policy into a folder so that others load it, and returns what the trainer's state keeps of it: its weights
as "policy", or None where they are in `SHARDS`. Also gets what the checkpoint will be called; raises
TrainingDivergedError where weights are not finite."""


def write_policy(
    policy: Policy, folder: Path, name: Path, export: Callable[[Policy, Path], None] | None = None
) -> dict[str, Any]:
    """Write a policy of this process; see `WriteWeights`.

    `export` writes what others load into `folder`, if anything; None: the policy's own `save_pretrained`.
    """
    from vla_trainer.update.optimizer import check_weights  # imports torch

    check_weights(policy, f"the weights that {name} would hold")
    if export is None:
        policy.save_pretrained(folder)
    else:
        export(policy, folder)
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
    """Write what `publish` makes `folder`/step_NNNNNN. Stale temporary files in `folder` are removed.

    Args:
        folder: made where there is none.
        step: iterations done.
        write_weights: writes the policy, see `WriteWeights`.
        state: what `load` gives back besides the weights.
        keep: see `Unpublished.publish`.
        provenance: the environments it was trained in, for those who get the checkpoint alone.
        score: which metric makes a checkpoint the best, and its value.

    Raises:
        TrainingDivergedError: weights are not finite; nothing is written then, and other checkpoints stay.
        CheckpointError: the disk is full or does not let it; nothing of this checkpoint is left then.
    """
    final = folder / f"step_{step:06d}"
    temporary = atomic_files.temporary_path(final)
    atomic_files.remove_stale(folder)
    try:
        atomic_files.make_folder(temporary)
        _save_state({**write_weights(temporary, final), **state}, temporary / STATE_FILE)
        if provenance is not None:
            provenance.write(temporary)
        if score is not None:
            value = score.value if score.value is not None and math.isfinite(score.value) else None
            tree = asdict(Score(score.metric, value))
            (temporary / SCORE_FILE).write_text(json.dumps(tree) + "\n", encoding="utf-8")
        atomic_files.sync_tree(temporary)
    except BaseException as error:
        atomic_files.remove(temporary)
        reason = _reason(error)
        if reason is None:
            raise
        raise CheckpointError(f"cannot write checkpoint {final}: {reason}; older ones are as they were") from error
    return Unpublished(temporary, final, keep, None if score is None else score.metric)


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

    from vla_trainer.finite import not_finite

    weights = state.pop("policy")
    if weights is None:
        from vla_trainer.checkpoint import sharded
        from vla_trainer.update.ranks import Ranks

        idle = torch.optim.SGD([w for w in policy.parameters() if w.requires_grad], lr=0.0)
        sharded.load(path / SHARDS, policy, optimizer or idle, Ranks())
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
    """Read the trainer's state in checkpoint `path`; "policy" is None where weights and optimizer are in `SHARDS`.

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
            if isinstance(error.__context__, OSError):  # torch reports only that the file is too short
                raise error.__context__ from None
            raise


def _instead_of(damaged: Path) -> str:
    """Return the end of a message about a damaged checkpoint: what to do."""
    for older in reversed(found(damaged.parent)):
        if step_of(older) < step_of(damaged) and _damage(older / STATE_FILE) is None:
            return f"; an older one is whole: --resume {older}"
    return "; there is no older one that is whole"


def _damage(file: Path) -> str | None:
    """Return what is wrong with a file that torch.save wrote; None if nothing is.

    That is a zip file with a checksum of every tensor, which torch.load does not look at.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            bad = archive.testzip()
    except Exception as error:  # whatever a file of something else makes of it
        return " ".join(str(error).split())[:200] or type(error).__name__
    return None if bad is None else f"{bad} is not what was written"


def _kind(error: Exception) -> str:
    """Return what a file is, by the error that torch.load gives for it."""
    text = " ".join(str(error).split())
    if "GLOBAL " in text:  # "... Unsupported global: GLOBAL module.name was not an allowed global ..."
        return f"it holds objects of {text.partition('GLOBAL ')[2].split()[0].rstrip('.,')}, which is code"
    if "data.pkl" in text or "archive" in text:
        return "a zip file of something else"
    return type(error).__name__


def _reason(error: BaseException) -> str | None:
    """Return the reason of an error of the disk; None for any other error."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if "(os error " in str(error):  # safetensors has an error of its own
        return " ".join(str(error).split())[:200]
    return None
