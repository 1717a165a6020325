"""The mean of the last iterations' weights: what it is, and that a resumed run, SFT and Ray end with the same."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import slow_toy
import torch
from ray_nodes import two_nodes
from ray_runs import on, rows_of, train
from torch import nn

from vla_trainer import run
from vla_trainer.trainer import make_trainer
from vla_trainer.update.averaging import COUNT, MEAN, take_into_mean

QUIET = ["trainer.logger={console: {enable: false}, tensorboard: {enable: false}}", "video_cfg.save_video=false"]
LENGTH = ["trainer.iterations=6", "trainer.save_every=1"]


def test_it_is_the_mean_and_takes_the_place_of_the_weights() -> None:
    weight, still = nn.Parameter(torch.tensor([8.0])), nn.Parameter(torch.tensor([5.0]))
    optimizer = torch.optim.AdamW([weight, still], lr=0.0)
    weight.grad = torch.ones(1)  # a step is what gives a weight a state; at a rate of 0 it moves nothing
    optimizer.step()
    for number, value in enumerate([100.0, 1.0, 2.0, 6.0]):
        with torch.no_grad():
            weight.fill_(value)
        # a mean that an earlier end had begun, 100, is dropped
        take_into_mean(optimizer, first=number in (0, 1), last=number == 3)
        assert (MEAN in optimizer.state[weight]) == (number < 3)
    # (1 + 2 + 6) / 3
    assert weight.item() == pytest.approx(3.0)
    assert still.item() == 5.0
    assert still not in optimizer.state
    assert COUNT not in optimizer.state[weight]
    weight.grad = torch.ones(1)
    optimizer.step()


def weights(folder: Path, iteration: int) -> dict[str, torch.Tensor]:
    """What others load."""
    checkpoint = folder / "checkpoints" / f"step_{iteration:06d}"
    (file,) = [path for path in checkpoint.glob("*.pt") if path.name != "trainer_state.pt"]
    return dict(torch.load(file))


def trained(recipe: str, folder: Path, *overrides: str) -> Path:
    spec = run.new_run(recipe, [*QUIET, *LENGTH, *overrides, f"output_dir={folder}"])
    run.run_supervised(spec, make_trainer, lambda _: None)
    return folder


def go_on_from_five(folder: Path, copied: Path) -> Path:
    """Repeat the sixth iteration from the checkpoint of the fifth, in a copy of a run."""
    shutil.copytree(folder, copied)
    shutil.rmtree(copied / "checkpoints" / "step_000006")
    run.run_supervised(run.resumed_run(copied / "checkpoints" / "step_000005", None, []), make_trainer, lambda _: None)
    return copied


@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_a_run_ends_with_it_and_a_resumed_one_with_the_same(
    algorithm: str, toy_recipes: dict[str, str], tmp_path: Path
) -> None:
    plain = trained(toy_recipes[algorithm], tmp_path / "plain")
    mean = trained(toy_recipes[algorithm], tmp_path / "mean", "trainer.average_last=3")
    # until the end nothing is different
    assert rows_of(mean)[:5] == rows_of(plain)[:5]
    before, of_plain = weights(mean, 5), weights(plain, 5)
    assert all(torch.equal(before[name], of_plain[name]) for name in before)
    last = [weights(plain, iteration) for iteration in (4, 5, 6)]
    final = weights(mean, 6)
    for name, weight in final.items():
        torch.testing.assert_close(weight, (last[0][name] + last[1][name] + last[2][name]) / 3, atol=1e-6, rtol=1e-6)
    assert any(not torch.equal(final[name], last[2][name]) for name in final)
    # the mean of two is in the checkpoint of the fifth
    again = weights(go_on_from_five(mean, tmp_path / "again"), 6)
    assert all(torch.equal(again[name], final[name]) for name in final)


def test_of_fewer_iterations_it_is_the_mean_of_all(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    plain = trained(toy_recipes["grpo"], tmp_path / "plain", "trainer.iterations=2")
    mean = trained(toy_recipes["grpo"], tmp_path / "mean", "trainer.iterations=2", "trainer.average_last=5")
    first, second, final = weights(plain, 1), weights(plain, 2), weights(mean, 2)
    for name, weight in final.items():
        torch.testing.assert_close(weight, (first[name] + second[name]) / 2, atol=1e-6, rtol=1e-6)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("learning", ["3", "'3:0-1'"], ids=["one learns", "two learn"])
def test_on_ray_it_and_a_resume_are_those_of_one_process(cluster: Any, learning: str, tmp_path: Path) -> None:
    settings = [*LENGTH, "trainer.average_last=3"]
    train(slow_toy.GRPO, tmp_path / "local", settings)
    # on processors, since a GPU has one policy
    placement = ["cluster.component_placement={env: 0-1, rollout: 2, actor: " + learning + "}", "policy.device=cpu"]
    train(slow_toy.GRPO, tmp_path / "ray", on(cluster, *placement, *settings))
    expected = weights(tmp_path / "local", 6)
    again = go_on_from_five(tmp_path / "ray", tmp_path / "again")
    for folder in (tmp_path / "ray", again):
        found = weights(folder, 6)
        for name, weight in expected.items():
            torch.testing.assert_close(found[name], weight, atol=1e-5, rtol=1e-4)
