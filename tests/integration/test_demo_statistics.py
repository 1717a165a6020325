"""What the environment's package writes of a dataset, the policy's package reads."""

import numpy as np

from libero_gym.demos.statistics import dataset_statistics
from vla_policy.action_stats import read_stats
from vla_policy.dataset_statistics import dataset_statistics as statistics_of


def test_a_policy_s_actions_are_those_of_the_dataset():
    rng = np.random.default_rng(0)
    actions, states = rng.uniform(-0.6, 0.6, (200, 7)), rng.normal(size=(200, 8))
    actions[:, 6] = np.where(rng.random(200) < 0.5, -1.0, 1.0)
    stats = read_stats(dataset_statistics("libero_spatial", [(actions, states)]), "libero_spatial", "q99", "libero")
    inside = np.clip(actions, np.quantile(actions, 0.01, axis=0), np.quantile(actions, 0.99, axis=0))
    np.testing.assert_allclose(stats.to_env(stats.from_env(actions)), inside, atol=1e-7)
    assert np.abs(stats.normalize_proprio(states)).max() <= 1


def test_both_packages_compute_the_same_statistics():
    rng = np.random.default_rng(1)
    episodes = [(rng.normal(size=(steps, 7)), rng.normal(size=(steps, 8))) for steps in (30, 50)]
    actions, states = zip(*episodes, strict=True)
    assert statistics_of("a", actions=actions, states=states) == dataset_statistics("a", episodes)
