"""One update: independent of micro-batches, exact at the first step, stopped by the target."""

import copy
import math
from dataclasses import replace
from functools import partial

import fault_toy
import pytest
import reach_toy
import torch
from gymnasium import spaces
from torch import Tensor

from vla_trainer.algorithms import GRPO, PPO
from vla_trainer.config.schema import Actor
from vla_trainer.errors import PolicyError, TrainingDivergedError
from vla_trainer.finite import not_finite
from vla_trainer.types import Batch
from vla_trainer.update.losses import Losses, StepData
from vla_trainer.update.optimizer import StepGuard, make_optimizer
from vla_trainer.update.policy_gradient import Update, update

SPACES = (
    spaces.Dict(state=spaces.Box(-1, 1, (4,))),
    spaces.Box(-1, 1, (reach_toy.CHUNK, reach_toy.DIMS)),
)


def make(seed: int = 0, size: int = 24) -> tuple[reach_toy.TokenPolicy, Batch]:
    torch.manual_seed(seed)
    policy = reach_toy.TokenPolicy(*SPACES)
    state = torch.rand(size, 4)
    out = policy.act({"state": state, "instruction": ["go"] * size}, generator=torch.Generator().manual_seed(seed))
    assert out.values is not None
    advantages = torch.randn(size)
    batch = Batch(
        inputs=out.inputs,
        tokens=out.tokens,
        log_probs=out.log_probs,
        advantages=advantages,
        episode=torch.arange(size) // 5,
        lengths=torch.full((size,), reach_toy.CHUNK),
        values=out.values,
        returns=out.values + advantages,
    )
    return policy, batch


def run(algorithm: PPO | GRPO, actor: Actor) -> tuple[dict[str, Tensor], dict[str, float]]:
    policy, batch = make()
    metrics = update(
        policy,
        make_optimizer(policy, actor),
        batch,
        algorithm,
        actor,
        temperature=1.0,
        action_dim=reach_toy.DIMS,
        generator=torch.Generator().manual_seed(1),
    )
    return policy.state_dict(), metrics


@pytest.mark.parametrize("aggregate", ["token-mean", "episode-mean"])
@pytest.mark.parametrize("level", ["token_level", "action_level", "chunk_level"])
def test_weights_and_metrics_do_not_depend_on_micro_batches(aggregate: str, level: str) -> None:
    algorithm = PPO(epochs=3, aggregate=aggregate, logprob_type=level, entropy_coef=0.01)
    whole, metrics = run(algorithm, Actor(lr=1e-2, critic_lr=1e-2, global_batch_size=12, micro_batch_size=12))
    parts, same = run(algorithm, Actor(lr=1e-2, critic_lr=1e-2, global_batch_size=12, micro_batch_size=5))
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, atol=1e-5, rtol=1e-4)
    assert same == pytest.approx(metrics, abs=1e-5)
    assert metrics["actor/optimizer_steps"] == 6  # 3 epochs of 24 / 12


def test_before_the_first_step_the_ratio_is_one() -> None:
    _, metrics = run(PPO(epochs=1), Actor(lr=1e-2))
    assert metrics["actor/approx_kl"] == pytest.approx(0, abs=1e-6)
    assert metrics["actor/clip_fraction"] == 0
    # normalized advantages have mean 0, so that at ratio 1 the loss is 0; the value error is the advantage itself
    assert metrics["actor/loss"] == pytest.approx(0, abs=1e-6)
    _, batch = make()
    expected = 0.5 * (batch.advantages**2).mean().item()
    assert metrics["actor/value_loss"] == pytest.approx(expected, rel=1e-4)


def test_grpo_leaves_the_critic_alone() -> None:
    before = make()[0].state_dict()
    after, metrics = run(GRPO(), Actor(lr=1e-2))
    assert "actor/value_loss" not in metrics
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any(name.startswith("critic") for name in changed)


def test_the_target_stops_the_epochs() -> None:
    _, metrics = run(PPO(epochs=50, target_kl=1e-3), Actor(lr=3e-2))
    assert metrics["actor/optimizer_steps"] < 50


