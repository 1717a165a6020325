"""The time of a stage: a line over an amount, or a transfer of bytes."""

from collections.abc import Sequence

import numpy as np
from pydantic import ConfigDict, NonNegativeFloat, PositiveFloat
from pydantic.dataclasses import dataclass

from vla_trainer.errors import MeasurementError

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, config=STRICT)
class Line:
    """Seconds of a call that handles n items at once: fixed + each n."""

    fixed: NonNegativeFloat = 0.0
    """Seconds of any call."""
    each: NonNegativeFloat = 0.0
    """Seconds of each item."""

    def seconds(self, n: float) -> float:
        """Return the seconds of a call that handles n items."""
        return self.fixed + self.each * n


@dataclass(frozen=True, config=STRICT)
class Transfer:
    """Seconds of sending bytes: latency + bytes / bytes_per_second."""

    bytes: NonNegativeFloat = 0.0
    bytes_per_second: PositiveFloat = 1e9
    latency: NonNegativeFloat = 0.0
    """Seconds before the first byte."""

    @property
    def seconds(self) -> float:
        """Return the seconds of sending all bytes once."""
        return self.latency + self.bytes / self.bytes_per_second

    def all_reduce_seconds(self, ranks: int) -> float:
        """Return the seconds of summing the bytes over all ranks in a ring: each sends 2 (ranks - 1) / ranks of them.

        Patarasuk and Yuan (2009), "Bandwidth optimal all-reduce algorithms for clusters of workstations".
        """
        if ranks == 1:
            return 0.0
        return self.latency + 2 * (ranks - 1) / ranks * self.bytes / self.bytes_per_second

    def ring_seconds(self, ranks: int) -> float:
        """Return the seconds of an all-gather in a ring: each rank sends (ranks - 1) / ranks of the bytes.

        A reduce-scatter takes as long; the two after each other are the all-reduce above.
        """
        if ranks == 1:
            return 0.0
        return self.latency + (ranks - 1) / ranks * self.bytes / self.bytes_per_second


def fit(points: Sequence[tuple[float, float]]) -> Line:
    """Fit a line to measured points (n, seconds): least squares with neither coefficient below 0.

    Raises:
        MeasurementError: fewer than two different n, which cannot tell the fixed part from the rest; a value that is
            negative or not finite.
    """
    measured = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(measured).all() or (measured < 0).any():
        raise MeasurementError(f"points (n, seconds) are finite and not negative; got {list(points)}")
    n, seconds = measured.T
    if len(np.unique(n)) < 2:
        raise MeasurementError(f"a line needs points (n, seconds) at two different n at least; got {list(points)}")
    each = float(((n - n.mean()) * (seconds - seconds.mean())).sum() / ((n - n.mean()) ** 2).sum())
    fixed = float(seconds.mean() - each * n.mean())
    # the sum of squares is convex: where its minimum has a coefficient below 0, the best allowed one has that at 0
    if each < 0:
        return Line(fixed=float(seconds.mean()))
    if fixed < 0:
        return Line(each=float((n * seconds).sum() / (n**2).sum()))
    return Line(fixed=fixed, each=each)
