"""Section "sync" of the GPU smoke test: weights from a process that learns to one that acts, each on its own GPU."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from smoke_ray import overrides
from smoke_rows import Row, Settings, holds, skipped

from vla_trainer.config.load import load_config
from vla_trainer.trainer import make_trainer

SECTION = "sync"


def run(settings: Settings) -> Iterator[Row]:
    """Collect, learn, send the weights, and collect with them."""
    if settings.device == "cuda" and torch.cuda.device_count() < 2:
        yield skipped(SECTION, "weight sync", "needs two GPUs")
        return
    placed = overrides(settings, 2, "{env: 0, rollout: 1, actor: 0}")
    config = load_config("tiny_spatial_grpo", [*placed, f"output_dir={settings.folder / 'run'}"])
    trainer = make_trainer(config)
    try:
        versions = []
        for iteration in (1, 2):
            rollout = trainer.collect()
            versions.append({int(version) for version in rollout.version[rollout.mask]})
            trainer.update(config.algorithm.batch(rollout), iteration)
        sent, trained = trainer.runtime.sync_bytes, trainer.runtime.trainable_bytes()
    finally:
        trainer.close()
    yield holds(SECTION, "versions that acted", versions == [{0}, {1}], str(versions), "[{0}, {1}]")
    yield holds(SECTION, "bytes of a sync", sent >= trained > 0, f"{sent:,}", f">= {trained:,}, what is trained")
