"""TensorBoard event files."""

from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter


class TensorboardLogger:
    """One scalar a metric; the step is the iteration."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        if self._writer is None:
            # after a resume TensorBoard forgets what an interrupted run wrote from here on
            self._writer = SummaryWriter(str(self._folder), purge_step=iteration)
        try:
            for name, value in metrics.items():
                self._writer.add_scalar(name, value, iteration)
            self._writer.flush()
        except Exception:
            # its thread has ended; the next call begins another file
            self._writer = None
            raise

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
