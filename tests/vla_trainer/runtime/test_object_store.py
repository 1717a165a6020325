"""Rows that stay where they were made, and are read when they are asked for."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vla_trainer.runtime import object_store
from vla_trainer.runtime.object_store import ObservationRefs, ObservationStore, PackedBatch
from vla_trainer.types import Batch


class Objects:
    """In the place of Ray's object store; counts what is read."""

    def __init__(self) -> None:
        self.held: dict[int, np.ndarray] = {}
        self.read: list[int] = []

    def put(self, value: np.ndarray) -> int:
        assert isinstance(value, np.ndarray)
        self.held[len(self.held)] = value
        return len(self.held) - 1

    def get(self, reference: int) -> np.ndarray:
        self.read.append(reference)
        value = self.held[reference].view()
        value.flags.writeable = False  # as what Ray maps into memory
        return value


def policy_step(first: int, count: int) -> dict[str, Tensor]:
    """Rows that say their number: 8 bytes each under "state", 12 under "image"."""
    numbers = torch.arange(first, first + count)
    return {"state": numbers.double()[:, None], "image": numbers[:, None].to(torch.uint8).expand(-1, 12)}


@pytest.fixture
def objects() -> Objects:
    return Objects()


def fill(store: ObservationStore, *counts: int) -> list[int]:
    numbers: list[int] = []
    for count in counts:
        numbers += store.add(policy_step(len(numbers), count)).tolist()
    return numbers


def test_chunks_are_closed_when_they_are_full(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "CHUNK_BYTES", 100)
    store = ObservationStore(objects.put)
    # 20 bytes a row: 3 + 2 rows are 100 bytes, the first chunk; 4 + 1 the second; 2 are left for `flush`
    assert fill(store, 3, 2, 4, 1, 2) == list(range(12))
    assert len(objects.held) == 2 * 2  # two keys of two chunks; what is left is not put yet
    chunks = store.flush()
    assert [(chunk.first, chunk.count) for chunk in chunks] == [(0, 5), (5, 5), (10, 2)]
    for chunk in chunks:
        assert set(chunk.arrays) == {"state", "image"}
        expected = np.arange(chunk.first, chunk.first + chunk.count)
        np.testing.assert_array_equal(objects.held[chunk.arrays["state"]][:, 0], expected)
        assert objects.held[chunk.arrays["image"]].shape == (chunk.count, 12)
        assert objects.held[chunk.arrays["image"]].dtype == np.uint8


def test_a_sealed_store_begins_anew(objects: Objects) -> None:
    store = ObservationStore(objects.put)
    assert store.flush() == []
    fill(store, 3)
    first = store.flush()
    assert store.add(policy_step(7, 2)).tolist() == [0, 1]
    second = store.flush()
    assert [(chunk.first, chunk.count) for chunk in (*first, *second)] == [(0, 3), (0, 2)]
    assert objects.held[second[0].arrays["state"]][:, 0].tolist() == [7, 8]
    assert store.flush() == []


