"""Images by formula, so that golden files need to hold results only."""

from __future__ import annotations

import numpy as np


def sample_images(height: int, width: int) -> np.ndarray:
    """(2, H, W, 3) uint8: a smooth scene with hard edges, and the same under noise that JPEG cannot keep."""
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    waves = [127 + 120 * np.sin(7 * x + c) * np.cos(5 * y - 2 * c) for c in range(3)]
    scene = np.stack(waves, axis=-1)
    scene[(abs(x - 0.3) < 0.12) & (abs(y - 0.6) < 0.2)] = (230, 40, 30)
    scene[(x - 0.7) ** 2 + (y - 0.35) ** 2 < 0.03] = (20, 25, 200)
    # A multiplicative hash, the same in every numpy.
    index = np.arange(height * width * 3, dtype=np.uint64).reshape(height, width, 3)
    noise = ((index * np.uint64(2654435761)) % np.uint64(2**32)) >> np.uint64(26)
    return np.clip(np.stack([scene, scene + noise.astype(float) - 32]), 0, 255).astype(np.uint8)
