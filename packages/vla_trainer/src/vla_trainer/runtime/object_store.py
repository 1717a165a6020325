"""What the policy needs to score a policy step again, images above all: kept where it was looked at.

    acting process: ObservationStore.add(inputs) -> row numbers      (one store a rollout process)
                    ObservationStore.flush() -> chunks in Ray's object store
    driver:         ObservationRefs: for each policy step its store and row
    learning:       Rows[rows] -> tensors, read from shared memory or fetched from another node once

Axes: B policy steps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vla_trainer.types import Batch

CHUNK_BYTES = 32 * 2**20
"""About how much is put into the object store at a time, so that no more than that is in memory twice."""

Put = Callable[[Any], Any]
"""As `ray.put`."""
Get = Callable[[Any], Any]
"""As `ray.get`."""


@dataclass(frozen=True)
class Chunk:
    """Some rows of a store, one after the other."""

    first: int
    count: int
    arrays: Mapping[str, Any]
    """By key a reference to an array (count, ...)."""


class ObservationStore:
    """Collects the inputs of policy steps."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._chunks: list[Chunk] = []
        self._open: list[Mapping[str, Tensor]] = []
        self._bytes = 0
        self._first = self._count = 0

    def add(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Keep N rows; returns their numbers (N,) int64."""
        rows = len(next(iter(inputs.values())))
        numbers = torch.arange(self._count, self._count + rows)
        self._open.append(inputs)
        self._count += rows
        self._bytes += sum(tensor.nbytes for tensor in inputs.values())
        if self._bytes >= CHUNK_BYTES:
            self._close_chunk()
        return numbers

    def peek(self) -> list[Chunk]:
        """All that was added since the last `flush`; goes on."""
        self._close_chunk()
        return list(self._chunks)

    def flush(self) -> list[Chunk]:
        """All that was added; the store is empty afterwards and counts from 0 again."""
        self._close_chunk()
        chunks, self._chunks = self._chunks, []
        self._first = self._count = 0
        return chunks

    def _close_chunk(self) -> None:
        if not self._open:
            return
        arrays = {key: self._put(torch.cat([inputs[key] for inputs in self._open]).numpy()) for key in self._open[0]}
        self._chunks.append(Chunk(self._first, self._count - self._first, arrays))
        self._open, self._bytes, self._first = [], 0, self._count


@dataclass(frozen=True)
class ObservationRefs:
    """Where the values of one key are, for B policy steps: what the driver has in the place of a tensor (B, ...)."""

    key: str
    stores: Mapping[int, list[Chunk]]
    """By rollout rank."""
    store: Tensor
    """(B,)."""
    row: Tensor
    """(B,), within its store."""

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, rows: Tensor) -> ObservationRefs:
        return replace(self, store=self.store[rows], row=self.row[rows])

    def open(self, get: Get) -> Rows:
        """The values themselves, in a process that can get them."""
        return Rows(self, get)

    def read(self) -> Tensor:
        """Return all of them (B, ...), copied out of Ray's object store."""
        import ray

        return self.open(ray.get)[torch.arange(len(self))]


class Rows:
    """Values of one key that are read when they are asked for."""

    def __init__(self, refs: ObservationRefs, get: Get) -> None:
        self._refs, self._get = refs, get
        self._firsts = {store: [chunk.first for chunk in chunks] for store, chunks in refs.stores.items()}
        self._arrays: dict[tuple[int, int], Tensor] = {}

    def __len__(self) -> int:
        return len(self._refs)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """(len(rows), ...), copied together from where they are."""
        picked = [
            self._row(int(store), int(row))
            for store, row in zip(self._refs.store[rows], self._refs.row[rows], strict=True)
        ]
        return torch.stack(picked) if picked else torch.empty(0)

    def _row(self, store: int, row: int) -> Tensor:
        index = bisect_right(self._firsts[store], row) - 1
        chunk = self._refs.stores[store][index]
        if (store, index) not in self._arrays:
            array = self._get(chunk.arrays[self._refs.key])
            # shared memory is read-only, which torch warns about; nobody writes here
            self._arrays[store, index] = _as_tensor(array)
        return self._arrays[store, index][row - chunk.first]


@dataclass(frozen=True)
class PackedBatch:
    """A batch as it travels: tokens that are integers are in the narrowest type that holds them."""

    batch: Batch
    token_dtype: torch.dtype
    """Of the batch that was packed."""

    @staticmethod
    def of(batch: Batch) -> PackedBatch:
        """Pack a batch whose inputs are `ObservationRefs`."""
        return PackedBatch(replace(batch, tokens=_narrowed(batch.tokens)), batch.tokens.dtype)

    def open(self, get: Get) -> Batch:
        """Return the batch, with inputs that can be read here."""
        imitated = [replace(part, inputs=_opened(part.inputs, get)) for part in self.batch.imitated]
        tokens = self.batch.tokens.to(self.token_dtype)
        return replace(self.batch, inputs=_opened(self.batch.inputs, get), tokens=tokens, imitated=imitated)


def _opened(inputs: Mapping[str, Any], get: Get) -> dict[str, Any]:
    """Return what can be read here; tensors, which came from a checkpoint, are as they were."""
    return {key: value.open(get) if isinstance(value, ObservationRefs) else value for key, value in inputs.items()}


def _narrowed(tokens: Tensor) -> Tensor:
    """Return integers (B, K) in int16, as ids of a vocabulary of 32,000 are, or in int32, where these hold them."""
    if tokens.dtype != torch.int64 or not len(tokens):
        return tokens
    low, high = int(tokens.min()), int(tokens.max())
    fitting = (dtype for dtype in (torch.int16, torch.int32) if torch.iinfo(dtype).min <= low)
    return tokens.to(next((dtype for dtype in fitting if high <= torch.iinfo(dtype).max), torch.int64))


def _as_tensor(array: Any) -> Tensor:
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
