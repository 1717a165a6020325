"""What all episodes of a dataset have in common, and where its metadata keeps it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import mujoco

from libero_gym.demos.location import Location
from libero_gym.engine.world import ACTION_SIZE
from libero_gym.errors import DatasetError
from libero_gym.options import EnvOptions
from libero_gym.tasks.own import OWN_ENV_ID, OwnTask
from libero_gym.tasks.suites import RUNNABLE

FORMAT = 1
#: See `libero_gym.engine.observed`.
OBSERVED = "as LIBERO's step returns it"
#: Key of the header in a dataset's metadata.
HEADER_KEY = "libero_gym"


@dataclass(frozen=True)
class Header:
    """What all episodes of a dataset have in common."""

    suite: str
    split: str
    cameras: list[str]
    image_size: int
    image_orientation: str
    render_quality: str
    assets: str
    assets_version: str
    settle_steps: int
    max_episode_steps: int
    mujoco: str
    source: str
    """Origin of the episodes: "module:attribute" of an expert, or the format that they were imported from."""
    seed: int | None = None
    keep_failures: bool = False
    task_spec: dict[str, Any] | None = None
    """Of a task of one's own, as `TaskSpec.to_json` returns it."""
    task_sha256: str = ""
    """Of its definition and objects."""
    observed: str = "after the control step"
    """When observations are taken; a dataset without this field is of the time when the default was in force."""
    format: int = FORMAT

    @classmethod
    def of(cls, options: EnvOptions, source: str, **kwargs: Any) -> Header:
        """Return the header of a dataset recorded with these options."""
        own = [task for task in options.tasks if isinstance(task, OwnTask)]
        return cls(
            suite=options.suite.name,
            split=options.split,
            cameras=list(options.cameras),
            image_size=options.image_size,
            image_orientation=options.image_orientation,
            render_quality=options.render_quality,
            assets=options.scenes.name,
            assets_version=options.scenes.version or "",
            settle_steps=options.settle_steps,
            max_episode_steps=options.max_episode_steps,
            mujoco=mujoco.__version__,
            source=source,
            observed=OBSERVED,
            task_sha256=own[0].sha256 if own else "",
            **kwargs,
        )


def read_header(location: Location, metadata: dict[str, Any]) -> Header:
    """Read the header of a dataset that `libero-gym demos` made.

    Raises:
        DatasetError: it is of another environment or action size, or was not recorded by these commands.
    """
    name = location.dataset_id
    allowed = [env_id for env_id, _ in (*RUNNABLE.values(), (OWN_ENV_ID, None))]
    try:
        env_id = json.loads(metadata.get("env_spec") or "{}").get("id")
        shape = json.loads(metadata["action_space"]).get("shape")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"the dataset {name} does not say its environment and action space") from error
    if env_id not in allowed:
        raise DatasetError(f"the dataset {name} is of the environment {env_id!r}; allowed: {', '.join(allowed)}")
    if shape != [ACTION_SIZE]:
        raise DatasetError(f"the dataset {name} has actions of shape {shape}; expected [{ACTION_SIZE}]")
    stored = metadata.get(HEADER_KEY)
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        problem = (
            f"has format {stored.get('format')}" if isinstance(stored, dict) else "does not say how it was recorded"
        )
        raise DatasetError(f"the dataset {name} {problem}; expected format {FORMAT} of libero-gym demos")
    try:
        return Header(**stored)
    except TypeError as error:
        raise DatasetError(f"the dataset {name} has a damaged header ({error})") from error
