"""Take NumPy or torch and give the same kind back; torch is not imported for NumPy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_numpy(array: Any) -> NDArray[Any]:
    """Return `array` as NumPy, without a copy where that is possible."""
    return np.asarray(array.detach().cpu().numpy() if hasattr(array, "detach") else array)


def like(array: NDArray[Any], reference: Any) -> Any:
    """Return `array` as the kind of `reference`, on its device; floats take its dtype if that is floating."""
    if not hasattr(reference, "detach"):
        dtype = np.asarray(reference).dtype
        return array.astype(dtype) if array.dtype.kind == "f" and dtype.kind == "f" else array
    import torch

    floating = array.dtype.kind == "f" and reference.is_floating_point()
    return torch.as_tensor(array, dtype=reference.dtype if floating else None, device=reference.device)
