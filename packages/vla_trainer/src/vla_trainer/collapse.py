"""Notice that training goes wrong while its numbers are still finite.

    metrics of an iteration --> limits that hold for every run ---------.
                            --> the range of the run's first iterations -+--> signs
                            --> success against the best so far --------'

The range is that of the run's first `FIRST` iterations without a sign: median -+ `SIGMAS` robust deviations (1.4826
times the median absolute deviation), and never narrower than a metric's `width`. Until it exists, and for values that
it must not exclude or include, there are limits that hold for every run; each names its source. They were chosen on
the curves of 40 good runs in benchmarks/results; benchmarks/collapse.py plants collapses and checks more good runs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal

from vla_trainer.config.schema import Config
from vla_trainer.metrics import wilson_interval

FIRST = 5
"""Iterations that set a run's range."""
SIGMAS = 6.0
"""Robust deviations from the median to the ends of a range."""
RECENT = 5
"""Iterations without a sign after which a metric that left its range is reported anew; also the iterations that success
is pooled over."""
DROP = 0.5
"""Success has collapsed where it is certainly below this part of the best."""
CERTAIN = 2.576
"""z of the Wilson intervals that are compared, 99%: a run compares once an iteration."""


@dataclass(frozen=True)
class Watch:
    """The expected range of one metric."""

    metric: str
    advice: str
    """What leaving the range means and what to try."""
    side: Literal["high", "low", "both"] = "high"
    """The side on which the range can be left."""
    limit: float = math.inf
    """End of the range until the run has its own."""
    own: bool = True
    """Whether the run's first iterations set a range."""
    log: bool = False
    """The range is computed of logarithms: for metrics that vary by factors."""
    width: float = math.inf
    """Distance of a range's ends from the median, at least; with `log` a factor."""
    inside: float | None = None
    """A value that a run's own range always includes."""
    outside: float | None = None
    """A value that no run's own range includes."""
    follows: bool = False
    """Whether the range moves: it is around the last `FIRST` iterations, with the width that the first ones set."""

    def range_of(self, first: Sequence[float], recent: Sequence[float]) -> tuple[float, float]:
        """Return both ends, by the values of the first iterations without a sign and of the last ones."""
        low = high = self.limit
        if self.own and len(first) >= FIRST:
            middle = _middle(first, self.log)
            spread = 1.4826 * median(abs(number - middle) for number in _numbers(first, self.log))
            half = max(SIGMAS * spread, math.log(self.width) if self.log else self.width)
            if self.follows:
                if not recent:  # after a rollback
                    return -math.inf, math.inf
                middle = _middle(recent, self.log)
            low, high = middle - half, middle + half
            if self.log:
                low, high = math.exp(low), math.exp(high)
            if self.inside is not None:
                low, high = min(low, self.inside), max(high, self.inside)
            if self.outside is not None:
                low, high = max(low, self.outside), min(high, self.outside)
        elif math.isinf(self.limit):
            return -math.inf, math.inf
        return (-math.inf if self.side == "high" else low), (math.inf if self.side == "low" else high)


