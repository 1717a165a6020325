"""The losses and the update against Stable-Baselines3's own `PPO.train`, from the same weights on the same data.

What has to be translated: its value loss is the mean of x^2, ours of x^2 / 2, so that vf_coef = value_coef / 2; its
ratio and its entropy span all dimensions of an action, which is chunk_level. Its value clip is another one: it takes
the clipped value alone where PPO2 and ours take the larger loss, and is left out here.

Axes: B policy steps, F features, A action dimensions.
"""

from typing import Any

import gymnasium
import numpy as np
import pytest
import stable_baselines3
import torch
from gymnasium import spaces
from stable_baselines3.common.logger import configure
from torch import Tensor

from vla_trainer import loss
from vla_trainer.algorithms import PPO
from vla_trainer.config.schema import Actor
from vla_trainer.policy import GaussianPolicy
from vla_trainer.types import Batch
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import update

SIZE, FEATURES, ACTIONS = 96, 5, 3
CLIP, ENTROPY, VALUE, RATE = 0.2, 0.01, 1.4, 1e-3
OBSERVATION, ACTION = spaces.Box(-9, 9, (FEATURES,), np.float32), spaces.Box(-1, 1, (ACTIONS,), np.float32)


class Spaces(gymnasium.Env):
    """What Stable-Baselines3 wants to see before it makes a model; it is never stepped."""

    observation_space, action_space = OBSERVATION, ACTION


def theirs(epochs: int = 1, max_grad_norm: float = 1e6) -> stable_baselines3.PPO:
    """A model whose buffer holds random policy steps, some far from what its weights would do."""
    model = stable_baselines3.PPO(
        "MlpPolicy",
        Spaces(),
        learning_rate=RATE,
        n_steps=SIZE,
        batch_size=SIZE,
        n_epochs=epochs,
        clip_range=CLIP,
        ent_coef=ENTROPY,
        vf_coef=VALUE / 2,
        max_grad_norm=max_grad_norm,
        seed=0,
        device="cpu",
    )
    model.set_logger(configure(None, []))
    rng = np.random.default_rng(0)
    buffer = model.rollout_buffer
    buffer.observations = rng.normal(size=(SIZE, 1, FEATURES)).astype(np.float32)
    buffer.actions = rng.normal(size=(SIZE, 1, ACTIONS)).astype(np.float32)
    buffer.advantages = rng.normal(1.0, 2.0, size=(SIZE, 1)).astype(np.float32)
    with torch.no_grad():
        values, log_probs, _ = model.policy.evaluate_actions(
            torch.from_numpy(buffer.observations[:, 0]), torch.from_numpy(buffer.actions[:, 0])
        )
    # ratios on both sides of the clip
    buffer.log_probs = (log_probs.numpy()[:, None] + rng.normal(0.0, 0.3, size=(SIZE, 1))).astype(np.float32)
    buffer.values = values.numpy()
    buffer.returns = buffer.values + buffer.advantages
    buffer.full = True
    return model


def ours(model: stable_baselines3.PPO) -> tuple[GaussianPolicy, Batch]:
    """The same weights and the same policy steps. Log-probabilities of an action are laid on its first dimension."""
    policy = GaussianPolicy(OBSERVATION, ACTION)
    policy.load_state_dict({mine: model.policy.state_dict()[name] for mine, name in NAMES.items()})
    buffer = model.rollout_buffer
    log_probs = torch.zeros(SIZE, ACTIONS)
    log_probs[:, 0] = torch.from_numpy(buffer.log_probs[:, 0])
    batch = Batch(
        inputs={"features": torch.from_numpy(buffer.observations[:, 0])},
        tokens=torch.from_numpy(buffer.actions[:, 0]),
        log_probs=log_probs,
        advantages=torch.from_numpy(buffer.advantages[:, 0]),
        episode=torch.zeros(SIZE, dtype=torch.int64),
        lengths=torch.ones(SIZE, dtype=torch.int64),
        values=torch.from_numpy(buffer.values[:, 0]),
        returns=torch.from_numpy(buffer.returns[:, 0]),
    )
    return policy, batch


NAMES = {
    "log_std": "log_std",
    **{
        f"{mine}.{layer}.{part}": f"{name}.{part}"
        for mine, names in {
            "actor": ("mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"),
            "critic": ("mlp_extractor.value_net.0", "mlp_extractor.value_net.2", "value_net"),
        }.items()
        for layer, name in zip((0, 2, 4), names, strict=True)
        for part in ("weight", "bias")
    },
}
"""From our names of weights to theirs."""


