"""Round vessels: bowls, plates, ramekins."""

from __future__ import annotations

from libero_gym.assets.builtin.lathe import LatheSizes, WallSizes
from libero_gym.assets.builtin.shapes import Inertia

AKITA_BLACK_BOWL = LatheSizes(
    foot_half_width=0.0228,
    foot_bottom=0.0016,
    foot_top=0.0068,
    walls=(
        WallSizes(lower=(0.0250, 0.0052), upper=(0.0436, 0.0156), thickness=0.0016, segments=12),
        WallSizes(lower=(0.0424, 0.0156), upper=(0.0518, 0.0518), thickness=0.0026, segments=24),
    ),
    profile=(
        (0.0, 0.0), (0.0240, 0.0), (0.0262, 0.0030), (0.0345, 0.0085), (0.0420, 0.0170), (0.0470, 0.0310),
        (0.0518, 0.0518), (0.0515, 0.0532), (0.0498, 0.0530), (0.0444, 0.0310), (0.0392, 0.0185), (0.0320, 0.0108),
        (0.0240, 0.0072), (0.0, 0.0068),
    ),
    inertia=Inertia(0.00559, (0.0, 0.0, 0.0227), (5.9e-6, 5.9e-6, 9.1e-6)),
    body_position=(0.0, -0.1, 0.0),
)  # fmt: skip

PLATE = LatheSizes(
    foot_half_width=0.0295,
    foot_bottom=-0.0025,
    foot_top=0.0061,
    walls=(WallSizes(lower=(0.0340, 0.0019), upper=(0.0663, 0.0134), thickness=0.0051, segments=12),),
    profile=(
        (0.0, 0.0), (0.0380, 0.0), (0.0400, 0.0020), (0.0530, 0.0075), (0.0682, 0.0152), (0.0686, 0.0162),
        (0.0678, 0.0166), (0.0640, 0.0154), (0.0530, 0.0108), (0.0410, 0.0068), (0.0360, 0.0062), (0.0, 0.0062),
    ),
    inertia=Inertia(0.01152, (0.0, 0.0, 0.0064), (14.0e-6, 14.0e-6, 27.6e-6)),
    slices=24,
)  # fmt: skip

GLAZED_RIM_PORCELAIN_RAMEKIN = LatheSizes(
    foot_half_width=0.0255,
    foot_bottom=0.0007,
    foot_top=0.0073,
    walls=(WallSizes(lower=(0.0354, 0.0030), upper=(0.0413, 0.0423), thickness=0.0052, segments=14),),
    profile=(
        (0.0, 0.0), (0.0350, 0.0), (0.0362, 0.0020), (0.0400, 0.0330), (0.0402, 0.0365), (0.0438, 0.0378),
        (0.0444, 0.0420), (0.0436, 0.0433), (0.0392, 0.0433), (0.0376, 0.0390), (0.0340, 0.0110), (0.0310, 0.0076),
        (0.0, 0.0074),
    ),
    inertia=Inertia(0.00966, (0.0, 0.0, 0.0168), (7.7e-6, 7.7e-6, 12.2e-6)),
)  # fmt: skip

WHITE_BOWL = LatheSizes(
    foot_half_width=0.0190,
    foot_bottom=0.0006,
    foot_top=0.0075,
    walls=(
        # High enough that a fall onto a soft lid, 5 mm deep in a time step, is the foot's alone.
        WallSizes(lower=(0.0240, 0.0085), upper=(0.0370, 0.0160), thickness=0.0030, segments=12),
        WallSizes(lower=(0.0372, 0.0140), upper=(0.0398, 0.0348), thickness=0.0030, segments=20),
    ),
    profile=(
        (0.0, 0.0), (0.0205, 0.0), (0.0250, 0.0038), (0.0345, 0.0088), (0.0390, 0.0139), (0.0411, 0.0200),
        (0.0421, 0.0265), (0.0423, 0.0345), (0.0415, 0.0353), (0.0398, 0.0345), (0.0385, 0.0240), (0.0350, 0.0140),
        (0.0250, 0.0070), (0.0, 0.0050),
    ),
    inertia=Inertia(0.0020858, (0.0, 0.0, 0.0156), (1.17e-06, 1.26e-06, 1.97e-06)),
)  # fmt: skip
