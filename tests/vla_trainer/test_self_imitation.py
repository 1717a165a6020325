"""Own successes are kept, imitated beside the policy gradient, and survive a resume."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reach_toy
import torch
from gymnasium import spaces
from torch import Tensor
from toy_runs import go_on, rows_of, train

from vla_trainer.algorithms import PPO
from vla_trainer.algorithms.self_imitation import SelfImitationSettings
from vla_trainer.config.load import load_config
from vla_trainer.config.schema import Actor
from vla_trainer.errors import ConfigError
from vla_trainer.self_imitation import SelfImitation
from vla_trainer.types import Batch, Episode, Imitated, InitialState, Rollout
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import update

SPACES = (spaces.Dict(state=spaces.Box(-1, 1, (4,))), spaces.Box(-1, 1, (reach_toy.CHUNK, reach_toy.DIMS)))


def rollout(first: int, *won: bool | None) -> Rollout:
    """Three policy steps of each of N environments, a third of which wait in the last; an episode each.

    The inputs say the number of a policy step, from `first` on, in the order of the mask.
    """
    n = len(won)
    mask = np.ones((3, n), dtype=bool)
    mask[2, 0] = False
    count = int(mask.sum())
    episode = np.where(mask, np.arange(n)[None], -1)
    zeros = np.zeros((3, n))
    return Rollout(
        inputs={"x": torch.arange(first, first + count)},
        tokens=torch.arange(first, first + count)[:, None].repeat(1, 4),
        log_probs=torch.zeros(count, 4),
        mask=mask,
        episode=episode,
        rewards=zeros,
        lengths=np.where(mask, 2, 0),
        terminated=np.zeros((3, n), dtype=bool),
        truncated=np.zeros((3, n), dtype=bool),
        action_rewards=np.zeros((3, n, 2)),
        version=np.zeros((3, n), dtype=np.int64),
        values=None,
        next_values=None,
        episodes={
            k: Episode(InitialState(k), 0.0, 3, 6, terminated=bool(success), success=success)
            for k, success in enumerate(won)
        },
        env_steps=2 * count,
        slots=3 * n,
    )


def batch_of(count: int = 12, seed: int = 0) -> tuple[reach_toy.TokenPolicy, Batch]:
    torch.manual_seed(seed)
    policy = reach_toy.TokenPolicy(*SPACES)
    out = policy.act(
        {"state": torch.rand(count, 4), "instruction": ["go"] * count}, generator=torch.Generator().manual_seed(seed)
    )
    assert out.values is not None
    return policy, Batch(
        inputs=out.inputs,
        tokens=out.tokens,
        log_probs=out.log_probs,
        advantages=torch.randn(count),
        episode=torch.arange(count) // 3,
        lengths=torch.tensor([1, 2] * (count // 2)),
        values=out.values,
        returns=out.values + 1.0,
    )


def test_the_policy_steps_of_the_latest_successes_are_kept() -> None:
    own = SelfImitation(SelfImitationSettings(memory=2))
    _, batch = batch_of()
    # five policy steps: of environments 0, 1; 0, 1; and 1 alone
    joined = own.add_to(batch, rollout(0, True, False))
    assert [part.inputs["x"].tolist() for part in joined.imitated] == [[0, 2]]  # type: ignore[attr-defined]
    own.add_to(batch, rollout(10, False, False))  # nothing succeeded: nothing is forgotten either
    own.add_to(batch, rollout(20, False, True))
    joined = own.add_to(batch, rollout(30, True, True))
    assert [part.tokens[:, 0].tolist() for part in joined.imitated] == [[21, 23, 24], [30, 31, 32, 33, 34]]
    assert joined.imitated[0].lengths.tolist() == [2, 2, 2]
    assert own.add_to(batch, rollout(0, False)).imitated == joined.imitated
    again = SelfImitation(SelfImitationSettings(memory=2))
    again.load(own.state())
    for mine, theirs in zip(again.add_to(batch, rollout(0, False)).imitated, joined.imitated, strict=True):
        assert torch.equal(mine.tokens, theirs.tokens)


def moved(settings: SelfImitationSettings | None, size: int) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Gradients of the one step of an update, and metrics; three iterations' successes of 4, 6 and 2 rows."""
    policy, batch = batch_of()
    parts = [batch_of(count, count)[1] for count in (4, 6, 2)]
    imitated = [Imitated(part.inputs, part.tokens, part.lengths) for part in parts]
    with torch.no_grad():
        for weight in policy.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(3))
    algorithm = PPO(self_imitation=settings, normalize_advantages=False)
    actor = Actor(lr=1e-9, max_grad_norm=1e9, micro_batch_size=size)
    optimizer = make_optimizer(policy, actor)
    metrics = update(
        policy,
        optimizer,
        replace(batch, imitated=imitated),
        algorithm,
        actor,
        temperature=1.3,
        action_dim=reach_toy.DIMS,
        generator=torch.Generator().manual_seed(1),
    )
    return {name: weight.grad for name, weight in policy.named_parameters() if weight.grad is not None}, metrics


