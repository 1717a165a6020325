"""Checkpoints of a run: written whole or not at all, kept by age and score, read back to the last bit."""

from vla_trainer.checkpoint.files import Unpublished, WriteWeights, load, put, read_state, save, write, write_policy
from vla_trainer.checkpoint.retention import (
    BEST,
    FOLDER,
    SCORE_FILE,
    SHARDS,
    STATE_FILE,
    Score,
    best,
    continue_from,
    follow,
    found,
    is_best,
    newest,
    point_at_best,
    step_of,
)

__all__ = [
    "BEST",
    "FOLDER",
    "SCORE_FILE",
    "SHARDS",
    "STATE_FILE",
    "Score",
    "Unpublished",
    "WriteWeights",
    "best",
    "continue_from",
    "follow",
    "found",
    "is_best",
    "load",
    "newest",
    "point_at_best",
    "put",
    "read_state",
    "save",
    "step_of",
    "write",
    "write_policy",
]
