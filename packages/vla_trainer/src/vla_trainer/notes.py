"""Notes about an iteration that learned less than its metrics suggest."""

from collections.abc import Callable, Mapping

from vla_trainer.config.schema import Config


class Notes:
    """Prints one line for each cause in an iteration; while a cause lasts, less and less often."""

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        """`say`: takes lines for the user."""
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
        explained = self._config.algorithm.explain_no_variance(self._config)
        if explained is None or metrics.get("rollout/informative_groups", 1.0) > 0.0:
            self._without_variance = 0
            return
        self._without_variance += 1
        in_a_row = self._without_variance
        if in_a_row & (in_a_row - 1):  # printed after 1, 2, 4, 8, ... in a row
            return
        cause, advice = explained
        row = f" as in the {in_a_row - 1} before," if in_a_row > 1 else ""
        mean_return = metrics.get("rollout/reward_mean", 0.0)
        self._say(
            f"note: iteration {iteration}:{row} {cause} (mean return {mean_return:.3g}), so that nothing was learned; "
            f"{advice}"
        )
