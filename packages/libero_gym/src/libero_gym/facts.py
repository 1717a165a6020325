"""What decides what an episode shows and how it ends, as facts that results record.

A fact has a name, a value of JSON, a weight and a cause. The weight is how many points of success a difference may
cost, and orders likely causes; the cause says what a difference does.

MuJoCo 3.4 takes a published policy from 98% to 12% on a task of libero_spatial (docs/install.md). Others are
round estimates that only order causes; docs/explain.md has the table.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypedDict

from libero_gym.options import CONTROL_HZ, EnvOptions
from libero_gym.tasks.own import OwnTask
from libero_gym.tasks.pro import ProTask

#: Packages that compute what an episode shows.
VERSIONS = ("libero-gym", "numpy", "numba")
#: Suite -> first 12 hexadecimal digits of the SHA-256 of its published states, task by task: those of "eval", then the
#: others. Reading them takes half a second for all 130 tasks.
PUBLISHED_STATES = {
    "libero_spatial": "c81030724a9f",
    "libero_object": "a0f7cf413021",
    "libero_goal": "be96ab6d4cf5",
    "libero_10": "1eabef320562",
    "libero_90": "7d7108abd137",
    "libero_130": "448d2b96534a",
}


class Fact(TypedDict):
    """One property of an environment."""

    name: str
    value: Any
    weight: float
    cause: str


def environment_facts(options: EnvOptions) -> list[Fact]:
    """Return what decides what an episode shows and how it ends."""
    limits = sorted({options.limit(task) for task in options.tasks})
    action = f"OSC_POSE at {CONTROL_HZ} Hz, gripper -1 opens and 1 closes"
    return [
        _fact("env.image_orientation", options.image_orientation, 95,
              "images are another way up than the policy was trained on; it then fails nearly always"),
        _fact("env.action", action, 95, "actions mean something else"),
        _fact("env.simulator", f"mujoco {version('mujoco')}", 85,
              "another simulator: from MuJoCo 3.3.3 the floor renders darker, and 3.4 takes a published policy from "
              "98% to 12% on a task"),
        _fact("env.assets", _assets(options), 70, "other meshes and textures: objects look and collide otherwise"),
        _fact("env.shift", None if options.shift is None else options.shift.text, 60, "a distribution shift"),
        _fact("env.cameras", list(options.cameras), 60, "other cameras"),
        _fact("env.instruction", options.instruction, 50, "the policy is not told the task"),
        _fact("env.tasks", [task.name for task in options.tasks], 45, "other tasks, of another difficulty"),
        _fact("env.time_limit", limits[0] if len(limits) == 1 else limits, 30,
              "another time limit: episodes that need longer are counted as failures"),
        _fact("env.init_states", _init_states(options), 28, "other initial states"),
        _fact("env.settle_steps", options.settle_steps, 22,
              "another number of settling steps: the policy acts while objects fall, or later"),
        _fact("env.fixtures", "own" if options.protocol is None else options.protocol.name, 10,
              "cabinets, stoves and racks stand elsewhere, by up to 2 cm"),
        _fact("env.settle_gripper", -1.0 if options.protocol is None else options.protocol.settle_gripper, 3,
              "the gripper does something else while objects settle"),
        _fact("env.physics", options.physics_quality, 20, "other time steps or softer contacts"),
        _fact("env.engine", options.engine, 1, "another engine: poses agree within 1e-9 for a while"),
        _fact("env.render_quality", options.render_quality, 12, "images are rendered otherwise"),
        _fact("env.image_size", options.image_size, 8, "images of another size: what the policy sees is blurred"),
        _fact("env.action_chunk", options.action_chunk, 6, "chunks of another length"),
        *(_fact(f"version.{name}", found, 2, f"another version of {name}") for name, found in _versions().items()),
    ]  # fmt: skip


def _assets(options: EnvOptions) -> str:
    scenes = options.scenes
    if scenes.version is None or scenes.version in scenes.name:
        return scenes.name
    return f"{scenes.name} (version {scenes.version})"


def _init_states(options: EnvOptions) -> str:
    """Return the split and 12 hexadecimal digits that tell the suite's states apart, whichever tasks are chosen."""
    tasks = options.suite.tasks
    if all(isinstance(task, OwnTask | ProTask) for task in tasks):
        # states of their own: sampled from the definition, or a part of it
        texts = [task.sha256 for task in tasks if isinstance(task, OwnTask | ProTask)]
        return f"{options.split} ({hashlib.sha256(' '.join(texts).encode()).hexdigest()[:12]})"
    return f"{options.split} ({PUBLISHED_STATES[options.suite.name]})"


def _versions() -> dict[str, str]:
    found = {}
    for name in VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _fact(name: str, value: Any, weight: float, cause: str) -> Fact:
    return {"name": name, "value": value, "weight": float(weight), "cause": cause}
