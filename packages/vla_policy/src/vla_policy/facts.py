"""What decides how a policy acts, as facts that results record: which weights, statistics, images, decoding, numbers.

A fact has a name, a value of JSON, a weight and a cause. The weight is how many points of success a difference may
cost, and orders likely causes; the cause says what a difference does.

Weights are round estimates that only order causes; docs/explain.md has the table with sources.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from vla_policy.pretrained import PretrainedPolicy

VERSIONS = ("vla-policy", "torch", "transformers", "timm", "numpy")


class Fact(TypedDict):
    """One property of a policy."""

    name: str
    value: Any
    weight: float
    cause: str


def policy_facts(policy: PretrainedPolicy) -> list[Fact]:
    """Return what decides how a policy acts."""
    config, sizes, model = policy.config, policy.model.config, policy.model
    pipeline, key = config.pipeline, policy.stats.key
    network = {
        "action_head": sizes.action_head,
        "num_images": sizes.num_images,
        "proprio_dim": sizes.proprio_dim,
        "stop_token": sizes.stop_token,
        "hidden_size": sizes.text.hidden_size,
        "layers": sizes.text.num_hidden_layers,
    }
    return [
        _fact("policy.statistics", digest_of(model.source_config["norm_stats"][key], config.bounds), 90,
              "actions and proprioception are scaled by other statistics: every movement is too long, too short or "
              "shifted"),
        _fact("policy.statistics_key", key, 20, "statistics of another entry of dataset_statistics.json"),
        _fact("policy.gripper", config.gripper, 95,
              "another gripper convention: the gripper opens where it should close"),
        _fact("policy.image_orientation", [config.image_orientation, policy.image_orientation], 95,
              "the policy takes images to be another way up; it was trained on one orientation"),
        _fact("policy.crop_area", pipeline.crop_area, 40,
              "another centre crop: objects are larger or smaller than in training"),
        _fact("policy.image_keys", list(config.image_keys), 60, "other cameras"),
        _fact("policy.image_pipeline", [pipeline.size, pipeline.resize, pipeline.jpeg_quality], 5,
              "images are resized or compressed otherwise"),
        _fact("policy.prompt", [config.prompt_template, config.normalize_instructions], 50,
              "another prompt: other tokens than in training"),
        _fact("policy.network", network, 97, "another network"),
        _fact("policy.decoding", [config.decoding, config.top_k], 15, "tokens are chosen in another way"),
        _fact("policy.chunk", sizes.chunk, 25, "chunks of another length are executed before the policy looks again"),
        _weights(policy),
        _fact("policy.dtype", str(model.dtype).removeprefix("torch."), 3,
              "weights in another type: logits move in steps of up to 1/8 in bfloat16, so near ties fall otherwise"),
        *(_fact(f"version.{name}", found, 2, f"another version of {name}") for name, found in versions().items()),
    ]  # fmt: skip


def _weights(policy: PretrainedPolicy) -> Fact:
    """Return the name of the checkpoint; a folder's says less than a repository's, and has no owner."""
    source = source_of(policy)
    name = None if source is None else source.rpartition("/")[2]
    return _fact("policy.weights", name, 45 if source is not None and "/" in source else 5, "another checkpoint")


def source_of(policy: PretrainedPolicy) -> str | None:
    """Return the checkpoint whose weights the policy began with: a repository, or the name of a folder here; None: the
    weights are of no single checkpoint."""
    name = policy.model.source_name
    return Path(name).name if name is not None and Path(name).is_absolute() else name


def versions() -> dict[str, str]:
    """Return the versions of the packages that compute a policy's actions."""
    found = {}
    for name in VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def digest_of(entry: dict[str, Any], bounds: str) -> str:
    """Return 12 hexadecimal digits of the SHA-256 of the statistics that are used: two bounds and the mask."""
    keys = ("q01", "q99") if bounds == "q99" else ("min", "max")
    used = {
        part: {key: [float(value) for value in entry[part][key]] for key in keys}
        | {"mask": [bool(flag) for flag in entry[part].get("mask", ())]}
        for part in ("action", "proprio")
        if entry.get(part) is not None
    }
    return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()[:12]


def _fact(name: str, value: Any, weight: float, cause: str) -> Fact:
    return {"name": name, "value": value, "weight": float(weight), "cause": cause}
