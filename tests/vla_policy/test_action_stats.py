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


def entry(**changes):
    return {"a": {"action": {"q01": [-1.0, 0.0], "q99": [1.0, 2.0], "mask": [True, False], **changes}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"q01": [float("nan"), 0.0]}, r"norm_stats\['a'\]\['action'\]\['q01'\], dimension 0: nan is no finite number"),
        ({"q99": [1.0, float("inf")]}, r"\['q99'\], dimension 1: inf is no finite"),
        ({"q01": [10**400, 0.0]}, r"\['q01'\], dimension 0: 1000.*\.\.\. is no finite"),
        ({"q01": [-1.0, 2.5]}, r"\['action'\], dimension 1: q01 is 2\.5, above q99, which is 2"),
        ({"q01": [-1.0]}, r"lengths differ: q01 has 1, q99 2, mask 2"),
        ({"mask": [True]}, r"lengths differ: q01 has 2, q99 2, mask 1"),
        ({"mask": ["true", "false"]}, r"\['mask'\], dimension 0: true is neither true nor false"),
        ({"mask": 1}, r"\['mask'\] is 1; a list"),
        ({"q01": ["-1", 0.0]}, r"dimension 0: -1 is no finite number"),
        ({"q01": [None, 0.0]}, r"dimension 0: None is no finite number"),
        ({"q01": [True, 0.0]}, r"dimension 0: True is no finite number"),
        ({"q01": [[-1.0, 0.0]]}, r"dimension 0: \[-1.0, 0.0\] is no finite number"),
        ({"q01": 3.0}, r"\['q01'\] is 3.0; a list of numbers"),
        ({"q01": [], "q99": [], "mask": []}, r"\['q01'\] is \[\]; a list of numbers"),
        ({"q01": [-1e308, 0.0], "q99": [1e308, 1.0]}, r"dimension 0: -1e\+308 to 1e\+308 is too wide"),
    ],
)
def test_numbers_that_would_reach_the_robot_are_named(changes, message):
    with pytest.raises(ConfigError, match=message) as error:
        read_stats(entry(**changes), None, "q99", "none")
    assert len(str(error.value)) < 250


def test_minimum_above_maximum_and_proprio_are_checked_too():
    with pytest.raises(ConfigError, match=r"dimension 0: min is 3, above max, which is 1"):
        read_stats({"a": {"action": {"min": [3.0], "max": [1.0]}}}, None, "minmax", "none")
    with pytest.raises(ConfigError, match=r"\['proprio'\]\['q99'\], dimension 0: nan"):
        read_stats(
            entry() | {"a": entry()["a"] | {"proprio": {"q01": [0.0], "q99": [float("nan")]}}}, None, "q99", "none"
        )
    with pytest.raises(ConfigError, match=r"\['proprio'\] has no q01"):
        read_stats({"a": entry()["a"] | {"proprio": {"q99": [0.0]}}}, None, "q99", "none")


@pytest.mark.parametrize("norm_stats", [{"a": 3}, {"a": None}, {"a": {"action": None}}, {"a": []}, 7])
def test_entries_that_are_no_objects(norm_stats):
    with pytest.raises(ConfigError, match="norm_stats"):
        read_stats(norm_stats, "a", "q99", "none")
    with pytest.raises(UnnormKeyError, match="unnorm_key is 3"):
        read_stats({"a": 1}, 3, "q99", "none")


def test_constant_dimensions_stay_as_upstream_has_them():
    # 2 (x - low) / (high - low + 1e-8) - 1 clipped: -1 at the constant, 1 above it; 0.5 (a + 1) 1e-8 + low is low.
    stats = read_stats({"a": {"action": {"q01": [0.3, 0.0], "q99": [0.3, 1.0]}}}, None, "q99", "none")
    assert stats.from_env([[0.3, 0.5], [0.4, 0.5]])[:, 0].tolist() == [-1.0, 1.0]
    np.testing.assert_allclose(stats.to_env([[-1.0, 0.0], [1.0, 0.0]])[:, 0], 0.3, rtol=0, atol=2e-8)


def test_caller_array_is_not_changed():
    actions = np.array([0.0, 0.0, 1.0])
    read_stats(STATS, "libero_goal", "q99", "libero").to_env(actions)
    assert actions.tolist() == [0.0, 0.0, 1.0]
