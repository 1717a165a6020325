"""Weights and optimizer of a policy that is spread over ranks, in a folder that any number of ranks reads.

    policy.<name>              what the policy's `state_dict` has
    optimizer.<name>.<what>    of a weight: exp_avg, exp_avg_sq, step; nothing where no step has moved it yet

Every rank writes and reads its own part (torch.distributed.checkpoint). Learning rates and the like are the config's,
and are not written. A folder is whole when `save` has returned on all ranks; to make it appear at once, save to a
temporary folder and rename it, as `vla_trainer.checkpoint.files` does.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.tensor import DTensor

from vla_trainer.errors import CheckpointError
from vla_trainer.finite import not_finite
from vla_trainer.protocols import Policy
from vla_trainer.update.optimizer import check_weights
from vla_trainer.update.ranks import Ranks
from vla_trainer.update.sharding import reshard

METADATA_FILE = ".metadata"
"""The file that makes a folder a checkpoint that `load` reads; written last."""
_EXTRA = "_extra_state"
"""torch's name of what a module adds to its `state_dict`; its size may differ between checkpoints."""


def save(folder: Path, policy: Policy, optimizer: torch.optim.Optimizer, ranks: Ranks) -> None:
    """Write weights and moments into `folder`, which all ranks see. All ranks call it; it leaves the policy resharded.

    Raises:
        TrainingDivergedError: weights are not finite; nothing is written then.
        CheckpointError: the disk is full or does not let it.
    """
    reshard(policy)
    check_weights(policy, f"the weights that {folder} would hold", ranks)
    state = _weights(policy)
    for name, weight in _trained(optimizer, policy).items():
        for what, tensor in optimizer.state.get(weight, {}).items():
            state[f"optimizer.{name}.{what}"] = tensor
    with _errors_of(f"cannot write {folder}"):
        writer = FileSystemWriter(folder)
        state_dict_saver.save(state, storage_writer=writer, process_group=ranks.group, no_dist=ranks.group is None)


def load(folder: Path, policy: Policy, optimizer: torch.optim.Optimizer, ranks: Ranks) -> None:
    """Put what `save` wrote, on any number of ranks, into `policy` and `optimizer`. All ranks call it; it leaves the
    policy resharded.

    Raises:
        CheckpointError: not such a checkpoint, damaged or with weights that are not finite (`policy` may then be loaded
            in part), or of another policy.
    """
    if not (folder / METADATA_FILE).is_file():
        raise CheckpointError(f"{folder} is not a sharded checkpoint: it has no {METADATA_FILE}")
    reshard(policy)
    with _errors_of(f"cannot read {folder}"):
        reader = FileSystemReader(folder)
        written: Mapping[str, Any] = reader.read_metadata().state_dict_metadata
        # these are the weights themselves, which are read in place
        state = _weights(policy)
        _check_fit(folder, written, state)
        for key in state:
            if key.endswith(_EXTRA) and isinstance(state[key], Tensor):
                state[key] = _empty(written[key])
        weights = _trained(optimizer, policy)
        moments: dict[nn.Parameter, dict[str, Tensor]] = {}
        for key in written:
            name, _, what = key.removeprefix("optimizer.").rpartition(".")
            if key.startswith("optimizer.") and name in weights:
                weight = weights[name]
                like_weight = tuple(written[key].size) == tuple(weight.shape)
                state[key] = torch.zeros_like(weight).detach() if like_weight else _empty(written[key])
                moments.setdefault(weight, {})[what] = state[key]
        state_dict_loader.load(state, storage_reader=reader, process_group=ranks.group, no_dist=ranks.group is None)
    bad = not_finite(policy)
    if ranks.sum({"bad": float(len(bad))})["bad"]:
        raise CheckpointError(f"{folder} holds weights that are not finite: {', '.join(bad[:1]) or 'of another rank'}")
    policy.load_state_dict({k.removeprefix("policy."): state[k] for k in state if k.startswith("policy.")})
    optimizer.state.clear()
    for weight, moment in moments.items():
        optimizer.state[weight] = moment


def spread(policy: Policy, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Replace the whole tensors in the state that one process wrote by those of a policy on a group of one rank.

    Afterwards `checkpoint.put` reads it. What does not fit stays as it is, and is an error there.

    Args:
        state: of `checkpoint.read_state`, with "policy" and "optimizer".
    """
    state["policy"] = _spread(state["policy"], policy.state_dict())
    moments = state.get("optimizer", {}).get("state", {})
    order = [weight for group in optimizer.param_groups for weight in group["params"]]
    for number, moment in moments.items():
        if number < len(order):
            moments[number] = _spread(moment, dict.fromkeys(moment, order[number]))


def _spread(whole: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """Return tensors with the layout of those in `like` that have their shape."""
    made = dict(whole)
    for name, tensor in whole.items():
        example = like.get(name)
        if isinstance(example, DTensor) and isinstance(tensor, Tensor) and tensor.shape == example.shape:
            made[name] = torch.empty_like(example, dtype=tensor.dtype).detach()
            made[name].to_local().copy_(tensor)
    return made


def _weights(policy: Policy) -> dict[str, Any]:
    return {f"policy.{name}": tensor for name, tensor in policy.state_dict().items()}


def _trained(optimizer: torch.optim.Optimizer, policy: Policy) -> dict[str, nn.Parameter]:
    """Return the optimizer's weights by name."""
    assert isinstance(policy, nn.Module)
    trained = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    return {name: weight for name, weight in policy.named_parameters() if id(weight) in trained}


def _empty(written: Any) -> Tensor:
    """Return a tensor for a written one to be read into."""
    return torch.empty(written.size, dtype=written.properties.dtype)


def _check_fit(folder: Path, written: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Raise CheckpointError unless the weights of both have the same names and shapes."""
    there, here = {key for key in written if key.startswith("policy.")}, set(state)
    for keys, problem in ((here - there, "it lacks"), (there - here, "the policy lacks")):
        if keys:
            raise CheckpointError(
                f"{folder} holds another policy than the config makes: {problem} "
                f"{min(keys).removeprefix('policy.')}, and {len(keys) - 1} more"
            )
    for key, tensor in state.items():
        if key.endswith(_EXTRA) or not isinstance(tensor, Tensor):
            continue
        if tuple(written[key].size) != tuple(tensor.shape):
            raise CheckpointError(
                f"{folder} holds another policy than the config makes: {key.removeprefix('policy.')} has the shape "
                f"{tuple(written[key].size)}, and the policy's {tuple(tensor.shape)}"
            )


@contextmanager
def _errors_of(what: str) -> Iterator[None]:
    """Turn what goes wrong with files, on this rank or another, into one CheckpointError."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # as it should be on one rank
            yield
    except CheckpointError:
        raise
    except CheckpointException as error:  # no Exception, and has a traceback of each rank in it
        first, _ = next(iter(error.failures.values()))
        raise CheckpointError(f"{what}: {first}") from error
    except (OSError, EOFError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{what}: {error}") from error