WATCHES = (
    Watch(
        "actor/approx_kl",
        "the policy moves too far in an iteration; lower actor.lr or algorithm.epochs, or set algorithm.target_kl",
        # PPO stops an update at 1.5 times target_kl, which is 0.01 in Spinning Up; rsl_rl lowers the learning rate at
        # twice a desired_kl of 0.01. Good runs had medians of 0.001 to 0.02 and single iterations up to 0.067; 0.03 to
        # 0.1 in each iteration ended at 0% of success
        limit=0.2,
        log=True,
        width=10.0,
        inside=0.1,
        outside=0.5,
    ),
    Watch(
        "actor/clip_fraction",
        "most ratios leave the trust region; lower actor.lr or algorithm.epochs",
        # good runs, pendulum_ppo's ten epochs among them, had 0.34 at most
        limit=0.5,
        width=0.3,
        inside=0.4,
        outside=0.7,
    ),
    Watch(
        "actor/initial_ratio_error",
        "before the first optimizer step the policy disagrees with the one that acted: stale weights, another "
        "temperature, wrong old log-probabilities, or tokens that the mask should leave out",
        # the largest of all tokens: 1e-5 in float32; 7% in bfloat16, among some thousand
        limit=0.3,
        log=True,
        width=10.0,
        inside=0.02,
        outside=0.3,
    ),
    Watch(
        "actor/entropy",
        "the policy becomes random, or certain, too fast; check algorithm.entropy_coef (too large drives it up), "
        "rollout.temperature and actor.lr",
        # good runs changed by 0.16 nats at most in three iterations, and by 1.2 over a hundred
        side="both",
        width=0.3,
        follows=True,
    ),
    Watch(
        "actor/explained_variance",
        "the critic is worse than a constant; lower actor.critic_lr or algorithm.value_coef, raise "
        "algorithm.critic_warmup_iterations",
        # 0 is a constant's (1 - Var(return - value) / Var(return)); below -1 its errors vary more than returns do twice
        side="low",
        limit=-1.0,
        width=0.8,
        inside=-1.0,
        outside=-3.0,
    ),
    Watch(
        "actor/grad_norm",
        "gradients explode; check the scale of rewards and advantages, lower actor.lr",
        log=True,
        width=10.0,
    ),
    Watch(
        "rollout/advantage_std",
        "the scale of advantages has changed; check rewards, algorithm.normalize_advantages and the critic",
        log=True,
        width=10.0,
    ),
    Watch(
        "actor/skipped_steps",
        "many optimizer steps were not finite; check rewards and observations for NaN, lower actor.lr",
        # here a share of the iteration's steps
        limit=0.3,
        own=False,
    ),
)
JOINT = {"token_level": 1.0, "action_level": 2.5, "chunk_level": 5.0}
"""Factors of KL's limits where ratios are of several tokens: KL adds up over them."""
BF16 = 3.0
"""Factor of the limits of the ratio error under bfloat16, whose rounding depends on the batch."""
FINITE = ("actor/loss", "actor/value_loss", "rollout/reward_mean", *(watch.metric for watch in WATCHES))


@dataclass(frozen=True)
class Sign:
    """A metric that is outside its range."""

    metric: str
    value: float
    low: float
    high: float
    reason: str
    """Where the range is from."""
    advice: str
    new: bool = True
    """Whether it was inside before."""

    def __str__(self) -> str:
        if not math.isfinite(self.value):
            return f"{self.metric} is {self.value}: {self.advice}"
        where = f"above {self.high:.3g}" if self.value > self.high else f"below {self.low:.3g}"
        return f"{self.metric} is {self.value:.3g}, {where} ({self.reason}): {self.advice}"