def test_the_batch_is_not_changed() -> None:
    policy, batch = make()
    before = copy.deepcopy(batch)
    actor = Actor(lr=1e-2)
    update(
        policy,
        make_optimizer(policy, actor),
        batch,
        PPO(),
        actor,
        temperature=1.0,
        action_dim=2,
        generator=torch.Generator(),
    )
    torch.testing.assert_close(batch.advantages, before.advantages)


def gradients(algorithm: PPO | GRPO, size: int, reference: reach_toy.TokenPolicy | None = None) -> dict[str, Tensor]:
    """Of one optimizer step over a ragged batch, whose weights are moved first so that ratios differ from 1."""
    policy, batch = make(size=21)
    lengths = torch.arange(21) % reach_toy.CHUNK + 1
    batch = replace(batch, lengths=lengths)
    with torch.no_grad():
        for weight in policy.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(3)))
    actor = Actor(lr=1e-9, critic_lr=1e-9, micro_batch_size=size, max_grad_norm=1e9)
    update(
        policy,
        make_optimizer(policy, actor),
        batch,
        algorithm,
        actor,
        temperature=1.0,
        action_dim=reach_toy.DIMS,
        generator=torch.Generator().manual_seed(1),
        reference=reference,
    )
    return {name: weight.grad for name, weight in policy.named_parameters() if weight.grad is not None}


OPTIONS = [
    GRPO(aggregate="episode-mean", kl_coef=0.3, entropy_coef=0.02, entropy_type="action_level"),
    GRPO(logprob_type="action_level", entropy_coef=0.02, entropy_type="chunk_level", reward_type="chunk_level"),
    PPO(logprob_type="chunk_level", kl_coef=0.3, reward_type="action_level", aggregate="episode-mean"),
    PPO(entropy_coef=0.1, value_clip=0.01, huber_delta=0.1, dual_clip=1.1, clip_low=0.05, clip_high=0.05),
]


@pytest.mark.parametrize("algorithm", OPTIONS)
def test_the_gradient_does_not_depend_on_micro_batches(algorithm: PPO | GRPO) -> None:
    reference, _ = make(seed=7)
    whole = gradients(algorithm, 21, reference)
    assert max(gradient.abs().max().item() for gradient in whole.values()) > 1e-3
    for size in (4, 1):
        parts = gradients(algorithm, size, reference)
        assert parts.keys() == whole.keys()
        for name, gradient in whole.items():
            torch.testing.assert_close(parts[name], gradient, atol=1e-6, rtol=0)


def test_actions_that_were_not_carried_out_do_not_learn() -> None:
    # with one action of each chunk carried out, only the logits of its A = 2 tokens get a gradient
    policy, batch = make()
    batch = replace(batch, lengths=torch.ones(len(batch), dtype=torch.int64))
    actor = Actor(lr=1e-9, max_grad_norm=1e9)
    update(
        policy,
        make_optimizer(policy, actor),
        batch,
        GRPO(entropy_coef=0.1),
        actor,
        temperature=1.0,
        action_dim=reach_toy.DIMS,
        generator=torch.Generator(),
    )
    assert policy.head.bias.grad is not None
    per_token = policy.head.bias.grad.view(reach_toy.CHUNK * reach_toy.DIMS, reach_toy.BINS).abs().sum(-1)
    assert (per_token[: reach_toy.DIMS] > 0).all()
    assert (per_token[reach_toy.DIMS :] == 0).all()


def test_a_penalty_keeps_the_policy_near_the_reference() -> None:
    distances = []
    for kl_coef in (0.0, 10.0):
        policy, batch = make()
        reference = copy.deepcopy(policy)
        actor = Actor(lr=1e-2)
        metrics = update(
            policy,
            make_optimizer(policy, actor),
            batch,
            GRPO(epochs=20, kl_coef=kl_coef, clip_low=0.9, clip_high=9.0),
            actor,
            temperature=1.0,
            action_dim=reach_toy.DIMS,
            generator=torch.Generator().manual_seed(0),
            reference=reference,
        )
        assert ("actor/kl" in metrics) == (kl_coef > 0)
        with torch.no_grad():
            new, old = (network._logits(batch.inputs["state"], 1.0) for network in (policy, reference))
        distances.append((new.exp() * (new - old)).sum(-1).mean().item())
    assert distances[1] < 0.1 * distances[0]


