"""What the trainer itself decides of a result: decoding, numbers, episodes, versions."""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from vla_trainer.config.schema import Config
from vla_trainer.facts import Fact
from vla_trainer.types import Episode

VERSIONS = ("vla-trainer", "gymnasium")


def decoding_facts(deterministic: bool, temperature: float) -> list[Fact]:
    """Return how actions are chosen."""
    value = "most probable" if deterministic else f"sampled at temperature {temperature:g}"
    cause = "actions are chosen otherwise: sampling at a high temperature costs precision, the mode gets stuck"
    return [Fact("evaluation.decoding", value, 35.0, cause)]


def config_facts(config: Config) -> list[Fact]:
    """Return what a config decides of an evaluation besides the environment and the policy."""
    precision = "the network computes in another type: near ties fall otherwise"
    return [
        *decoding_facts(config.eval.deterministic, config.eval.temperature),
        Fact(
            "evaluation.seed",
            None if config.eval.deterministic else config.trainer.seed,
            3.0,
            "other actions were sampled",
        ),
        Fact("evaluation.precision", config.policy.precision, 4.0, precision),
        Fact("evaluation.compile", config.policy.compile, 2.0, "compiled kernels round otherwise"),
    ]


def episode_facts(episodes: Sequence[Episode], renderer: str | None) -> list[Fact]:
    """Return which episodes were run, what rendered them, and with which versions.

    Args:
        episodes: in the order of the list.
        renderer: see `vla_trainer.provenance.renderer_of`.
    """
    initial_states = sorted(json.dumps([episode.task_id, episode.init_state_id]) for episode in episodes)
    seeds = [episode.initial_state.seed for episode in episodes]
    facts = [
        Fact(
            "evaluation.episodes", f"{len(episodes)} ({_digest(initial_states)})", 26.0, "other initial states were run"
        ),
        Fact("evaluation.seeds", _digest(seeds), 3.0, "other seeds: what a reset samples differs"),
        Fact("evaluation.renderer", renderer, 2.0, "another renderer: colours differ by a level here and there"),
    ]
    for name in VERSIONS:
        try:
            facts.append(Fact(f"version.{name}", version(name), 1.0, f"another version of {name}"))
        except PackageNotFoundError:
            continue
    return facts


def _digest(value: Any) -> str:
    """Return 12 hexadecimal digits of the SHA-256 of a value of JSON."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]