def test_the_gradient_is_that_of_a_plain_loop() -> None:
    settings = SelfImitationSettings(coef=0.7, share=2.0)
    found, metrics = moved(settings, 5)
    without, before = moved(None, 5)
    assert "actor/imitation_loss" not in before
    policy, _ = batch_of()
    with torch.no_grad():
        for weight in policy.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(3))
    parts = [batch_of(count, count)[1] for count in (4, 6, 2)]
    # the update's generator first orders the 12 rows of its step; then it samples 2 x 12 of the 4 + 6 + 2 that are kept
    generator = torch.Generator().manual_seed(1)
    torch.randperm(12, generator=generator)
    chosen = torch.randint(12, (24,), generator=generator).tolist()
    total, tokens = torch.zeros(()), 0
    for number in chosen:
        part, row = (0, number) if number < 4 else (1, number - 4) if number < 10 else (2, number - 10)
        own = parts[part]
        out = policy.evaluate(
            {key: value[[row]] for key, value in own.inputs.items()}, own.tokens[[row]], temperature=1.3
        )
        counted = int(own.lengths[row]) * reach_toy.DIMS
        total, tokens = total - out.log_probs[0, :counted].sum(), tokens + counted
    assert metrics["actor/imitation_loss"] == pytest.approx(float(total.detach()) / tokens, abs=1e-5)
    (0.7 * total / tokens).backward()
    for name, weight in policy.named_parameters():
        expected = without[name] + (0 if weight.grad is None else weight.grad)
        torch.testing.assert_close(found[name], expected, atol=1e-5, rtol=1e-4)
    # the policy gradient's own figures are as they were
    assert metrics["actor/loss"] == pytest.approx(before["actor/loss"], abs=1e-6)


def test_the_gradient_does_not_depend_on_micro_batches() -> None:
    settings = SelfImitationSettings()
    whole, metrics = moved(settings, 64)
    parts, same = moved(settings, 5)
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, atol=1e-6, rtol=1e-4)
    assert same == pytest.approx(metrics, abs=1e-5)


@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_a_resumed_run_is_the_same_to_the_last_digit(
    algorithm: str, toy_recipes: dict[str, str], tmp_path: Path
) -> None:
    recipe = Path(toy_recipes[algorithm]).read_text()
    quiet = ["trainer.logger={console: {enable: false}, tensorboard: {enable: false}}", "video_cfg.save_video=false"]
    settings = [*quiet, "algorithm.self_imitation.memory=2", "trainer.save_every=2"]
    _, rows = train(tmp_path, recipe, *settings, "trainer.iterations=6")
    assert sum("actor/imitation_loss" in row for row in rows) > 3
    train(tmp_path / "again", recipe, *settings, "trainer.iterations=4")
    go_on(tmp_path / "again" / "run", "trainer.iterations=6")
    assert rows_of(tmp_path / "again" / "run") == rows


def test_where_it_cannot_be_used_it_says_so() -> None:
    with pytest.raises(ConfigError, match=r"algorithm.self_imitation: this environment does not report success"):
        SelfImitation(SelfImitationSettings()).add_to(batch_of()[1], rollout(0, True, None))
    overrides: list[Any] = ["algorithm.self_imitation={}", "actor.batch_order=groups"]
    with pytest.raises(ConfigError, match=r'batch_order="groups" takes steps before it is known which .* succeeded'):
        load_config("tiny_spatial_grpo", overrides)
    with pytest.raises(ConfigError, match=r"self_imitation.coef=0"):
        load_config("tiny_spatial_grpo", ["algorithm.self_imitation.coef=0"])
