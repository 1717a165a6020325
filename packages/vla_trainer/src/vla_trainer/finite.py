"""Numbers that are not finite: where they are in arrays, and which weights hold them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def first_bad(values: NDArray[Any]) -> tuple[int, ...] | None:
    """Return the index of the first number that is NaN or infinite; None where all are finite.

    One pass over the numbers and no second array, where all are.
    """
    # a sum of finite numbers may overflow: then they are checked one by one
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):
            return None
    bad = np.argwhere(~np.isfinite(values))
    return tuple(bad[0].tolist()) if len(bad) else None


def float_arrays(obs: Any, name: str = "observation") -> Iterator[tuple[str, NDArray[np.floating]]]:
    """Yield the arrays of floating-point numbers in an observation, or in a dict or tuple of them, with their names."""
    if isinstance(obs, Mapping):
        for key, part in obs.items():
            yield from float_arrays(part, f'{name}["{key}"]')
    elif isinstance(obs, tuple):
        for index, part in enumerate(obs):
            yield from float_arrays(part, f"{name}[{index}]")
    elif isinstance(obs, np.ndarray) and obs.dtype.kind == "f":
        yield name, obs


def index_text(index: tuple[int, ...] | list[int]) -> str:
    """Return `[3][1]`, as it stands behind a name in a message."""
    return "".join(f"[{number}]" for number in index)


def not_finite(policy: Any, state: Mapping[str, Any] | None = None, *, trained_only: bool = False) -> list[str]:
    """Return the names of a policy's weights whose norm is not finite in float32, or in their own type if it is wider.

    One pass over the numbers. A weight of 1e20, whose square overflows float32, is found as well as NaN and infinity.
    Of buffers, in which a mask may hold infinities on purpose, those with NaN are found. Of a tensor that is spread
    over ranks, this rank looks at its part. A policy that is no `torch.nn.Module` has no weights.

    Args:
        state: a `state_dict` for `policy` that is looked at in the place of its own weights.
        trained_only: leave out buffers and frozen weights, which an update does not change.
    """
    from torch import nn

    if not isinstance(policy, nn.Module):
        return []
    weights = [(name, weight) for name, weight in policy.named_parameters() if weight.requires_grad or not trained_only]
    buffers = [] if trained_only else list(policy.named_buffers())
    if state is not None:
        weights, buffers = ([(name, state[name]) for name, _ in part if name in state] for part in (weights, buffers))
    bad = [name for name, weight in weights if not math.isfinite(_norm(weight))]
    return bad + [name for name, buffer in buffers if bool(buffer.isnan().any())]


def _norm(weight: Any) -> float:
    import torch

    local: torch.Tensor = weight.to_local() if hasattr(weight, "to_local") else weight
    if not local.is_floating_point():
        return 0.0
    norm = torch.linalg.vector_norm(local.detach(), dtype=torch.promote_types(local.dtype, torch.float32))
    return norm.item()
