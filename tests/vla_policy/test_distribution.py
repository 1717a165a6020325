import math

import pytest
import torch

from vla_policy.distribution import ActionTokenDistribution
from vla_policy.errors import ConfigError, NumbersError, TokenError


def test_log_prob_and_entropy_by_hand():
    # Probabilities 1/4, 3/4: entropy = ln 4 - 3/4 ln 3.
    logits = torch.tensor([[[0.0, math.log(3.0)]]])
    distribution = ActionTokenDistribution(logits, first_id=10)
    assert distribution.log_prob(torch.tensor([[10]])).item() == pytest.approx(math.log(0.25))
    assert distribution.log_prob(torch.tensor([[11]])).item() == pytest.approx(math.log(0.75))
    assert distribution.entropy().item() == pytest.approx(math.log(4) - 0.75 * math.log(3))
    assert distribution.mode().item() == 11


def test_the_median_is_the_first_id_with_half_of_the_probability_up_to_it():
    # sums 0.4, 0.4, 0.7, 1: the third, though the first is the most likely; 0.2, 0.5, 0.8, 1: the second has just half
    probabilities = torch.tensor([[[0.4, 0.0, 0.3, 0.3], [0.25, 0.25, 0.25, 0.25]]])
    distribution = ActionTokenDistribution(torch.log(probabilities), first_id=10)
    assert distribution.mode().tolist() == [[10, 10]]
    assert distribution.median().tolist() == [[12, 11]]
    # all mass on the last id, and all on the first
    certain = ActionTokenDistribution(torch.tensor([[[0.0, 0.0, 100.0], [100.0, 0.0, 0.0]]]))
    assert certain.median().tolist() == [[2, 0]]


