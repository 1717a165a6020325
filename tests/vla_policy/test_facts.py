"""What a policy says of itself for results: statistics by what is used, checkpoints without folders of a machine."""

import copy
import json

import pytest
import torch

from vla_policy import OpenVLAOFTPolicy
from vla_policy.facts import digest_of, source_of

ENTRY = {
    "action": {
        "q01": [-1, 0.0],
        "q99": [1, 2.0],
        "min": [-3, -3],
        "max": [3, 3],
        "mean": [0, 0],
        "mask": [True, False],
    },
    "proprio": {"q01": [0.0], "q99": [1.0]},
}


def changed(part, key, value):
    entry = copy.deepcopy(ENTRY)
    entry[part][key] = value
    return entry


@pytest.mark.parametrize(
    ("entry", "bounds", "same"),
    [
        (changed("action", "q01", [-1.0, 0]), "q99", True),  # an integer is the same number
        (changed("action", "mean", [5, 5]), "q99", True),  # not used
        (changed("action", "min", [-4, -3]), "q99", True),
        (changed("action", "min", [-4, -3]), "minmax", False),
        (changed("action", "q99", [1, 2.5]), "q99", False),
        (changed("action", "mask", [True, True]), "q99", False),
        (changed("proprio", "q99", [1.5]), "q99", False),
    ],
)
def test_the_digest_is_that_of_what_is_used(entry, bounds, same):
    plain = copy.deepcopy(ENTRY)
    for part in (plain, entry):
        part["proprio"] |= {"min": [0.0], "max": [1.0]}
    assert (digest_of(entry, bounds) == digest_of(plain, bounds)) == same


def test_facts_say_what_was_loaded(tiny, tmp_path):
    tiny.save_pretrained(tmp_path / "here/saved")
    policy = OpenVLAOFTPolicy.from_pretrained(tmp_path / "here/saved", dtype=torch.bfloat16, stop_token=False)
    facts = {fact["name"]: fact["value"] for fact in policy.facts()}
    assert facts["policy.weights"] == source_of(policy) == "saved"
    assert str(tmp_path) not in json.dumps(facts)
    assert (facts["policy.dtype"], facts["policy.statistics_key"], facts["policy.chunk"]) == ("bfloat16", "tiny", 2)
    assert facts["policy.network"]["stop_token"] is False
    assert facts["policy.image_keys"] == ["image", "wrist_image"]
    before = {fact["name"]: fact["value"] for fact in tiny.facts()}
    differ = {name for name in facts if facts[name] != before[name]}
    assert differ == {"policy.weights", "policy.dtype", "policy.network"}
    policy.model.source_name = "lab/policy"
    assert source_of(policy) == "lab/policy"
    weights = next(fact for fact in policy.facts() if fact["name"] == "policy.weights")
    assert (weights["value"], weights["weight"]) == ("policy", 45)
