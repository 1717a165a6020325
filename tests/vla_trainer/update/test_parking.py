"""Moments of an optimizer between updates: away while the device is short of memory, and there where it is not."""

import pytest
import torch

from vla_trainer.update import parking
from vla_trainer.update.parking import SPARE, Parking, moment_bytes

GPU = torch.device("meta")
"""Stands for a GPU: a device that every machine has, whose tensors cannot be copied to another one."""


def an_optimizer() -> torch.optim.AdamW:
    weight = torch.nn.Parameter(torch.ones(10))
    optimizer = torch.optim.AdamW([weight])
    weight.grad = torch.ones(10)
    optimizer.step()
    return optimizer


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where moments were moved to, one after the other."""
    found: list[str] = []
    monkeypatch.setattr(parking, "move_moments", lambda _, device: found.append(str(device)))
    return found


def test_moments_take_two_numbers_a_weight() -> None:
    assert moment_bytes(an_optimizer()) == 2 * 10 * 4


def test_they_go_and_come_back_while_the_device_is_short_of_memory(moves: list[str]) -> None:
    # twice 80 bytes, and what must be free besides
    parked = Parking(an_optimizer(), GPU, shared=True, free=lambda _: SPARE + 159)
    for _ in range(2):
        parked.park()
        parked.unpark()
        parked.unpark()  # an eager step began the update already
    assert moves == ["cpu", "meta"] * 2


def test_they_stay_once_they_were_seen_to_fit(moves: list[str]) -> None:
    parked = Parking(an_optimizer(), GPU, shared=True, free=lambda _: SPARE + 160)
    for _ in range(3):
        parked.park()
        parked.unpark()
    assert moves == ["cpu", "meta"]


def test_a_device_of_its_own_keeps_them(moves: list[str]) -> None:
    parked = Parking(an_optimizer(), GPU, shared=False)
    parked.park()
    parked.unpark()
    assert moves == []
