"""What a person has to know about an iteration that learned less than it seems, or nothing."""

from collections.abc import Callable, Mapping

from vla_trainer.algorithms import GRPO
from vla_trainer.config.schema import Config


class Notes:
    """Says it on the console, one line for each cause in an iteration; while a cause lasts, less and less often."""

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        self._config, self._say = config, say
        self._without_variance = 0
        """Iterations in a row."""

    def look(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Take the metrics of an iteration, which count from 1."""
        if skipped := metrics.get("actor/skipped_steps"):
            total = skipped + metrics.get("actor/optimizer_steps", 0.0)
            self._say(
                f"note: iteration {iteration}: {skipped:.0f} of {total:.0f} optimizer steps skipped: gradient norm or "
                f"loss was not finite; {self._config.actor.max_skipped_steps} in a row end the run"
            )
        algorithm = self._config.algorithm
        if not isinstance(algorithm, GRPO) or metrics.get("rollout/informative_groups", 1.0) > 0.0:
            self._without_variance = 0
            return
        self._without_variance += 1
        in_a_row = self._without_variance
        if in_a_row & (in_a_row - 1):  # said after 1, 2, 4, 8, ... in a row
            return
        outside = "" if algorithm.keep_mean_return is None else " whose mean is inside algorithm.keep_mean_return"
        row = f" as in the {in_a_row - 1} before," if in_a_row > 1 else ""
        self._say(
            f"note: iteration {iteration}:{row} no group{outside} has variance (mean return "
            f"{metrics.get('rollout/reward_mean', 0.0):.3g}), so that nothing was learned; {self._advice()}"
        )

    def _advice(self) -> str:
        algorithm, rollout = self._config.algorithm, self._config.rollout
        assert isinstance(algorithm, GRPO)
        return (
            "episodes of one start must end differently: raise "
            f"algorithm.group_size (now {algorithm.group_size}), rollout.temperature ({rollout.temperature:g}) or "
            f"rollout.resample_groups ({rollout.resample_groups}), or begin with a policy that succeeds sometimes"
        )
