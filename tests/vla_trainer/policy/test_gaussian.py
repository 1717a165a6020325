"""The Gaussian policy against torch's and SciPy's distributions and numbers worked out by hand."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy import stats

from vla_trainer.algorithms import PPO
from vla_trainer.config.schema import Actor
from vla_trainer.errors import PolicyError, PolicyNumbersError
from vla_trainer.policy import GaussianPolicy
from vla_trainer.policy.features import RunningMoments
from vla_trainer.types import Batch
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import update

OBSERVATION = spaces.Box(-np.inf, np.inf, (3,), np.float64)
ACTION = spaces.Box(-2, 2, (2,), np.float32)


def make(**options: Any) -> GaussianPolicy:
    return GaussianPolicy(OBSERVATION, ACTION, **{"seed": 0, **options})


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def observations(count: int = 5) -> np.ndarray:
    return np.random.default_rng(0).normal(2.0, 3.0, (count, 3))


def test_densities_are_those_of_torch_and_scipy() -> None:
    # sigma = T e^{log_std} = 2 e^{-1}
    policy = make(log_std_init=-1.0)
    obs = observations()
    out = policy.act(obs, temperature=2.0, generator=generator())
    scores = policy.evaluate(out.inputs, out.tokens, temperature=2.0)
    mean = policy.act(obs, deterministic=True).tokens
    sigma = 2 * math.exp(-1)
    normal = torch.distributions.Normal(mean, sigma)
    torch.testing.assert_close(out.log_probs, normal.log_prob(out.tokens), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(scores.entropy, normal.entropy(), atol=1e-6, rtol=1e-6)
    expected = stats.norm(mean.numpy(), sigma).logpdf(out.tokens.numpy())
    np.testing.assert_allclose(out.log_probs.numpy(), expected, atol=1e-5)
    assert out.tokens.shape == out.log_probs.shape == scores.log_probs.shape == scores.entropy.shape == (5, 2)


def test_a_density_by_hand() -> None:
    # without hidden layers the mean is W f + b; here 1 * 0.5 + 0 = 0.5, sigma = 2
    # log p(2.5) = -(2.5 - 0.5)^2 / (2 * 4) - log 2 - log(2 pi) / 2 = -0.5 - 0.693147 - 0.918939 = -2.112086
    # H = log(2 pi e) / 2 + log 2 = 1.418939 + 0.693147 = 2.112086
    policy = GaussianPolicy(spaces.Box(-1, 1, (1,)), spaces.Box(-1, 1, (1,)), hidden=(), log_std_init=math.log(2))
    torch.nn.init.ones_(policy.actor[0].weight)
    scores = policy.evaluate({"features": torch.tensor([[0.5]])}, torch.tensor([[2.5]]))
    assert scores.log_probs.item() == pytest.approx(-2.112086, abs=1e-6)
    assert scores.entropy.item() == pytest.approx(2.112086, abs=1e-6)


def test_samples_have_the_mean_and_the_deviation_of_the_distribution() -> None:
    # n = 20000: the standard error of the mean is sigma / sqrt(n) = 0.0028, of the deviation sigma / sqrt(2 n) = 0.002
    policy = make(log_std_init=math.log(0.2))
    obs = np.repeat(observations(1), 20000, axis=0)
    tokens = policy.act(obs, temperature=2.0, generator=generator()).tokens
    mean = policy.act(obs[:1], deterministic=True).tokens[0]
    torch.testing.assert_close(tokens.mean(0), mean, atol=0.012, rtol=0)
    torch.testing.assert_close(tokens.std(0), torch.full((2,), 0.4), atol=0.01, rtol=0)


def test_the_noise_of_a_chunk_is_correlated_as_asked() -> None:
    policy = GaussianPolicy(spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (3, 2)), hidden=(8,), seed=0)
    obs = np.zeros((20_000, 3), dtype=np.float32)
    out = policy.act(obs, generator=torch.Generator().manual_seed(0), chunk_correlation=0.6)
    noise = out.tokens - policy.act(obs[:1], deterministic=True).tokens
    found = torch.corrcoef(noise.T)
    # token (c, a) is number 2 c + a: those with the same a share the noise; standard error 1 / sqrt(20,000) = 0.007
    expected = torch.where((torch.arange(6)[:, None] - torch.arange(6)) % 2 == 0, 0.6, 0.0).fill_diagonal_(1.0)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.03)
    torch.testing.assert_close(noise.std(0), torch.ones(6), rtol=0, atol=0.03)


def test_what_was_sampled_is_scored_the_same_and_what_is_sent_is_clipped() -> None:
    policy = make(log_std_init=2.0)
    out = policy.act(observations(64), generator=generator())
    scores = policy.evaluate(out.inputs, out.tokens)
    torch.testing.assert_close(scores.log_probs, out.log_probs, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(scores.values, out.values, atol=1e-6, rtol=1e-6)
    assert out.tokens.abs().max() > 2
    assert out.actions.shape == (64, 1, 2)
    assert out.actions.dtype == np.float32
    np.testing.assert_array_equal(out.actions[:, 0], out.tokens.numpy().clip(-2, 2))


def test_densities_are_float32_under_autocast() -> None:
    policy = make()
    with torch.autocast("cpu", torch.bfloat16):
        out = policy.act(observations(64), generator=generator())
        scores = policy.evaluate(out.inputs, out.tokens)
    assert {out.tokens.dtype, out.log_probs.dtype, scores.log_probs.dtype, scores.entropy.dtype} == {torch.float32}
    assert out.values is not None
    assert out.values.dtype == torch.float32
    torch.testing.assert_close(scores.log_probs, out.log_probs, atol=1e-6, rtol=1e-6)


def test_means_and_values_are_not_rounded_under_autocast() -> None:
    # Without hidden layers both are one product of the features, which float32 gives to 1e-5 near 20; bfloat16's steps
    # are 1/8 there, and a deviation of e^-2 makes log-probabilities of them that are off by tenths.
    policy = make(hidden=(), log_std_init=-2.0)
    torch.nn.init.constant_(policy.actor[0].weight, 3.0)
    assert policy.critic is not None
    torch.nn.init.constant_(policy.critic[0].weight, 3.0)
    features = torch.from_numpy(observations(64)).float()
    exact = (features.double() * 3.0).sum(1)
    with torch.autocast("cpu", torch.bfloat16):
        tokens = policy.act(observations(64), deterministic=True).tokens
        scores = policy.evaluate({"features": features}, tokens)
    torch.testing.assert_close(tokens.double(), exact[:, None].expand(-1, 2), atol=1e-5, rtol=0)
    assert scores.values is not None
    torch.testing.assert_close(scores.values.double(), exact, atol=1e-5, rtol=0)
    # log p(mu) = -log sigma - log(2 pi) / 2 = 2 - 0.918939
    torch.testing.assert_close(scores.log_probs, torch.full((64, 2), 1.081061), atol=1e-6, rtol=0)


def test_the_most_probable_action_is_the_mean_and_samples_nothing() -> None:
    policy, source = make(), generator()
    before = source.get_state()
    out = policy.act(observations(), deterministic=True, temperature=3.0, generator=source)
    assert torch.equal(source.get_state(), before)
    torch.testing.assert_close(out.tokens, policy.actor(out.inputs["features"]))
    again = policy.act(observations(), generator=generator(1)).tokens
    assert torch.equal(policy.act(observations(), generator=generator(1)).tokens, again)
    assert not torch.equal(policy.act(observations(), generator=generator(2)).tokens, again)


def test_weights_begin_as_in_stable_baselines3_and_follow_the_seed() -> None:
    # the rows (or columns) of an orthogonal matrix of gain g have length g
    policy = make(hidden=(8, 4))
    actor = [layer for layer in policy.actor if isinstance(layer, torch.nn.Linear)]
    critic = [layer for layer in policy.critic or () if isinstance(layer, torch.nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in actor] == [(8, 3), (4, 8), (2, 4)]
    torch.testing.assert_close(actor[0].weight.T @ actor[0].weight, 2 * torch.eye(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(actor[1].weight @ actor[1].weight.T, 2 * torch.eye(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(actor[2].weight.norm(dim=1), torch.full((2,), 0.01), atol=1e-6, rtol=0)
    torch.testing.assert_close(critic[-1].weight.norm(), torch.tensor(1.0))
    assert not any(layer.bias.any() for layer in [*actor, *critic])
    state = torch.get_rng_state()
    same, other = make(hidden=(8, 4)), make(hidden=(8, 4), seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(same.actor[0].weight, policy.actor[0].weight)
    assert not torch.equal(other.actor[0].weight, policy.actor[0].weight)


def test_a_chunk_of_actions() -> None:
    policy = GaussianPolicy(OBSERVATION, spaces.Box(-1, 1, (4, 3)))
    out = policy.act(observations())
    assert out.tokens.shape == (5, 12)
    np.testing.assert_array_equal(out.actions, out.tokens.numpy().clip(-1, 1).reshape(5, 4, 3))


def test_numbers_of_a_dict_are_read_and_images_and_texts_are_not() -> None:
    space = spaces.Dict(
        image=spaces.Box(0, 255, (8, 8, 3), np.uint8),
        instruction=spaces.Text(9),
        pose=spaces.Box(-1, 1, (2, 2), np.float64),
        state=spaces.Box(-1, 1, (3,), np.float32),
    )
    obs = {
        "image": np.zeros((2, 8, 8, 3), np.uint8),
        "instruction": ["go", "stop"],
        "pose": np.arange(8.0).reshape(2, 2, 2),
        "state": np.full((2, 3), 9, np.float32),
    }
    rows = GaussianPolicy(space, ACTION).act(obs).inputs["features"]
    assert rows.tolist() == [[0, 1, 2, 3, 9, 9, 9], [4, 5, 6, 7, 9, 9, 9]]
    assert GaussianPolicy(space, ACTION, keys=["state"]).act(obs).inputs["features"].shape == (2, 3)


def test_normalized_observations_are_what_is_recorded_and_the_ratio_stays_one() -> None:
    policy = make(normalize_observations=True)
    obs = observations(40)
    out = policy.act(obs, generator=generator())
    # 40 rows and nothing else were seen: mean and deviation of the very same rows
    np.testing.assert_allclose(out.inputs["features"], (obs - obs.mean(0)) / obs.std(0), atol=1e-5)
    # the moments move on, what was recorded does not
    policy.act(obs + 100, generator=generator())
    scores = policy.evaluate(out.inputs, out.tokens)
    torch.testing.assert_close(scores.log_probs, out.log_probs, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(scores.values, out.values, atol=1e-6, rtol=1e-6)


def test_moments_move_by_samples_only() -> None:
    policy = make(normalize_observations=True)
    assert policy.moments is not None
    out = policy.act(observations(40), generator=generator())
    policy.act(observations(40) + 7, deterministic=True)
    policy.evaluate(out.inputs, out.tokens)
    assert policy.moments.count == 40
    np.testing.assert_allclose(policy.moments.mean, observations(40).mean(0), rtol=1e-5)


def test_moments_do_not_depend_on_how_rows_are_cut() -> None:
    rows = torch.from_numpy(observations(30)) * torch.tensor([1.0, 10.0, 0.0])
    moments = RunningMoments(3)
    for part in rows.split([1, 9, 20]):
        moments.add(part)
    torch.testing.assert_close(moments.mean, rows.mean(0))
    torch.testing.assert_close(moments.variance, rows.var(0, correction=0))
    # a feature that never changes is 0, and one far outside is cut at 10 deviations
    far = moments.normalize(torch.tensor([[0.0, 1e6, 0.0]]))
    assert far[0, 1:].tolist() == [10.0, 0.0]


def test_an_update_moves_actor_critic_and_deviation() -> None:
    policy = make()
    before = {name: weight.clone() for name, weight in policy.state_dict().items()}
    out = policy.act(observations(32), generator=generator())
    assert out.values is not None
    batch = Batch(
        inputs=out.inputs,
        tokens=out.tokens,
        log_probs=out.log_probs,
        advantages=torch.randn(32, generator=generator()),
        episode=torch.zeros(32, dtype=torch.int64),
        lengths=torch.ones(32, dtype=torch.int64),
        values=out.values,
        returns=out.values + 1,
    )
    actor = Actor(lr=1e-3, critic_lr=1e-2, micro_batch_size=10)
    metrics = update(
        policy,
        make_optimizer(policy, actor),
        batch,
        PPO(logprob_type="chunk_level"),
        actor,
        temperature=1.0,
        action_dim=2,
        generator=generator(),
    )
    assert metrics["actor/approx_kl"] == pytest.approx(0, abs=1e-6)
    assert all(not torch.equal(weight, before[name]) for name, weight in policy.state_dict().items())


@pytest.mark.parametrize("normalize", [False, True])
def test_what_is_saved_comes_back(normalize: bool, tmp_path: Path) -> None:
    space = spaces.Dict([("z", spaces.Box(-1, 1, (2,))), ("a", spaces.Box(-1, 1, (1,)))])
    action = spaces.Box(np.array([-1, -np.inf]), np.array([np.inf, 0.5]), dtype=np.float64)
    policy = GaussianPolicy(space, action, hidden=[5], log_std_init=1.0, normalize_observations=normalize, seed=3)
    obs = {"z": np.full((4, 2), 3.0), "a": np.full((4, 1), 5.0)}
    policy.act(obs)
    policy.save_pretrained(tmp_path / "new")
    back = GaussianPolicy.from_pretrained(tmp_path / "new")
    before, after = policy.act(obs, generator=generator()), back.act(obs, generator=generator())
    np.testing.assert_array_equal(before.actions, after.actions)
    assert before.actions.dtype == after.actions.dtype == np.float64
    assert torch.equal(before.values, after.values)  # type: ignore[arg-type]
    with pytest.raises(PolicyError, match="holds no GaussianPolicy"):
        GaussianPolicy.from_pretrained(tmp_path)


def test_without_a_critic_there_are_no_values() -> None:
    policy = make(critic=False)
    out = policy.act(observations())
    assert out.values is None
    assert policy.evaluate(out.inputs, out.tokens).values is None
    assert set(policy.parameter_groups()) == {"actor"}
    with_critic = make().parameter_groups()
    assert sum(len(group) for group in with_critic.values()) == len(list(make().parameters()))


IMAGE = spaces.Box(0, 255, (8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("observation", "action", "options", "message"),
    [
        (OBSERVATION, spaces.Discrete(2), {}, r"action space Discrete\(2\); allowed: a Box \(A,\) or \(C, A\)"),
        (OBSERVATION, spaces.Box(-1, 1, (2, 2, 2)), {}, r"action space Box.*allowed"),
        (OBSERVATION, spaces.Box(0, 9, (2,), np.int64), {}, r"action space Box.*floating-point"),
        (spaces.Discrete(4), ACTION, {}, r"observation space Discrete\(4\); allowed: a Box"),
        (IMAGE, ACTION, {}, r"observation space Box.*not an image"),
        (spaces.Dict(image=IMAGE, instruction=spaces.Text(4)), ACTION, {}, r"holds no numbers; allowed"),
        (spaces.Dict(mode=spaces.Discrete(3)), ACTION, {}, r'Discrete\(3\) of "mode"; allowed'),
        (spaces.Dict(image=IMAGE), ACTION, {"keys": ["image"]}, r'of "image"; allowed'),
        (spaces.Dict(state=OBSERVATION), ACTION, {"keys": ["pose"]}, r"\['pose'\] not observed; allowed: \['state'\]"),
        (OBSERVATION, ACTION, {"keys": ["state"]}, r"has none; leave it out"),
        (OBSERVATION, ACTION, {"hidden": [64, 0]}, r"hidden=\[64, 0\]; allowed"),
        (OBSERVATION, ACTION, {"log_std_init": float("nan")}, r"log_std_init=nan; allowed"),
    ],
)
def test_what_it_cannot_take_is_named(
    observation: spaces.Space, action: spaces.Space, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        GaussianPolicy(observation, action, **options)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("deterministic", [True, False])
def test_numbers_that_are_not_finite_give_no_action(bad: float, deterministic: bool) -> None:
    policy = make()
    with torch.no_grad():
        policy.actor[0].weight[0, 0] = bad
    obs = observations()
    obs[:, 0] = [0.0, 0.0, 1.0, 1.0, 1.0]  # 0 * inf is NaN, too
    with pytest.raises(PolicyNumbersError, match=r"the log-probability of row 0 of 5 is not finite: \[nan"):
        policy.act(obs, deterministic=deterministic, generator=generator())


def test_observations_that_are_not_finite_never_reach_the_moments() -> None:
    policy = make(normalize_observations=True)
    obs = observations()
    obs[3, 1] = np.nan
    with pytest.raises(PolicyNumbersError, match=r"the observation of row 3 of 5 is not finite"):
        policy.act(obs, generator=generator())
    assert policy.moments is not None
    assert policy.moments.count == 0


def test_weights_that_are_not_finite_are_not_loaded(tmp_path: Path) -> None:
    policy = make()
    with torch.no_grad():
        policy.log_std[1] = math.nan
    policy.save_pretrained(tmp_path)
    with pytest.raises(PolicyError, match=r"gaussian_policy.pt holds weights that are not finite: log_std"):
        GaussianPolicy.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["config", "weights"])
@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"\xff\xfe", b"PK\x03\x04", b"cos\nsystem\n(S'true'\ntR."])
def test_a_damaged_or_harmful_file_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    from vla_trainer.policy import gaussian

    make().save_pretrained(tmp_path)
    (tmp_path / {"config": gaussian.CONFIG_FILE, "weights": gaussian.WEIGHTS_FILE}[name]).write_bytes(content)
    with pytest.raises(PolicyError, match=r"holds no whole GaussianPolicy \(\w+\)$"):
        GaussianPolicy.from_pretrained(tmp_path)
