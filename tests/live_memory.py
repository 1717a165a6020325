"""Bytes that are alive while operators run on fake tensors: what a GPU would hold, without one."""

import weakref
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class LiveMemory(TorchDispatchMode):
    """Count the storages of all tensors that operators make, until they are freed or resized to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._storages: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        self.peak = 0

    @property
    def bytes(self) -> int:
        """Bytes that are alive now."""
        alive = ((key, reference()) for key, reference in list(self._storages.items()))
        return sum(storage.nbytes() for _, storage in alive if storage is not None)

    def add(self, tensor: torch.Tensor) -> None:
        """Count a tensor that was made before."""
        inner = getattr(tensor, "_local_tensor", tensor)
        storage = inner.untyped_storage()
        key = storage._cdata
        if key not in self._storages or self._storages[key]() is None:
            self._storages[key] = weakref.ref(storage, lambda _, key=key: self._storages.pop(key, None))

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        fresh = [value for value in tree_iter(out) if isinstance(value, torch.Tensor)]
        for tensor in fresh:
            self.add(tensor)
        if any(tensor.nbytes > 2**20 for tensor in fresh):
            self.peak = max(self.peak, self.bytes)
        return out

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.peak = max(self.peak, self.bytes)