def test_the_median_has_the_least_expected_distance():
    logits = torch.randn(4, 7, 256, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2
    distribution = ActionTokenDistribution(logits)
    ids = torch.arange(256, dtype=torch.float64)
    expected = ((ids[:, None] - ids).abs() * logits.softmax(-1)[..., None, :]).sum(-1)  # (4, 7, 256): of each choice
    assert torch.equal(distribution.median(), expected.argmin(-1))


def test_temperature_divides_logits():
    # ln 9 / 2 = ln 3: temperature 2 turns odds of 9 into odds of 3.
    logits = torch.tensor([[[0.0, math.log(9.0)]]])
    assert ActionTokenDistribution(logits, 2.0).log_prob(torch.tensor([[1]])).item() == pytest.approx(math.log(0.75))


def test_top_k_renormalizes():
    logits = torch.log(torch.tensor([[[0.5, 0.3, 0.2]]]))
    distribution = ActionTokenDistribution(logits, top_k=2)
    # 0.5 / 0.8 and 0.3 / 0.8; the third has no mass.
    torch.testing.assert_close(distribution.log_probs.exp(), torch.tensor([[[0.625, 0.375, 0.0]]]))
    expected = -(0.625 * math.log(0.625) + 0.375 * math.log(0.375))
    assert distribution.entropy().item() == pytest.approx(expected)
    samples = ActionTokenDistribution(logits.expand(1000, 5, 3), top_k=2).sample(torch.Generator().manual_seed(0))
    assert samples.max() == 1


def test_top_k_gradient_is_finite():
    logits = torch.randn(2, 3, 8, requires_grad=True)
    distribution = ActionTokenDistribution(logits, top_k=2)
    (distribution.entropy().sum() + distribution.log_prob(distribution.mode()).sum()).backward()
    assert torch.isfinite(logits.grad).all()


def test_samples_have_the_probabilities():
    probabilities = torch.tensor([0.1, 0.2, 0.3, 0.4])
    logits = probabilities.log().expand(100, 1000, 4)
    samples = ActionTokenDistribution(logits).sample(torch.Generator().manual_seed(0))
    # 100,000 samples: a standard error of at most sqrt(.25 / 1e5) = 0.0016.
    torch.testing.assert_close(torch.bincount(samples.flatten()) / 1e5, probabilities, rtol=0, atol=0.007)


def test_same_seed_same_sample():
    logits = torch.randn(4, 7, 256, generator=torch.Generator().manual_seed(1))
    first, second = (ActionTokenDistribution(logits).sample(torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)


def test_a_generator_a_row():
    logits = torch.randn(4, 7, 256, generator=torch.Generator().manual_seed(1))

    def generators(*seeds):
        return [torch.Generator().manual_seed(seed) for seed in seeds]

    together = ActionTokenDistribution(logits).sample(generators(1, 2, 3, 4))
    for row in range(4):
        alone = ActionTokenDistribution(logits[row : row + 1]).sample(generators(row + 1))
        assert torch.equal(alone[0], together[row])
    with pytest.raises(ConfigError, match="2 generators for 4 rows"):
        ActionTokenDistribution(logits).sample(generators(1, 2))


def correlated(correlation, rows, generator=None):
    """Samples (rows, 4 actions, 2 numbers) of 64 bins; each token is a Gaussian of 4 bins around a mean of its own."""
    bins = torch.arange(64.0)
    means = torch.linspace(22, 42, 8)
    logits = (-0.5 * ((bins - means[:, None]) / 4) ** 2).expand(rows, -1, -1)
    generator = generator or torch.Generator().manual_seed(3)
    samples = ActionTokenDistribution(logits).sample_correlated(correlation, 2, generator)
    return samples.reshape(rows, 4, 2).float(), means.reshape(4, 2)


def test_correlated_samples_have_the_probabilities():
    probabilities = torch.tensor([0.1, 0.2, 0.3, 0.4])
    logits = probabilities.log().expand(25_000, 4, 4)
    samples = ActionTokenDistribution(logits).sample_correlated(0.9, 2, torch.Generator().manual_seed(0))
    # 25,000 rows, tokens of which are no longer independent: a standard error of at most sqrt(.25 / 25e3) = 0.0032
    for token in range(4):
        torch.testing.assert_close(torch.bincount(samples[:, token]) / 25e3, probabilities, rtol=0, atol=0.013)


def test_the_noise_of_a_number_is_correlated_over_the_actions_of_a_chunk():
    rows = 20_000
    samples, means = correlated(0.8, rows)
    noise = (samples - means) / 4
    torch.testing.assert_close(noise.mean(0), torch.zeros(4, 2), rtol=0, atol=0.04)
    torch.testing.assert_close(noise.std(0), torch.ones(4, 2), rtol=0, atol=0.04)
    found = torch.corrcoef(noise.reshape(rows, 8).T)
    # token (c, a) is number 2 c + a: those with the same a share the noise, rounding to bins adds 1 / 12 to 16
    expected = torch.where((torch.arange(8)[:, None] - torch.arange(8)) % 2 == 0, 0.8, 0.0).fill_diagonal_(1.0)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)


def test_without_correlation_and_with_all_of_it():
    samples, means = correlated(0.0, 5000)
    assert torch.corrcoef((samples - means).reshape(5000, 8).T).fill_diagonal_(0).abs().max() < 0.06  # 4 / sqrt(5000)
    samples, means = correlated(1.0, 100)
    # the same quantile of Gaussians of one width: apart from each other as their means, but for rounding
    apart = samples - means
    assert (apart - apart[:, :1]).abs().max() <= 1


def test_correlated_samples_need_a_correlation_and_a_generator_a_row():
    logits = torch.randn(4, 8, 256, generator=torch.Generator().manual_seed(1))

    def generators(*seeds):
        return [torch.Generator().manual_seed(seed) for seed in seeds]

    together = ActionTokenDistribution(logits).sample_correlated(0.9, 2, generators(1, 2, 3, 4))
    for row in range(4):
        alone = ActionTokenDistribution(logits[row : row + 1]).sample_correlated(0.9, 2, generators(row + 1))
        assert torch.equal(alone[0], together[row])
    with pytest.raises(ConfigError, match="2 generators for 4 rows"):
        ActionTokenDistribution(logits).sample_correlated(0.9, 2, generators(1, 2))
    with pytest.raises(ConfigError, match=r"chunk_correlation is 1\.5; allowed: 0 to 1"):
        ActionTokenDistribution(logits).sample_correlated(1.5, 2)
    ids = ActionTokenDistribution(logits, top_k=1, first_id=31744).sample_correlated(0.9, 2, generators(1, 2, 3, 4))
    assert torch.equal(ids, 31744 + logits.argmax(-1))
    bad = torch.full((1, 8, 256), torch.nan)
    with pytest.raises(NumbersError, match="not finite"):
        ActionTokenDistribution(bad).sample_correlated(0.9, 2)


def test_marginal_scores_of_correlated_noise_give_the_gradient_times_its_covariance():
    # Q = sum over the tokens of w times the deviation from the mean, in deviations. With m a shift of the means, in
    # deviations, E[Q d log p / d m] = S w with S the noise's covariance: for a correlation r within a chunk
    # (S w)_ca = (1 - r) w_ca + r times the sum of w over the actions
    rows, r = 50_000, 0.75
    shift = torch.zeros(8, requires_grad=True)
    means = torch.linspace(22, 42, 8)
    logits = -0.5 * ((torch.arange(64.0) - (means + 4 * shift)[:, None]) / 4) ** 2
    distribution = ActionTokenDistribution(logits.expand(rows, -1, -1))
    tokens = distribution.sample_correlated(r, 2, torch.Generator().manual_seed(3))
    w = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, -2.0], [0.5, 0.0]])
    q = ((tokens - means) / 4 * w.flatten()).sum(1)
    (gradient,) = torch.autograd.grad((q * distribution.log_prob(tokens).sum(1)).mean(), shift)
    expected = (1 - r) * w + r * w.sum(0)
    # a standard error of some sqrt(E[q^2]) / sqrt(50,000) = 0.01
    torch.testing.assert_close(gradient.reshape(4, 2), expected, rtol=0, atol=0.05)