@pytest.fixture
def refs(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> ObservationRefs:
    """Stores 0 and 3 with chunks of two rows; store 3's rows count from 100."""
    monkeypatch.setattr(object_store, "CHUNK_BYTES", 40)
    stores = {}
    for name, first in ((0, 0), (3, 100)):
        store = ObservationStore(objects.put)
        for pair in range(3):
            store.add(policy_step(first + 2 * pair, 2))
        stores[name] = store.flush()
        assert len(stores[name]) == 3
    where = [(0, 0), (3, 0), (0, 1), (3, 5), (0, 4), (3, 1)]
    return ObservationRefs("state", stores, *(torch.tensor(part) for part in zip(*where, strict=True)))


def values(tensor: Tensor) -> list[float]:
    return tensor[:, 0].tolist()


def test_rows_come_in_the_order_that_is_asked_for(refs: ObservationRefs, objects: Objects) -> None:
    rows = refs.open(objects.get)
    assert len(refs) == len(rows) == 6
    assert values(rows[torch.arange(6)]) == [0, 100, 1, 105, 4, 101]
    assert values(rows[torch.tensor([3, 0, 3, 4])]) == [105, 0, 105, 4]
    assert rows[torch.tensor([2])].dtype == torch.float64
    assert len(rows[torch.tensor([], dtype=torch.int64)]) == 0


def test_only_chunks_that_are_needed_are_read_and_once(refs: ObservationRefs, objects: Objects) -> None:
    rows = refs.open(objects.get)
    assert objects.read == []
    rows[torch.tensor([0, 2])]  # rows 0 and 1 of store 0: one chunk
    assert objects.read == [refs.stores[0][0].arrays["state"]]
    rows[torch.tensor([0, 3])]  # and row 5 of store 3: its third chunk
    assert objects.read == [refs.stores[0][0].arrays["state"], refs.stores[3][2].arrays["state"]]
    rows[torch.tensor([0, 2, 3])]
    assert len(objects.read) == 2


def test_a_selection_of_references_reads_nothing(refs: ObservationRefs, objects: Objects) -> None:
    # as the advantage stage drops policy steps: rows 5, 3 and 0 of the six, of these the last and the first
    some = refs[torch.tensor([5, 3, 0])]
    assert isinstance(some, ObservationRefs)
    assert len(some) == 3
    assert len(some[torch.tensor([2, 0])]) == 2
    assert objects.read == []
    assert values(some.open(objects.get)[torch.arange(3)]) == [101, 105, 0]
    assert values(some[torch.tensor([2, 0])].open(objects.get)[torch.arange(2)]) == [0, 101]
    assert values(refs.open(objects.get)[torch.tensor([1])]) == [100]  # unchanged


def test_what_is_read_only_gives_no_warning(refs: ObservationRefs, objects: Objects, recwarn: Any) -> None:
    read = refs.open(objects.get)[torch.arange(6)]
    read += 1  # a copy: what is held stays
    assert list(recwarn) == []
    assert objects.held[refs.stores[0][0].arrays["state"]][:, 0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("tokens", "dtype"),
    [
        (torch.tensor([[0, 31_999]]), torch.int16),  # ids of Llama 2
        (torch.tensor([[-(2**15), 2**15 - 1]]), torch.int16),
        (torch.tensor([[0, 2**15]]), torch.int32),
        (torch.tensor([[-(2**31) - 1, 0]]), torch.int64),
        (torch.tensor([[3]], dtype=torch.int32), torch.int32),  # the policy's own type
        (torch.tensor([[0.5]]), torch.float32),  # a Gaussian policy's
        (torch.zeros(0, 4, dtype=torch.int64), torch.int64),
    ],
)
def test_tokens_travel_in_few_bytes_and_come_back_as_they_were(tokens: Tensor, dtype: torch.dtype) -> None:
    rows = torch.zeros(len(tokens))
    batch = Batch(
        inputs={}, tokens=tokens, log_probs=tokens.float(), advantages=rows, episode=rows.long(), lengths=rows.long()
    )
    packed = PackedBatch.of(batch)
    assert packed.batch.tokens.dtype == dtype
    opened = packed.open(lambda reference: reference).tokens
    assert opened.dtype == tokens.dtype
    assert torch.equal(opened, tokens)


def test_a_batch_is_read_where_it_is_opened(objects: Objects) -> None:
    store = ObservationStore(objects.put)
    fill(store, 3)
    refs = ObservationRefs("state", {0: store.flush()}, torch.zeros(3, dtype=torch.int64), torch.arange(3))
    numbers = torch.zeros(3)
    batch = Batch(
        inputs={"state": refs},
        tokens=torch.ones(3, 2, dtype=torch.int64),
        log_probs=torch.zeros(3, 2),
        advantages=numbers,
        episode=numbers.long(),
        lengths=numbers.long(),
    )
    packed = PackedBatch.of(batch)
    assert objects.read == []
    assert packed.open(objects.get).inputs["state"][torch.tensor([2, 0])].flatten().tolist() == [2, 0]