def test_in_a_warm_up_only_the_critic_moves() -> None:
    policy, batch = make()
    before = copy.deepcopy(policy.state_dict())
    actor = Actor(lr=1e-2, critic_lr=1e-2)
    metrics = update(
        policy,
        make_optimizer(policy, actor, needs_critic=True),
        batch,
        PPO(kl_coef=0.0, entropy_coef=0.1),
        actor,
        temperature=1.0,
        action_dim=reach_toy.DIMS,
        generator=torch.Generator(),
        critic_only=True,
    )
    changed = {name for name, weight in policy.state_dict().items() if not torch.equal(before[name], weight)}
    assert changed
    assert all(name.startswith("critic") for name in changed)
    assert metrics["actor/value_loss"] > 0
    with pytest.raises(PolicyError, match="critic_warmup_iterations"):
        make_optimizer(
            reach_toy.TokenPolicy(*SPACES, critic=False),
            actor.model_copy(update={"critic_lr": None}),
            needs_critic=True,
        )


def test_a_step_beyond_the_target_is_not_taken() -> None:
    # the second of two equal steps sees a policy that has moved: it is measured, and the weights stay
    policy, batch = make()
    actor = Actor(lr=3e-2)
    optimizer = make_optimizer(policy, actor)
    once = copy.deepcopy(policy)
    arguments = {"temperature": 1.0, "action_dim": reach_toy.DIMS}
    for trained, epochs in ((policy, 5), (once, 1)):
        update(
            trained,
            optimizer if trained is policy else make_optimizer(once, actor),
            batch,
            PPO(epochs=epochs, target_kl=1e-9),
            actor,
            generator=torch.Generator().manual_seed(0),
            **arguments,
        )
    for name, weight in policy.state_dict().items():
        torch.testing.assert_close(weight, once.state_dict()[name], rtol=0, atol=0)


def test_under_autocast_weights_stay_float32_and_learn() -> None:
    policy, batch = make()
    before = copy.deepcopy(policy.state_dict())
    actor = Actor(lr=1e-2)
    seen: list[torch.dtype] = []
    policy.head.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    update(
        policy,
        make_optimizer(policy, actor),
        batch,
        PPO(epochs=2),
        actor,
        temperature=1.0,
        action_dim=reach_toy.DIMS,
        generator=torch.Generator(),
        autocast=partial(torch.autocast, "cpu", torch.bfloat16),
    )
    assert set(seen) == {torch.bfloat16}
    after = policy.state_dict()
    assert all(weight.dtype == torch.float32 for weight in after.values())
    # a step of 1e-2 on every weight that has a gradient; smaller than bfloat16 resolves at 1
    assert any(not torch.equal(before[name], after[name]) for name in after)
    with pytest.raises(PolicyError, match="bfloat16; allowed: float32"):
        make_optimizer(policy.to(torch.bfloat16), actor)


@pytest.mark.parametrize("algorithm", OPTIONS)
def test_rows_that_do_not_count_leave_nothing_whatever_they_hold(algorithm: PPO | GRPO) -> None:
    # a rank without rows evaluates one all the same, or the others would wait for it
    policy, batch = make()
    rubbish = torch.full_like(batch.advantages, torch.nan)
    batch = replace(batch, log_probs=torch.full_like(batch.log_probs, torch.inf), returns=rubbish, values=rubbish)
    losses = Losses(policy, algorithm, 1.0, reach_toy.DIMS, critic_only=False)
    rows, unknown = torch.arange(len(batch)), torch.full_like(batch.log_probs, torch.nan)
    data = StepData(batch, rubbish, unknown if algorithm.kl_coef else None, proximal=unknown, importance_cap=2.0)
    step = losses.prepare(batch, rows, initial=False)
    loss, metrics = losses.compute(data, step, rows[:2], counted=False)
    loss.backward()
    assert loss.item() == 0
    assert set(metrics.values()) == {0.0}
    gradients = [weight.grad for weight in policy.parameters() if weight.grad is not None]
    assert gradients
    assert not any(gradient.any() for gradient in gradients)