def test_rounding_hardly_changes_a_sample():
    # 4 x 2,000 tokens under noise of 1e-6: the race differs with a probability of about the total variation, below
    # 1e-6 a token. By inversion some 256 boundaries move by up to 1e-6 each, which is a hundred times as often.
    logits = torch.randn(4, 2000, 256, generator=torch.Generator().manual_seed(1))
    noise = 1e-6 * torch.randn(logits.shape, generator=torch.Generator().manual_seed(2))
    first, second = (
        ActionTokenDistribution(x).sample(torch.Generator().manual_seed(5)) for x in (logits, logits + noise)
    )
    assert (first != second).sum() <= 1


def test_maths_is_float32():
    assert ActionTokenDistribution(torch.zeros(1, 1, 4, dtype=torch.bfloat16)).log_probs.dtype == torch.float32


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ConfigError, match="temperature"):
        ActionTokenDistribution(torch.zeros(1, 1, 4), temperature)


def test_errors():
    distribution = ActionTokenDistribution(torch.zeros(2, 3, 4), first_id=100)
    with pytest.raises(TokenError, match=r"99 to 99.*100 to 103"):
        distribution.log_prob(torch.full((2, 3), 99))
    with pytest.raises(TokenError, match=r"\(2, 2\)"):
        distribution.log_prob(torch.full((2, 2), 100))
    with pytest.raises(TokenError, match="float32"):
        distribution.log_prob(torch.zeros(2, 3))
    with pytest.raises(ConfigError, match="top_k is 5"):
        ActionTokenDistribution(torch.zeros(1, 1, 4), top_k=5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("decode", ["sample", "mode", "median"])
def test_logits_that_are_not_finite_give_no_token(bad, decode):
    logits = torch.zeros(2, 3, 256)
    assert getattr(ActionTokenDistribution(logits, first_id=31744), decode)().shape == (2, 3)
    logits[1, 2, 7] = bad
    with pytest.raises(NumbersError, match=r"the logits of token 2 of row 1 \(of 2\) are not finite"):
        getattr(ActionTokenDistribution(logits, first_id=31744), decode)()
    # a logit of -inf excludes an id; all of them leave none
    logits[1, 2] = -torch.inf
    logits[1, 2, 9] = 0.0
    assert getattr(ActionTokenDistribution(logits, first_id=31744), decode)()[1, 2] == 31744 + 9
    logits[1, 2] = -torch.inf
    with pytest.raises(NumbersError):
        getattr(ActionTokenDistribution(logits, first_id=31744), decode)()
