"""Stoves."""

from __future__ import annotations

from libero_gym.assets.builtin.shapes import Inertia, Panel
from libero_gym.assets.builtin.stove import StoveSizes

FLAT_STOVE = StoveSizes(
    burner_position=(0.15, 0.0, 0.0),
    plate_half_size=(0.095, 0.095, 0.02),
    lid=Panel((0.0, 0.0, 0.013), (0.095, 0.095, 0.0125)),
    cook_region=Panel((0.0, 0.0, 0.0), (0.075, 0.075, 0.0025)),
    glow_position=(0.0, 0.0, 0.022),
    glow_radius=0.0625,
    glow_half_height=0.0005,
    rings=((0.0, 0.011), (0.018, 0.026), (0.033, 0.041), (0.048, 0.065)),
    ring_bottom=0.0193,
    ring_top=0.0254,
    knob_quat=(0.7071068, 0.0, 0.0, 0.7071068),
    knob_disc_centre=(0.0013, 0.0046, 0.0066),
    knob_disc_radius=0.0468,
    knob_disc_half_height=0.0062,
    knob_grips=(
        Panel((0.0014, 0.0174, 0.0257), (0.0123, 0.0346, 0.0243)),
        Panel((0.0011, -0.0289, 0.0215), (0.0122, 0.0118, 0.0210)),
    ),
    knob_inertia=Inertia(3.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    joint_range=(-0.005, 2.1),
    joint_damping=1.0,
)
