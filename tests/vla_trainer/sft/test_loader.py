"""Batches of demonstrated policy steps."""

from itertools import islice
from threading import Thread

import numpy as np
import pytest
import torch

from vla_trainer.algorithms import Augmentation
from vla_trainer.sft.dataset import Demonstration
from vla_trainer.sft.loader import Loader
from vla_trainer.sft.policy_steps import PolicySteps
from vla_trainer.sft.targets import Targets

COUNT = 10


class Watching:
    """Gives back what it sees."""

    def observe(self, obs):
        return {"images": torch.from_numpy(obs["image"]), "state": torch.from_numpy(obs["state"])}

    def encode(self, actions):
        return torch.from_numpy(actions[:, :, 0]).long()


@pytest.fixture(scope="module")
def policy_steps():
    states = np.arange(COUNT, dtype=np.float32)[:, None]
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 3), dtype=np.uint8)
    return PolicySteps.read(
        [Demonstration({"image": images, "state": states}, states)], COUNT, chunk=1, keys=["image", "state"]
    )


def numbered(policy_steps, noise=0.0):
    """Each policy step's number is its target."""
    return Targets(Watching(), "cross_entropy", policy_steps.chunks, noise)


def loader(policy_steps, noise=0.0, **changes):
    options = {"batch_size": 4, "seed": 5, "augmentation": Augmentation(), "threads": 2, **changes}
    return Loader(policy_steps, Watching(), numbered(policy_steps, noise), **options)


def taken(made, first, count):
    batches = made.batches(first)
    found = list(islice(batches, count))
    batches.close()
    made.close()
    return found


def test_every_pass_sees_each_decision_once_in_another_order(policy_steps):
    # 5 batches of 4 are two passes over 10, the third batch is of both
    batches = taken(loader(policy_steps), 0, 5)
    rows = torch.cat([batch.targets[:, 0] for batch in batches]).tolist()
    assert sorted(rows[:COUNT]) == sorted(rows[COUNT:]) == list(range(COUNT))
    assert rows[:COUNT] != rows[COUNT:]
    assert [batch.epochs for batch in batches] == [0.4, 0.8, 1.2, 1.6, 2.0]
    for batch in batches:
        assert batch.inputs["state"][:, 0].tolist() == batch.targets[:, 0].tolist()


def test_a_batch_larger_than_the_demonstrations_is_several_passes(policy_steps):
    (batch,) = taken(loader(policy_steps, batch_size=25), 0, 1)
    assert (
        torch.bincount(batch.targets[:, 0]).tolist() in [[2] * 5 + [3] * 5]
        or sorted(torch.bincount(batch.targets[:, 0]).tolist()) == [2] * 5 + [3] * 5
    )


def test_batches_do_not_depend_on_threads_or_on_where_a_run_goes_on(policy_steps):
    whole = taken(loader(policy_steps, noise=1.0, threads=1), 0, 6)
    later = taken(loader(policy_steps, noise=1.0, threads=3), 3, 3)
    for one, other in zip(whole[3:], later, strict=True):
        assert torch.equal(one.targets, other.targets)
        assert torch.equal(one.inputs["images"], other.inputs["images"])
        assert one.epochs == other.epochs
    other_seed = taken(loader(policy_steps, seed=6), 0, 1)
    assert not torch.equal(whole[0].targets, other_seed[0].targets)


def test_pictures_are_changed_anew_each_time_and_kept_as_they_are(policy_steps):
    before = policy_steps.observations(np.arange(COUNT))["image"].copy()
    batches = taken(loader(policy_steps), 0, 5)
    seen = [batch.inputs["images"][row] for batch in batches for row in range(4) if int(batch.targets[row, 0]) == 0]
    assert len(seen) == 2
    assert not torch.equal(seen[0], seen[1])
    assert np.array_equal(policy_steps.observations(np.arange(COUNT))["image"], before)
    plain = taken(loader(policy_steps, augmentation=None), 0, 1)[0]
    assert torch.equal(plain.inputs["images"], torch.from_numpy(before)[plain.targets[:, 0]])


def test_an_error_in_a_thread_arrives_where_the_batch_is_asked_for(policy_steps):
    class Failing(Watching):
        def observe(self, obs):
            raise ValueError("cannot see")

    made = Loader(policy_steps, Failing(), numbered(policy_steps), batch_size=2, seed=0, threads=2)
    batches = made.batches(0)
    with pytest.raises(ValueError, match="cannot see"):
        next(batches)
    made.close()


def test_other_threads_keep_their_number_of_processors(policy_steps):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        made = loader(policy_steps)
        seen = []
        seen.append(torch.get_num_threads())
        seen.append(made._pool.submit(torch.get_num_threads).result())
        other = Thread(target=lambda: seen.append(torch.get_num_threads()))
        other.start()
        other.join()
        made.close()
    finally:
        torch.set_num_threads(before)
    assert seen == [3, 1, 3]  # here, in a thread of the loader, in one that begins later
