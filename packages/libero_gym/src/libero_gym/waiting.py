"""Log what a user waits for: the first use of a scene compiles for seconds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Its own logger, so that a command that shows a progress bar can silence these lines alone.
logger = logging.getLogger("libero_gym.waiting")


@contextmanager
def waiting_for(what: str, after: float = 1.0) -> Iterator[None]:
    """Log `what` as a warning, which Python shows by default, if the block takes longer than `after` seconds."""
    timer = threading.Timer(after, logger.warning, [what])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