def go(policy: GaussianPolicy, batch: Batch, epochs: int = 1, max_grad_norm: float = 1e6) -> dict[str, float]:
    actor = Actor(lr=RATE, eps=1e-5, max_grad_norm=max_grad_norm, micro_batch_size=40)
    algorithm = PPO(
        clip_low=CLIP,
        clip_high=CLIP,
        dual_clip=None,
        logprob_type="chunk_level",
        entropy_type="chunk_level",
        epochs=epochs,
        entropy_coef=ENTROPY,
        value_coef=VALUE,
        value_clip=None,
        huber_delta=None,
    )
    return update(
        policy,
        make_optimizer(policy, actor),
        batch,
        algorithm,
        actor,
        temperature=1.0,
        action_dim=ACTIONS,
        generator=torch.Generator().manual_seed(0),
    )


def test_the_losses_are_those_that_it_logs() -> None:
    model = theirs()
    policy, batch = ours(model)
    model.train()
    logged: dict[str, Any] = model.logger.name_to_value

    with torch.no_grad():
        scores = policy.evaluate(batch.inputs, batch.tokens)
    assert batch.values is not None
    assert batch.returns is not None
    assert scores.values is not None
    everything = torch.ones(SIZE, dtype=torch.bool)
    normalized = (batch.advantages - batch.advantages.mean()) / (batch.advantages.std() + 1e-8)
    of_policy, metrics = loss.policy_loss(
        scores.log_probs.sum(-1), batch.log_probs.sum(-1), normalized, everything, CLIP, CLIP
    )
    of_values, _ = loss.value_loss(scores.values, batch.values, batch.returns, everything, None, None)
    assert of_policy.item() == pytest.approx(logged["train/policy_gradient_loss"], abs=1e-6)
    assert 2 * of_values.item() == pytest.approx(logged["train/value_loss"], rel=1e-6)
    assert metrics["approx_kl"] == pytest.approx(logged["train/approx_kl"], abs=1e-6)
    assert metrics["clip_fraction"] == pytest.approx(logged["train/clip_fraction"], abs=1e-6)
    assert 0.2 < metrics["clip_fraction"] < 0.8
    entropy = scores.entropy.sum(-1).mean()
    assert entropy.item() == pytest.approx(-logged["train/entropy_loss"], rel=1e-6)
    total = of_policy + VALUE * of_values - ENTROPY * entropy
    assert total.item() == pytest.approx(logged["train/loss"], rel=1e-6)


def test_the_update_has_its_metrics_and_its_gradients() -> None:
    model = theirs()
    policy, batch = ours(model)
    model.train()
    logged: dict[str, Any] = model.logger.name_to_value
    metrics = go(policy, batch)
    assert metrics["actor/loss"] == pytest.approx(logged["train/policy_gradient_loss"], abs=1e-6)
    assert 2 * metrics["actor/value_loss"] == pytest.approx(logged["train/value_loss"], rel=1e-6)
    assert metrics["actor/approx_kl"] == pytest.approx(logged["train/approx_kl"], abs=1e-6)
    assert metrics["actor/clip_fraction"] == pytest.approx(logged["train/clip_fraction"], abs=1e-6)
    # what is left after the step is the gradient that it took
    wanted = gradients(model.policy)
    for name, gradient in gradients(policy).items():
        assert gradient.abs().max() > 1e-4, name
        torch.testing.assert_close(gradient, wanted[NAMES[name]], atol=1e-6, rtol=1e-5, msg=name)


def test_several_epochs_with_clipped_gradients_end_at_its_weights() -> None:
    # one minibatch an epoch, so that the order of the rows does not matter
    model = theirs(epochs=8, max_grad_norm=0.5)
    policy, batch = ours(model)
    before = {name: weight.clone() for name, weight in policy.state_dict().items()}
    model.train()
    metrics = go(policy, batch, epochs=8, max_grad_norm=0.5)
    assert metrics["actor/grad_norm"] > 0.5
    wanted = model.policy.state_dict()
    for name, weight in policy.state_dict().items():
        # Adam moves a weight by about 1e-3 a step
        assert (weight - before[name]).abs().max() > 2e-3, name
        torch.testing.assert_close(weight, wanted[NAMES[name]], atol=1e-5, rtol=0, msg=name)
    assert metrics["actor/loss"] == pytest.approx(model.logger.name_to_value["train/policy_gradient_loss"], abs=1e-5)


def gradients(module: torch.nn.Module) -> dict[str, Tensor]:
    return {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}
