"""The collapse guard on numbers whose ranges are known, and on the curves of real runs."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import ray_runs
from reach_toy import GRPO_RECIPE
from scipy.stats import binomtest

from vla_trainer.collapse import CERTAIN, FIRST, CollapseGuard, Sign

RUNS = Path(__file__).parents[2] / "benchmarks/results/learning.json"


def looks(guard: CollapseGuard, name: str, values: list[float], first: int = 1) -> list[list[Sign]]:
    """What an iteration each of one metric gives."""
    return [guard.look(number, {name: value}) for number, value in enumerate(values, first)]


@pytest.mark.parametrize(
    ("name", "first", "inside", "outside"),
    [
        # 10 times the median of 0.01 is 0.1, which is never outside
        ("actor/approx_kl", [0.01] * 5, 0.099, 0.101),
        # 10 times the median of 0.02
        ("actor/approx_kl", [0.02, 0.02, 0.05, 0.02, 0.01], 0.199, 0.201),
        # the median is 1; of |log x| = 0, ln 2, 2 ln 2, ln 2, 2 ln 2 it is ln 2: 2^(6 x 1.4826) = 476.0
        ("actor/grad_norm", [1.0, 2.0, 4.0, 0.5, 0.25], 475.0, 477.0),
        ("actor/grad_norm", [0.5] * 5, 4.99, 5.01),
        # the median and 0.3, where that is above 0.4
        ("actor/clip_fraction", [0.05] * 5, 0.39, 0.41),
        ("actor/clip_fraction", [0.2] * 5, 0.49, 0.51),
        # twice what the largest error that the rounding of float32 leaves may be
        ("actor/initial_ratio_error", [1e-5] * 5, 0.019, 0.021),
        # no run's own range includes 0.3
        ("actor/initial_ratio_error", [0.07] * 5, 0.299, 0.301),
        ("actor/entropy", [3.2, 3.1, 3.1, 3.1, 3.0], 3.39, 3.41),
        ("actor/entropy", [3.2, 3.1, 3.1, 3.1, 3.0], 2.81, 2.79),
        ("actor/explained_variance", [0.5] * 5, -0.99, -1.01),
        ("rollout/advantage_std", [0.9] * 5, 8.9, 9.1),
    ],
)
def test_the_range_that_a_run_s_first_iterations_set(
    name: str, first: list[float], inside: float, outside: float
) -> None:
    assert looks(CollapseGuard(), name, [*first, inside])[-1] == []
    guard = CollapseGuard()
    assert looks(guard, name, first) == [[]] * FIRST
    (sign,) = guard.look(6, {name: outside})
    assert (sign.metric, sign.value, sign.new) == (name, outside, True)
    assert name in str(sign)
    assert "first 5 iterations" in str(sign) or "last 5 iterations" in str(sign)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("actor/approx_kl", 0.19, 0.21),
        ("actor/clip_fraction", 0.49, 0.51),
        ("actor/initial_ratio_error", 0.29, 0.31),
        ("actor/explained_variance", -0.9, -1.1),
    ],
)
def test_limits_that_hold_in_the_first_iteration(name: str, inside: float, outside: float) -> None:
    assert CollapseGuard().look(1, {name: inside}) == []
    (sign,) = CollapseGuard().look(1, {name: outside})
    assert "the limit of any run" in str(sign)


def test_iterations_with_a_sign_set_no_range() -> None:
    # a run that is wrong from the start stays wrong: 1.0 would else be the median of a range up to 0.5
    guard = CollapseGuard()
    signs = looks(guard, "actor/approx_kl", [1.0] * 20)
    assert all(signs)
    assert guard.last_good == 0


def guard_of(*overrides: str) -> CollapseGuard:
    return CollapseGuard.of(ray_runs.config(GRPO_RECIPE, *overrides), None)


def test_kl_adds_up_over_the_tokens_of_a_ratio() -> None:
    # 5 times 0.2 for chunks
    chunks = "algorithm.logprob_type=chunk_level"
    assert guard_of(chunks).look(1, {"actor/approx_kl": 0.99}) == []
    assert guard_of(chunks).look(1, {"actor/approx_kl": 1.01}) != []
    assert guard_of().look(1, {"actor/approx_kl": 0.21}) != []
    # 10 times the median of 0.2
    guard = guard_of(chunks)
    looks(guard, "actor/approx_kl", [0.2] * 5)
    assert guard.look(6, {"actor/approx_kl": 1.99}) == []
    assert guard.look(7, {"actor/approx_kl": 2.01}) != []


def test_bfloat16_rounds_ratios_more() -> None:
    assert guard_of("policy.precision=bf16").look(1, {"actor/initial_ratio_error": 0.89}) == []
    assert guard_of("policy.precision=bf16").look(1, {"actor/initial_ratio_error": 0.91}) != []
    assert guard_of().look(1, {"actor/initial_ratio_error": 0.31}) != []


def test_entropy_may_fall_over_a_run_but_not_in_an_iteration() -> None:
    # 0.05 an iteration, 2 nats in all
    assert not any(looks(CollapseGuard(), "actor/entropy", [3.2 - 0.05 * step for step in range(40)]))
    guard = CollapseGuard()
    # the first five are 3.2 to 3.0, deviations from the median 0.1 0.05 0 0.05 0.1; the last five are 2.45 to 2.25
    looks(guard, "actor/entropy", [3.2 - 0.05 * step for step in range(20)])
    (sign,) = guard.look(21, {"actor/entropy": 1.9})
    assert sign.low == pytest.approx(2.35 - 6 * 1.4826 * 0.05)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["actor/loss", "actor/grad_norm", "actor/value_loss", "rollout/reward_mean"])
def test_what_is_not_finite(name: str, value: float) -> None:
    (sign,) = CollapseGuard().look(1, {name: value})
    assert str(sign).startswith(f"{name} is {value}: not finite")


def test_steps_that_were_skipped() -> None:
    # 1 of 4 and 2 of 6
    assert CollapseGuard().look(1, {"actor/skipped_steps": 1.0, "actor/optimizer_steps": 3.0}) == []
    (sign,) = CollapseGuard().look(1, {"actor/skipped_steps": 2.0, "actor/optimizer_steps": 4.0})
    assert sign.value == pytest.approx(1 / 3)
    assert CollapseGuard().look(1, {"actor/skipped_steps": 2.0}) != []


def success(successes: int, episodes: int) -> dict[str, float]:
    return {"rollout/success_rate": successes / episodes, "rollout/episodes": float(episodes)}


def interval(successes: int, episodes: int) -> Any:
    # 99% as the guard's z has it, by another implementation
    level = math.erf(CERTAIN / math.sqrt(2))
    return binomtest(successes, episodes).proportion_ci(level, method="wilson")


def test_success_is_of_the_episodes_from_true_starts() -> None:
    # 80 of 128 are certainly above 51%, half of which is 25.6%. 4 of 64 are certainly below it, 2 of 32 are not
    assert interval(4, 64).high < interval(80, 128).low / 2 < interval(2, 32).high
    low = {"rollout/success_rate": 1 / 16, "rollout/episodes": 64.0}
    for fraction, signs in ((0.0, 1), (0.5, 0)):
        guard = CollapseGuard()
        guard.look(1, success(80, 128))
        # half of the 64 began in the middle of an episode, and success is not theirs
        assert len(guard.look(2, {**low, "rollout/saved_start_fraction": fraction})) == signs


def test_success_that_is_lost() -> None:
    # 80 of 128 are certainly above 51%; half of that is 25.6%. Of 32, 1 is certainly below 22.0%, 2 below 26.2%
    assert interval(80, 128).low == pytest.approx(0.511, abs=1e-3)
    assert interval(1, 32).high == pytest.approx(0.220, abs=1e-3)
    assert interval(2, 32).high == pytest.approx(0.262, abs=1e-3)
    guard = CollapseGuard()
    assert guard.look(1, success(40, 64)) == guard.look(2, success(40, 64)) == []
    again = CollapseGuard(guard.state())
    (sign,) = guard.look(3, success(1, 32))
    assert sign.high == 1.0
    assert sign.low == pytest.approx(interval(80, 128).low / 2, abs=1e-6)
    # 2 of 32 may be chance, 4 of 64 are not: certainly below 18.8%
    assert interval(4, 64).high == pytest.approx(0.188, abs=2e-3)
    assert again.look(3, success(2, 32)) == []
    assert [sign.metric for sign in again.look(4, success(2, 32))] == ["rollout/success_rate"]


def test_a_policy_that_is_known_to_succeed() -> None:
    # none of 32 is certainly below 17.2%, which is less than half of 0.4 and more than half of 0.3
    assert interval(0, 32).high == pytest.approx(0.172, abs=1e-3)
    (sign,) = CollapseGuard(baseline_success=0.4).look(1, success(0, 32))
    assert "trainer.baseline_success=0.4" in str(sign)
    guard = CollapseGuard(baseline_success=0.3)
    assert guard.look(1, success(0, 32)) == []
    assert guard.look(2, success(0, 32)) != []
    assert CollapseGuard().look(1, success(0, 32)) == []


def test_evaluation_that_is_lost() -> None:
    def evaluated(successes: int) -> dict[str, float]:
        low, high = interval(successes, 50)
        return {"eval/success_rate": successes / 50, "eval/success_rate_low": low, "eval/success_rate_high": high}

    guard = CollapseGuard()
    assert guard.look(1, evaluated(40)) == guard.look(2, evaluated(25)) == []
    assert [sign.metric for sign in guard.look(3, evaluated(3))] == ["eval/success_rate"]


def test_a_reward_with_the_wrong_sign() -> None:
    name = "rollout/success_return_correlation"
    # 3 / sqrt(12 - 3) deviations of atanh(r): r = -tanh 1 = -0.762
    assert CollapseGuard().look(1, {name: -0.76, "rollout/episodes": 12.0}) == []
    assert [sign.metric for sign in CollapseGuard().look(1, {name: -0.77, "rollout/episodes": 12.0})] == [name]
    assert CollapseGuard().look(1, {name: -1.0, "rollout/episodes": 3.0}) == []


def test_returns_below_those_of_the_start() -> None:
    guard = CollapseGuard()
    rows = [{"rollout/reward_mean": 1.5, "rollout/reward_std": 0.4}] * 5
    assert not any(guard.look(number, row) for number, row in enumerate(rows, 1))
    # 1.5 - 1.5 x 0.4
    assert guard.look(6, {"rollout/reward_mean": 0.91, "rollout/reward_std": 0.4}) == []
    (sign,) = guard.look(7, {"rollout/reward_mean": -1.5, "rollout/reward_std": 0.4})
    assert sign.low == pytest.approx(0.9)


def test_a_sign_is_new_once_until_it_was_gone_for_five_iterations() -> None:
    guard = CollapseGuard()
    looks(guard, "actor/approx_kl", [0.01] * 5)
    new = [[sign.new for sign in signs] for signs in looks(guard, "actor/approx_kl", [1, 1, 0.01, 1, *[0.01] * 5, 1])]
    assert new == [[True], [False], [], [False], *[[]] * 5, [True]]


def test_a_rollback_forgets_what_the_weights_that_were_given_up_did() -> None:
    guard = CollapseGuard()
    looks(guard, "actor/entropy", [3.2 - 0.02 * step for step in range(40)])  # to 2.42
    assert guard.look(41, {"actor/entropy": 1.0}) != []
    guard.rolled_back(0.5)
    guard.rolled_back(0.5)
    assert (guard.lr_scale, guard.rollbacks) == (0.25, 2)
    # neither compared with the collapse nor with the start of the run
    assert looks(guard, "actor/entropy", [2.4, 2.4]) == [[], []]
    assert [sign.new for sign in guard.look(44, {"actor/entropy": 1.0})] == [True]


def test_its_state_goes_on_to_the_last_bit() -> None:
    def rows() -> list[dict[str, float]]:
        made = []
        for number in range(1, 31):
            kl = 0.01 + 0.001 * (number % 7) + (0.5 if number in (12, 25) else 0.0)
            row = {"actor/approx_kl": kl, "actor/entropy": 3.2 - number / 30, "actor/grad_norm": 1 / 3 + number % 5}
            made.append({**row, **success(16 if number < 20 else 1, 32)})
        return made

    whole = CollapseGuard(baseline_success=0.5)
    expected = [whole.look(number, row) for number, row in enumerate(rows(), 1)]
    assert sum(map(len, expected)) > 3
    guard, got = CollapseGuard(baseline_success=0.5), []
    for number, row in enumerate(rows(), 1):
        got.append(guard.look(number, row))
        guard = CollapseGuard(json.loads(json.dumps(guard.state())), baseline_success=0.5)
    assert got == expected
    assert guard.state() == whole.state()


def test_curves_of_good_runs() -> None:
    """Those of benchmarks/learning.py. The three that are flagged are not runs of one recipe from start to end: two
    were resumed, and one moved by 0.86 of KL in its first update."""
    flagged, runs = {}, json.loads(RUNS.read_text())
    columns = ("iteration", "approx_kl", "entropy", "success_rate", "iteration_episodes")
    for name, run in runs.items():
        guard, found = CollapseGuard(), []
        for iteration, kl, entropy, success_rate, episodes in zip(*map(run["curve"].get, columns), strict=True):
            metrics = {"actor/approx_kl": kl, "actor/entropy": entropy}
            metrics = {metric: value for metric, value in metrics.items() if value is not None}
            metrics |= {"rollout/success_rate": success_rate, "rollout/episodes": episodes}
            found += [sign.metric for sign in guard.look(iteration, metrics) if sign.new]
        if found:
            flagged[name] = found
    assert len(runs) >= 40
    assert flagged == {
        "spatial_all_by_hand": ["actor/entropy"],
        "spatial_all_sft8": ["actor/entropy"],
        "spatial_task0": ["actor/approx_kl"],
    }
