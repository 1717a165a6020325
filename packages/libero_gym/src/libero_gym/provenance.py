"""What an environment says of itself: to trainers that know none, and in results that were made in it."""

from __future__ import annotations

import hashlib
from typing import Any

from libero_gym.assets.source import BUILTIN_PREFIX
from libero_gym.facts import environment_facts
from libero_gym.options import CONTROL_HZ, SETTLE_STEPS, EnvOptions
from libero_gym.protocols import PROTOCOLS, arguments_of
from libero_gym.references import REFERENCES
from libero_gym.tasks.own import OwnTask
from libero_gym.tasks.pro import ProTask
from libero_gym.tasks.suites import SUITES

#: What the class says before an environment is made.
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
    # Published evaluation loops, and the arguments that reproduce them.
    "protocols": {name: arguments_of(name) for name in PROTOCOLS},
    # Cards of published results.
    "references": REFERENCES,
    # The variables that are read.
    "environment_variables": ("LIBERO_*",),
    # The argument that takes the GPU that images are rendered on, as "cuda:0".
    "device_argument": "render_device",
    # The render mode of videos for people.
    "video_render_mode": "rgb_array",
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


def provenance(options: EnvOptions) -> dict[str, Any]:
    """Return part of `metadata`.

    `assets`, the asset set's name; `assets_version`, which tells sets of one name apart (None for a bundle that does
    not have it); `benchmark_caveats`, a tuple of sentences on why a success rate in this environment is not the
    published benchmark's: empty where it is; and `facts`, see `libero_gym.facts`. Of a task of one's own also
    `task_sha256`, of its definition and objects. With cameras also `renderer_attribute`, the name of an attribute of
    each environment that says what renders. With a shift also `shift`, what was asked for, and `variant_info`, the key
    of `info` that has the id of an episode's variants.
    """
    own = [task.sha256 for task in options.tasks if isinstance(task, OwnTask)]
    return {
        "assets": options.scenes.name,
        "assets_version": options.scenes.version,
        "benchmark_caveats": caveats(options),
        "facts": environment_facts(options),
        **({"task_sha256": own[0]} if own else {}),
        **({"renderer_attribute": "renderer"} if options.cameras else {}),
        **({"shift": options.shift.text, "variant_info": "shift"} if options.shift is not None else {}),
    }


def image_flip(options: EnvOptions) -> str | None:
    """Return how images are flipped for people to see them as they are; None: they are.

    OpenGL's images are upside down; turned by 180 degrees, as published policies take them, they are upright and
    mirrored.
    """
    return "horizontal" if options.image_orientation == "rot180" else None


def caveats(options: EnvOptions) -> tuple[str, ...]:
    """List in what an environment differs from LIBERO's published evaluation."""
    found = []
    own = [task for task in options.tasks if isinstance(task, OwnTask)]
    found += [
        f"{task.name!r} is a task of one's own (SHA-256 of its definition: {task.sha256}), none of LIBERO's; its "
        "initial states were sampled here"
        for task in own
    ]
    pro = [task.sha256 for task in options.tasks if isinstance(task, ProTask)]
    if options.shift is not None and options.shift.pro is not None:
        digest = hashlib.sha256("\n".join(pro).encode()).hexdigest()
        found.append(
            f"shift {options.shift.text!r}: the tasks and initial states are LIBERO-PRO's (SHA-256 of them: {digest}), "
            "not LIBERO's"
        )
    if options.scenes.name.startswith(BUILTIN_PREFIX):
        found.append(f"the built-in asset set {options.scenes.name!r} has other shapes and images than LIBERO's")
    if options.shift is not None and options.shift.pro is None:
        found.append(f"shift {options.shift.text!r} changes the tasks from what LIBERO has")
    if options.split != "eval" and not own:
        found.append(f"split {options.split!r} has other initial states than the published ones")
    if options.reward == "staged":
        found.append("the staged reward is not LIBERO's")
    if options.render_quality != "reference":
        found.append(f"render_quality {options.render_quality!r} renders other images than LIBERO")
    if options.physics_quality != "reference":
        softer = " and softer contacts" if options.physics_quality == "soft" else ""
        found.append(
            f"physics_quality {options.physics_quality!r} has other time steps{softer} than LIBERO, and observes poses "
            "5 ms before the end of a control step instead of 4"
        )
    settle_steps = SETTLE_STEPS if options.protocol is None else options.protocol.settle_steps
    if options.settle_steps != settle_steps:
        found.append(f"settle_steps is {options.settle_steps}, not {settle_steps}")
    # Of the tasks' own suites: the union of all has one limit, which is the published one of libero_10 alone.
    published: dict[int, set[int]] = {}
    for task in options.tasks:
        if task not in own:
            limits = {suite: limit for suite, (_, limit) in SUITES.items()}
            limits |= {} if options.protocol is None else options.protocol.limits
            published.setdefault(options.limit(task), set()).add(limits[task.suite])
    for limit, suites in sorted(published.items()):
        if others := sorted(suites - {limit}):
            found.append(f"the time limit is {limit}, not {' or '.join(map(str, others))} steps")
    return tuple(found)


def same_assets(first: tuple[str, str | None], second: tuple[str, str | None]) -> bool:
    """Return whether two asset sets, each its name and its version, have the same scenes.

    Equal contents have equal versions, whether the set was downloaded or is a folder.
    """
    (name, version), (other_name, other_version) = first, second
    built_in = name.startswith(BUILTIN_PREFIX) or other_name.startswith(BUILTIN_PREFIX)
    return name == other_name or (bool(version) and version == other_version and not built_in)