class CollapseGuard:
    """Takes the metrics of each iteration, in order, and returns the signs in them. `state` holds all that it needs to
    go on to the last bit."""

    def __init__(
        self,
        state: Mapping[str, Any] | None = None,
        *,
        baseline_success: float | None = None,
        scales: Mapping[str, float] | None = None,
    ) -> None:
        """
        Args:
            state: of `state()`; None at the start of a run.
            baseline_success: of the policy that training begins with, if known.
            scales: by metric, factors of the limits that are not the run's own.
        """
        known = state or {}
        self._baseline, self._scales = baseline_success, scales or {}
        self._first: dict[str, list[float]] = {name: list(values) for name, values in known.get("first", {}).items()}
        self._recent: dict[str, list[float]] = {name: list(values) for name, values in known.get("recent", {}).items()}
        self._outcomes: list[list[float]] = [list(pair) for pair in known.get("outcomes", [])]
        """Successes and episodes of the last iterations that had some."""
        self._best: float = known.get("best", 0.0)
        """Lower end of the interval of the best success so far."""
        self._best_eval: float = known.get("best_eval", 0.0)
        self._begun: int = known.get("begun", 0)
        """Iterations that had episodes."""
        self._reported: dict[str, int] = dict(known.get("told", {}))  # the key is that of checkpoints
        """Metrics that were reported, and for how many iterations they have been inside since."""
        self.last_good: int = known.get("last_good", 0)
        """The last iteration without a sign; 0: none."""
        self.lr_scale: float = known.get("lr_scale", 1.0)
        """Factor of the learning rates, after rollbacks."""
        self.rollbacks: int = known.get("rollbacks", 0)

    @classmethod
    def of(cls, config: Config, state: Mapping[str, Any] | None) -> "CollapseGuard":
        """Make the guard of a run."""
        scales = {}
        if config.algorithm.uses_rollouts:
            scales["actor/approx_kl"] = JOINT[config.policy_gradient.logprob_type]
        if config.policy.precision == "bf16":
            scales["actor/initial_ratio_error"] = BF16
        return cls(state, baseline_success=config.trainer.baseline_success, scales=scales)

    def look(self, iteration: int, metrics: Mapping[str, float]) -> list[Sign]:
        """Return the signs in an iteration's metrics, at most one a metric."""
        found: dict[str, Sign] = {}
        for name in FINITE:
            if not math.isfinite(value := metrics.get(name, 0.0)):
                advice = "not finite; check rewards and observations, lower actor.lr"
                found[name] = Sign(name, value, -math.inf, math.inf, "", advice)
        for watch in WATCHES:
            if watch.metric in metrics and watch.metric not in found:
                sign = self._compare(watch, _share_of_steps(metrics) if not watch.own else metrics[watch.metric])
                found |= {} if sign is None else {sign.metric: sign}
        for sign in (self._returns(metrics), self._reward_sign(metrics), self._success(metrics), self._eval(metrics)):
            if sign is not None and sign.metric not in found:
                found[sign.metric] = sign
        signs = [replace(sign, new=sign.metric not in self._reported) for sign in found.values()]
        for name in list(self._reported):
            self._reported[name] += 1
            if self._reported[name] >= RECENT:
                del self._reported[name]
        self._reported |= dict.fromkeys(found, 0)
        if not signs:
            self.last_good = iteration
        return signs

    def rolled_back(self, lr_factor: float) -> None:
        """Forget the iterations of the weights that were given up; multiply the learning rates by `lr_factor`."""
        self.lr_scale *= lr_factor
        self.rollbacks += 1
        self._reported.clear()
        self._recent.clear()
        self._outcomes.clear()

    def state(self) -> dict[str, Any]:
        """Return all that it knows of a run, in plain types."""
        return {
            "first": {name: list(values) for name, values in self._first.items()},
            "recent": {name: list(values) for name, values in self._recent.items()},
            "outcomes": [list(pair) for pair in self._outcomes],
            "best": self._best,
            "best_eval": self._best_eval,
            "begun": self._begun,
            "told": dict(self._reported),
            "last_good": self.last_good,
            "lr_scale": self.lr_scale,
            "rollbacks": self.rollbacks,
        }

    def _compare(self, watch: Watch, value: float) -> Sign | None:
        name = watch.metric
        scale = self._scales.get(name, 1.0)
        first, recent = self._first.setdefault(name, []), self._recent.setdefault(name, [])
        low, high = watch.range_of([number / scale for number in first], [number / scale for number in recent])
        low, high = low * scale, high * scale
        inside, began = low <= value <= high, len(first) >= FIRST
        if inside and len(first) < FIRST:
            first.append(value)
        if inside or watch.follows:
            recent[:] = [*recent, value][-FIRST:]
        if not inside:
            reason = "the limit of any run"
            if watch.own and began:
                reason = f"the last {FIRST} iterations" if watch.follows else f"the run's first {FIRST} iterations"
            return Sign(name, value, low, high, reason, watch.advice)
        return None

    def _returns(self, metrics: Mapping[str, float]) -> Sign | None:
        """Return a sign if episodes earn less than at the beginning, by 1.5 deviations of single episodes."""
        mean, deviation = metrics.get("rollout/reward_mean"), metrics.get("rollout/reward_std")
        if mean is None or deviation is None or not math.isfinite(mean):
            return None
        means = self._first.setdefault("rollout/reward_mean", [])
        deviations = self._first.setdefault("rollout/reward_std", [])
        if len(means) < FIRST:
            means.append(mean)
            deviations.append(deviation)
            return None
        watch = Watch("rollout/reward_mean", "", side="low", width=1.5 * median(deviations))
        low, _ = watch.range_of(means, means)
        if mean >= low - 1e-9:
            return None
        advice = "episodes earn less than at the start; check the reward and its sign, lower actor.lr"
        return Sign(watch.metric, mean, low, math.inf, f"the run's first {FIRST} iterations", advice)

    def _reward_sign(self, metrics: Mapping[str, float]) -> Sign | None:
        """Return a sign if successful episodes earn less: the reward has the wrong sign, or prefers failure.

        Fisher's z of the correlation r, atanh(r) sqrt(M - 3), is normal with deviation 1 where M episodes have none
        (Fisher 1915).
        """
        name = "rollout/success_return_correlation"
        r, episodes = metrics.get(name), metrics.get("rollout/episodes", 0.0)
        if r is None or episodes <= 3:
            return None
        low = -math.tanh(3.0 / math.sqrt(episodes - 3))
        if r >= low:
            return None
        advice = "episodes that succeed earn less than those that fail; check the reward's sign and what it adds up to"
        return Sign(name, r, low, math.inf, "3 deviations below 0", advice)

    def _success(self, metrics: Mapping[str, float]) -> Sign | None:
        """Return a sign if success is certainly below a part of the best so far, or of the first policy's."""
        name = "rollout/success_rate"
        # those that began in the middle of an episode are not among them
        from_starts = 1.0 - metrics.get("rollout/saved_start_fraction", 0.0)
        rate, episodes = metrics.get(name), float(round(metrics.get("rollout/episodes", 0.0) * from_starts))
        if rate is None or not episodes:
            return None
        self._begun += 1
        self._outcomes = [*self._outcomes, [round(rate * episodes), episodes]][-RECENT:]
        advice = "the policy has lost what it could; go back to the best checkpoint, lower actor.lr"
        for last in range(1, min(3, len(self._outcomes)) + 1):
            rate, high = self._pooled(last)[0], self._pooled(last)[2]
            if high < DROP * self._best:
                whose = f"half of the best so far, certainly {self._best:.0%} or more"
                return Sign(name, rate, DROP * self._best, 1.0, whose, advice)
        if self._baseline is not None and self._begun <= RECENT:
            rate, _, high = self._pooled(len(self._outcomes))
            if high < DROP * self._baseline:
                whose = f"half of trainer.baseline_success={self._baseline:g}"
                wrong = (
                    "the policy that training begins with fails; check its statistics, its cameras and the temperature"
                )
                return Sign(name, rate, DROP * self._baseline, 1.0, whose, wrong)
        self._best = max([self._best, *(self._pooled(last)[1] for last in range(1, len(self._outcomes) + 1))])
        return None

    def _pooled(self, last: int) -> tuple[float, float, float]:
        """Return the success rate of the last iterations, and the ends of its interval."""
        successes, episodes = (sum(counts) for counts in zip(*self._outcomes[-last:], strict=True))
        return successes / episodes, *wilson_interval(int(successes), int(episodes), CERTAIN)

    def _eval(self, metrics: Mapping[str, float]) -> Sign | None:
        name, low, high = "eval/success_rate", "eval/success_rate_low", "eval/success_rate_high"
        if name not in metrics or low not in metrics or high not in metrics:
            return None
        if metrics[high] < DROP * self._best_eval:
            whose = f"half of the best so far, certainly {self._best_eval:.0%} or more"
            advice = "evaluation has lost what it reached; go back to the best checkpoint, lower actor.lr"
            return Sign(name, metrics[name], DROP * self._best_eval, 1.0, whose, advice)
        self._best_eval = max(self._best_eval, metrics[low])
        return None


def _share_of_steps(metrics: Mapping[str, float]) -> float:
    """Return the share of the optimizer steps that were skipped."""
    skipped = metrics["actor/skipped_steps"]
    return skipped / max(skipped + metrics.get("actor/optimizer_steps", 0.0), 1.0)


def _numbers(values: Sequence[float], log: bool) -> list[float]:
    # 1e-6: a metric may be 0, as KL is where an iteration has one optimizer step
    return [math.log(max(value, 1e-6)) if log else value for value in values]


def _middle(values: Sequence[float], log: bool) -> float:
    return median(_numbers(values, log))
