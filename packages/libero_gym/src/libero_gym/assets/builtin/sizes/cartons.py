"""Printed boxes."""

from __future__ import annotations

from libero_gym.assets.builtin.carton import BoxSizes
from libero_gym.assets.builtin.shapes import Inertia

COOKIES = BoxSizes(
    half_size=(0.0310, 0.0413, 0.0094),
    visual_half_size=(0.0307, 0.0418, 0.0100),
    inertia=Inertia(0.00964, (0.0, 0.0, 0.0), (5.77e-6, 3.38e-6, 8.58e-6)),
)
