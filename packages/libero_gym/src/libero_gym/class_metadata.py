"""What the class of an environment says to trainers that know no environment, before one is made."""

from __future__ import annotations

from typing import Any

from libero_gym.options import CONTROL_HZ

CLASS_METADATA: dict[str, Any] = {
    "render_modes": ["rgb_array"],
    "render_fps": CONTROL_HZ,
    # What a result must say, by argument and value.
    "notices": {
        "reward": {
            "staged": "staged reward: progress is rewarded, not only success, because a policy from nothing never "
            "meets a sparse reward. This is not a benchmark result."
        }
    },
    # The variables that are read.
    "environment_variables": ("LIBERO_*",),
    # The argument that takes the GPU that images are rendered on, as "cuda:0".
    "device_argument": "render_device",
    # The arguments that do not change where the same actions lead.
    "arguments_without_effect_on_states": (
        "workers",
        "cameras",
        "image_size",
        "image_orientation",
        "render_quality",
        "render_device",
        "software_rendering",
        "privileged",
        "depth",
        "segmentation",
        "camera_parameters",
        "instruction",
        "reward",
        "reward_scale",
    ),
}