def in_groups(size: int = 24) -> tuple[reach_toy.TokenPolicy, Batch, GRPO, Actor]:
    """Episodes of 5 policy steps, the last of 4, in groups of two: 10, 10 and 4 policy steps; a step is full with 8."""
    policy, batch = make(size=size)
    batch = replace(batch, group=batch.episode // 2)
    return policy, batch, GRPO(group_size=2, epochs=2), Actor(lr=1e-2, global_batch_size=8, batch_order="groups")


def test_eager_steps_are_those_taken_afterwards() -> None:
    results = []
    for eager in (0, 1, 2, 3):
        policy, batch, algorithm, actor = in_groups()
        eager_update = Update(
            policy, make_optimizer(policy, actor), algorithm, actor, temperature=1.0, action_dim=reach_toy.DIMS
        )
        for rows in [slice(0, 10), slice(10, 20), slice(20, 24)][:eager]:
            cut = {
                name: getattr(batch, name)[rows] for name in ("tokens", "log_probs", "advantages", "episode", "lengths")
            }
            eager_update.begin(Batch(inputs={key: value[rows] for key, value in batch.inputs.items()}, **cut))
        metrics = eager_update.run(batch, torch.Generator().manual_seed(1))
        assert metrics.pop("actor/eager_steps") == eager
        assert metrics["actor/optimizer_steps"] == 3 + 3  # one a group; then 24 policy steps in parts of at most 8
        results.append((metrics, policy.state_dict()))
    for metrics, weights in results[1:]:
        assert metrics == results[0][0]
        for name, weight in weights.items():
            torch.testing.assert_close(weight, results[0][1][name], rtol=0, atol=0)


def test_eager_steps_beyond_the_target_are_not_taken_either() -> None:
    policy, batch, algorithm, actor = in_groups()
    algorithm = algorithm.model_copy(update={"target_kl": 1e-9})
    # a batch of other weights is far from these at once
    with torch.no_grad():
        policy.head.bias.add_(torch.randn(policy.head.bias.shape, generator=torch.Generator().manual_seed(2)))
    before = copy.deepcopy(policy.state_dict())
    eager_update = Update(
        policy, make_optimizer(policy, actor), algorithm, actor, temperature=1.0, action_dim=reach_toy.DIMS
    )
    eager_update.begin(batch)
    assert eager_update.run(batch, torch.Generator())["actor/optimizer_steps"] == 0
    for name, weight in policy.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)


@pytest.mark.parametrize("cap", [1.05, 100.0])
def test_samples_of_an_older_behavior_policy_weigh_as_their_probabilities(cap: float) -> None:
    policy, batch = make()
    with torch.no_grad():
        for weight in policy.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(3)))
    # At the first step the ratio to the proximal policy is 1. The loss then has the gradient of the mean of
    # -min(p_proximal / p_behavior, cap) A log p, whatever the trust interval is.
    twin = copy.deepcopy(policy)
    out = twin.evaluate(batch.inputs, batch.tokens)
    importance = (out.log_probs - batch.log_probs).exp().detach()
    expected = -(importance.clamp(max=cap) * batch.advantages[:, None] * out.log_probs).mean()
    expected.backward()
    actor = Actor(lr=1e-9, max_grad_norm=1e9, micro_batch_size=7)
    metrics = Update(
        policy,
        make_optimizer(policy, actor),
        GRPO(clip_low=1e-3, clip_high=1e-3),
        actor,
        temperature=1.0,
        action_dim=reach_toy.DIMS,
    ).run(batch, torch.Generator(), importance_cap=cap)
    for (name, weight), other in zip(policy.named_parameters(), twin.parameters(), strict=True):
        if other.grad is not None and not name.startswith("critic"):
            torch.testing.assert_close(weight.grad, other.grad, atol=1e-6, rtol=1e-4)
    assert metrics["actor/clip_fraction"] == 0
    assert metrics["actor/importance_weight"] == pytest.approx(importance.mean().item(), abs=1e-5)
    assert metrics["actor/importance_capped"] == pytest.approx((importance > cap).float().mean().item(), abs=1e-6)
    assert (metrics["actor/importance_capped"] > 0) == (cap < 2)


def prepared(size: int = 24) -> tuple[reach_toy.TokenPolicy, Batch, torch.optim.Optimizer, Actor]:
    """With moments in the optimizer, so that they can be seen to stay."""
    actor = Actor(lr=1e-2, max_skipped_steps=3)
    policy, batch = make(size=size)
    optimizer = make_optimizer(policy, actor)
    updated(policy, batch, optimizer, PPO(normalize_advantages=False), actor)
    return policy, batch, optimizer, actor


