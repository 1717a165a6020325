import numpy as np
import pytest

from vla_policy.action_stats import identity_stats, read_stats
from vla_policy.errors import ConfigError, UnnormKeyError

STATS = {
    "libero_goal_no_noops": {
        "action": {
            "q01": [-0.5, 0.0, 0.0],
            "q99": [0.5, 2.0, 1.0],
            "min": [-1.0, -1.0, 0.0],
            "max": [1.0, 3.0, 1.0],
            "mask": [True, True, False],
        },
        "proprio": {"q01": [0.0, -1.0], "q99": [1.0, 1.0], "min": [0.0, -1.0], "max": [1.0, 1.0]},
    },
    "other": identity_stats(3),
}


def test_unnormalize_by_hand():
    stats = read_stats(STATS, "libero_goal", "q99", "none")
    assert stats.key == "libero_goal_no_noops"
    # 0.5 (a + 1) (q99 - q01 + 1e-8) + q01: a = 0 gives the middle, a = 1 the top; the third passes through.
    np.testing.assert_allclose(stats.to_env([0.0, 1.0, 0.3]), [0.5e-8, 2.0 + 1e-8, 0.3], rtol=0, atol=1e-12)


def test_minmax_bounds():
    # 0.5 (1 + 1) (3 - -1) - 1 = 3
    stats = read_stats(STATS, "libero_goal", "minmax", "none")
    np.testing.assert_allclose(stats.to_env([-1.0, 1.0, 0.0]), [-1.0, 3.0, 0.0], atol=1e-7)


@pytest.mark.parametrize(("checkpoint", "env"), [(1.0, -1.0), (0.9, -1.0), (0.0, 1.0), (0.1, 1.0)])
def test_gripper_is_a_decision_and_negated(checkpoint, env):
    # checkpoint 1 = open -> 2 * 1 - 1 = 1 -> sign 1 -> negated -1 = open in the env
    assert read_stats(STATS, "libero_goal", "q99", "libero").to_env([0.0, 0.0, checkpoint])[-1] == env


def test_from_env_is_the_inverse():
    stats = read_stats(STATS, "libero_goal", "q99", "libero")
    normalized = np.array([[0.3, -0.7, 1.0], [-1.0, 1.0, 0.0]])
    np.testing.assert_allclose(stats.from_env(stats.to_env(normalized)), normalized, atol=1e-7)


def test_proprio_is_scaled_and_clipped():
    stats = read_stats(STATS, "libero_goal", "q99", "libero")
    # 2 (0.25 - 0) / 1 - 1 = -0.5; 5 is beyond q99 and clipped to 1
    np.testing.assert_allclose(stats.normalize_proprio([[0.25, 5.0]]), [[-0.5, 1.0]], atol=1e-6)


def test_a_dimension_that_never_moved():
    stats = {"a": {"action": {"q01": [0.3], "q99": [0.3]}, "proprio": {"q01": [0.3], "q99": [0.3]}}}
    read = read_stats(stats, None, "q99", "none")
    np.testing.assert_allclose(read.normalize_proprio([0.3]), [-1.0])  # 2 * 0 / 1e-8 - 1
    np.testing.assert_allclose(read.to_env([1.0]), [0.3], atol=1e-7)


def test_key_errors_list_what_there_is():
    with pytest.raises(UnnormKeyError, match=r"libero_spatial.*libero_goal_no_noops, other"):
        read_stats(STATS, "libero_spatial", "q99", "libero")
    with pytest.raises(UnnormKeyError, match=r"None.*2 keys"):
        read_stats(STATS, None, "q99", "libero")
    assert read_stats({"only": identity_stats(2)}, None, "q99", "none").key == "only"


def test_incomplete_statistics():
    with pytest.raises(ConfigError, match="q99"):
        read_stats({"a": {"action": {"q01": [0.0]}}}, None, "q99", "none")
    with pytest.raises(ConfigError, match="differ"):
        read_stats({"a": {"action": {"q01": [0.0], "q99": [1.0, 2.0]}}}, None, "q99", "none")


def test_caller_array_is_not_changed():
    actions = np.array([0.0, 0.0, 1.0])
    read_stats(STATS, "libero_goal", "q99", "libero").to_env(actions)
    assert actions.tolist() == [0.0, 0.0, 1.0]
