"""What decides the numbers of a sweep: a sweep goes on, or counts as done, only where all of it is the same."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vla_trainer import checkpoint
from vla_trainer.config.schema import Config
from vla_trainer.errors import SweepError
from vla_trainer.evaluation.sweep.result import Identity
from vla_trainer.versions import describe_versions

_SECTIONS = ("env", "eval", "policy")
_WITHOUT_EFFECT = {"env.num_envs", "eval.num_envs", "policy.device", "policy.checkpoint"}
"""Keys of these sections that change no number; the checkpoint's contents are compared instead of its path."""

_ENDS = 1 << 20
"""Bytes at the beginning and at the end of a file that its digest is made of. torch.save writes a zip file, whose end
has a checksum of every tensor."""


def identity_of(config: Config, weights: Path | None, values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the identity of a sweep.

    Args:
        config: without the values that are swept.
        weights: folder of the checkpoint that is evaluated; None: that of `policy.checkpoint`, or none.
        values: of each point by key, in their order.

    Raises:
        CheckpointError: there is no checkpoint that `weights` links to.
        OSError: a checkpoint cannot be read.
    """
    if weights is None and config.policy.checkpoint is not None:
        weights = Path(config.policy.checkpoint).expanduser()
    tree = config.model_dump(mode="json")
    kept = {f"{section}.{key}": value for section in _SECTIONS for key, value in tree[section].items()}
    identity = {
        "values": list(values),
        "weights": "untrained" if weights is None else _digest(checkpoint.follow(weights)),
        "trainer.seed": config.trainer.seed,
        **{key: value for key, value in kept.items() if key not in _WITHOUT_EFFECT},
        "versions": describe_versions(),
    }
    # what is read back from a file has lists for tuples, and text for numbers that are keys
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    return plain


def fingerprint(identity: Identity) -> str:
    """Return 12 hexadecimal digits that differ where identities do."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def check_identity(found: Any, wanted: Identity, place: str, remedy: str) -> None:
    """Check that a sweep which was found is the wanted one.

    Raises:
        SweepError: it is not; the message names what differs and ends with `remedy`.
    """
    if not isinstance(found, dict):
        raise SweepError(f"{place} does not say which sweep it is of; {remedy}")
    for key in [*wanted, *(key for key in found if key not in wanted)]:
        if found.get(key) != wanted.get(key):
            then, now = (json.dumps(tree.get(key), ensure_ascii=False) for tree in (found, wanted))
            raise SweepError(f"{place} is of another sweep: {key} is {then} there and {now} here; {remedy}")


def _digest(folder: Path) -> str:
    """Return a checkpoint's name and a digest of its files."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        size = file.stat().st_size
        digest.update(f"{file.relative_to(folder).as_posix()} {size}\n".encode())
        with file.open("rb") as content:
            digest.update(content.read(_ENDS))
            content.seek(max(size - _ENDS, 0))
            digest.update(content.read(_ENDS))
    return f"{folder.name} {digest.hexdigest()[:16]}"