def updated(
    policy: reach_toy.TokenPolicy, batch: Batch, optimizer: torch.optim.Optimizer, algorithm: PPO | GRPO, actor: Actor,
    guard: StepGuard | None = None,
) -> dict[str, float]:  # fmt: skip
    generator = torch.Generator().manual_seed(1)
    settings = {"temperature": 1.0, "action_dim": reach_toy.DIMS, "generator": generator, "guard": guard}
    return update(policy, optimizer, batch, algorithm, actor, **settings)


def frozen(policy: reach_toy.TokenPolicy, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    named = {name: weight.detach().clone() for name, weight in policy.named_parameters()}
    moments = [value for state in optimizer.state.values() for value in state.values()]
    return named | {str(index): moment.clone() for index, moment in enumerate(moments)}


BAD_BATCHES = {
    "advantage": lambda batch: replace(batch, advantages=batch.advantages.index_fill(0, torch.tensor(5), torch.nan)),
    "return": lambda batch: replace(batch, returns=batch.returns.index_fill(0, torch.tensor(5), torch.inf)),
    "log-prob": lambda batch: replace(batch, log_probs=batch.log_probs.index_fill(0, torch.tensor(5), torch.nan)),
}


@pytest.mark.parametrize("what", BAD_BATCHES)
def test_a_step_that_is_not_finite_moves_nothing(what: str) -> None:
    policy, batch, optimizer, actor = prepared()
    before = frozen(policy, optimizer)
    metrics = updated(policy, BAD_BATCHES[what](batch), optimizer, PPO(normalize_advantages=False), actor)
    after = frozen(policy, optimizer)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(weight.grad is None for weight in policy.parameters())
    assert metrics["actor/skipped_steps"] == 1
    assert metrics["actor/optimizer_steps"] == 0
    assert "actor/loss" not in metrics  # nothing was measured that is a number


def test_only_the_step_with_the_bad_row_is_skipped() -> None:
    policy, batch, optimizer, actor = prepared()
    actor = actor.model_copy(update={"global_batch_size": 6})
    bad = BAD_BATCHES["advantage"](batch)
    before = frozen(policy, optimizer)
    metrics = updated(policy, bad, optimizer, PPO(normalize_advantages=False, epochs=2), actor)
    # 24 rows in steps of 6, twice: row 5 is in one of each epoch
    assert (metrics["actor/optimizer_steps"], metrics["actor/skipped_steps"]) == (6, 2)
    assert all(torch.isfinite(torch.tensor(value)) for value in metrics.values())
    assert not torch.equal(before["head.weight"], policy.head.weight)
    assert not_finite(policy) == []


def test_skipped_steps_in_a_row_end_the_run_over_iterations() -> None:
    policy, batch, optimizer, actor = prepared()
    bad, algorithm, guard = BAD_BATCHES["advantage"](batch), GRPO(), StepGuard(actor.max_skipped_steps)
    before = frozen(policy, optimizer)
    for _ in range(2):
        updated(policy, bad, optimizer, algorithm, actor, guard)
    updated(policy, batch, optimizer, algorithm, actor, guard)  # one that is taken: counted anew
    for _ in range(2):
        updated(policy, bad, optimizer, algorithm, actor, guard)
    with pytest.raises(TrainingDivergedError, match=r"3 optimizer steps in a row .*grad_norm is nan, loss is nan"):
        updated(policy, bad, optimizer, algorithm, actor, guard)
    assert not torch.equal(before["head.weight"], policy.head.weight)


def test_a_finite_loss_whose_gradient_is_not_is_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    policy = fault_toy.UndefinedPolicy(*SPACES)
    _, batch = make()
    actor = Actor(lr=1e-2)
    before = copy.deepcopy(policy.state_dict())
    metrics = updated(policy, batch, make_optimizer(policy, actor), GRPO(), actor)
    assert metrics["actor/skipped_steps"] == 1
    assert all(torch.equal(before[name], weight) for name, weight in policy.state_dict().items())


def test_a_log_prob_100_nats_low_does_not_overflow() -> None:
    policy, batch, optimizer, actor = prepared()
    low = replace(batch, log_probs=batch.log_probs - 100.0)
    metrics = updated(policy, low, optimizer, GRPO(dual_clip=None), actor)
    assert metrics["actor/skipped_steps"] == 0
    # k3 of a log-ratio of 20: exp(20) - 1 - 20, for every token
    assert metrics["actor/approx_kl"] == pytest.approx(math.exp(20) - 21)


def test_importance_weights_do_not_overflow() -> None:
    policy, batch, optimizer, actor = prepared()
    low = replace(batch, log_probs=batch.log_probs - 100.0)
    settings = {"temperature": 1.0, "action_dim": reach_toy.DIMS}
    metrics = Update(policy, optimizer, GRPO(), actor, **settings).run(
        low, torch.Generator().manual_seed(1), importance_cap=2.0
    )
    assert metrics["actor/importance_weight"] == pytest.approx(math.exp(20))
    assert metrics["actor/importance_capped"] == 1
    assert metrics["actor/skipped_steps"] == 0
    # the ratio is measured from the proximal policy, which this metric is not about
    assert "actor/initial_ratio_error" not in metrics


def test_weights_that_a_step_breaks_end_the_run() -> None:
    policy, batch = make()
    actor = Actor(lr=1e30)
    with pytest.raises(TrainingDivergedError, match=r"the weights after the update are not finite: \w+"):
        updated(policy, batch, make_optimizer(policy, actor), GRPO(), actor)


@pytest.mark.parametrize("size", [24, 5])
def test_the_initial_ratio_error_is_that_of_the_first_step_alone(size: int) -> None:
    policy, batch = make()
    actor = Actor(lr=1e-2, micro_batch_size=size)
    # what was recorded is 0.05 nats lower for a token of row 7 that counts, and 9 lower for one that does not
    lengths = torch.full((24,), 1)
    log_probs = batch.log_probs.clone()
    log_probs[7, 1] -= 0.05
    log_probs[8, reach_toy.DIMS] -= 9.0
    changed = replace(batch, log_probs=log_probs, lengths=lengths)
    metrics = updated(policy, changed, make_optimizer(policy, actor), GRPO(epochs=5), actor)
    assert metrics["actor/optimizer_steps"] == 5
    assert metrics["actor/initial_ratio_error"] == pytest.approx(math.expm1(0.05), abs=1e-5)


@pytest.mark.parametrize("level", ["action_level", "chunk_level"])
def test_gspos_ratio_against_a_plain_loop(level: str) -> None:
    """s = exp((1 / n) sum of the n tokens' log-ratios that count), -min(s A, clip(s) A), mean over the sequences."""
    policy, batch = make()
    lengths = torch.tensor([1, 2] * 12)  # of C = 2 actions, A = 2 tokens each
    batch = replace(batch, lengths=lengths)
    with torch.no_grad():
        for weight in policy.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(3))
    algorithm = GRPO(ratio="geometric_mean", logprob_type=level, clip_low=0.02, clip_high=0.03, dual_clip=None)
    losses = Losses(policy, algorithm, 1.0, reach_toy.DIMS, False)
    rows = torch.arange(24)
    found, metrics = losses.compute(
        StepData(batch, batch.advantages, None), losses.prepare(batch, rows, initial=False), rows, True
    )
    new = policy.evaluate(batch.inputs, batch.tokens).log_probs.detach().double()
    old, terms, outside = batch.log_probs.double(), [], 0
    for row in range(24):
        advantage, count = float(batch.advantages[row]), int(lengths[row])
        spans = [range(2 * count)] if level == "chunk_level" else [range(2 * a, 2 * a + 2) for a in range(count)]
        for span in spans:
            s = math.exp(sum(float(new[row, k] - old[row, k]) for k in span) / len(span))
            clipped = min(max(s, 1 - 0.02), 1 + 0.03)
            outside += s != clipped
            terms.append(-min(s * advantage, clipped * advantage))
    assert 0 < outside < len(terms)
    assert float(found.detach()) == pytest.approx(sum(terms) / len(terms), abs=1e-6)
    assert metrics["clip_fraction"] == pytest.approx(outside / len(terms))


def test_a_geometric_mean_of_one_token_is_refused() -> None:
    with pytest.raises(ValueError, match="ratio=geometric_mean is that of one token with logprob_type=token_level"):
        GRPO(ratio="geometric_mean")
