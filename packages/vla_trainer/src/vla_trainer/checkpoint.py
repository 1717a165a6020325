"""Checkpoints: whole or absent.

A checkpoint is written beside its place and renamed into it when it is complete, so that a folder called `step_NNNNNN`
is always whole. It holds what the policy's own `save_pretrained` writes, `provenance.json` with what it was trained in,
and `trainer_state.pt` with what a resume needs: exact weights, optimizer, random generators, counters.
"""

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vla_trainer.errors import CheckpointError
from vla_trainer.interfaces import Policy

if TYPE_CHECKING:
    from vla_trainer.provenance import Provenance

STATE_FILE = "trainer_state.pt"
"""What makes a folder a checkpoint of this package."""
_NAME = re.compile(r"step_(\d{6,})")


def save(
    folder: Path,
    step: int,
    policy: Policy,
    state: dict[str, Any],
    keep: int | None = None,
    provenance: "Provenance | None" = None,
) -> Path:
    """Write `folder`/step_NNNNNN and return it; older ones beyond the newest `keep` are removed (None: all stay).

    `provenance` says what the policy was trained in, for whoever gets the folder alone.
    """
    import torch  # here, so that `vla-train --resume DIR --check` stays quick

    final = folder / f"step_{step:06d}"
    aside = folder / f".{final.name}.{os.getpid()}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    policy.save_pretrained(aside)
    torch.save({"policy": policy.state_dict(), **state}, aside / STATE_FILE)
    if provenance is not None:
        provenance.write(aside)
    shutil.rmtree(final, ignore_errors=True)
    aside.rename(final)
    if keep is not None:
        for old in found(folder)[:-keep]:
            shutil.rmtree(old)
    return final


def found(folder: Path) -> list[Path]:
    """The whole checkpoints in `folder`, oldest first."""
    if not folder.is_dir():
        return []
    whole = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and (path / STATE_FILE).is_file()]
    return sorted(whole, key=lambda path: int(path.name.removeprefix("step_")))


def newest(run: Path) -> Path:
    """The newest whole checkpoint of the run in folder `run`.

    Raises:
        CheckpointError: there is none.
    """
    checkpoints = found(run / "checkpoints")
    if not checkpoints:
        raise CheckpointError(f"no checkpoint in {run / 'checkpoints'}")
    return checkpoints[-1]


def load(path: Path, policy: Policy) -> dict[str, Any]:
    """Put the weights of checkpoint `path` into `policy` and return the rest of the trainer's state.

    Raises:
        CheckpointError: not a checkpoint of this package, or of another policy.
    """
    if not (path / STATE_FILE).is_file():
        raise CheckpointError(f"{path} is not a checkpoint: it has no {STATE_FILE}")
    import torch

    state: dict[str, Any] = torch.load(path / STATE_FILE, map_location="cpu", weights_only=True)
    try:
        policy.load_state_dict(state.pop("policy"))
    except RuntimeError as error:
        first = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{path} holds another policy than the config makes: {first}") from error
    return state
