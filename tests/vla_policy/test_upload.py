"""`push_to_hub`: huggingface_hub's own client uploads to a server on this machine; the card says what was recorded."""

import json
import os

import pytest
from hub_server import COMMIT, hub
from huggingface_hub import ModelCard
from prepared_process import PreparedProcess

from vla_policy.errors import ConfigError
from vla_policy.facts import policy_facts
from vla_policy.model_card import CardContents, make_card

RESULT = {
    "heading": "not a benchmark result: the built-in asset set has other shapes",
    "env_id": "libero/Spatial-v0",
    "split": "eval",
    "assets": "builtin-2",
    "episodes": 500,
    "success_rate": 0.824,
    "interval": [0.788, 0.855],
    "deterministic": True,
}
PROVENANCE = {"env_id": "libero/Spatial-v0", "assets": "builtin-2", "assets_version": "0123456789ab", "caveats": []}


@pytest.fixture
def upload(tmp_path):
    """Run a program whose huggingface_hub asks the Hub at an address; it reads variables once."""

    def run(address, text, *arguments):
        program = tmp_path / "program.py"
        program.write_text(text)
        variables = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
        variables |= {"HF_HUB_DISABLE_XET": "1"}  # the Hub's newer protocol needs more of a server than files
        with PreparedProcess(
            ["torch", "vla_policy.policy", "huggingface_hub.constants"], tmp_path, {**os.environ, **variables}
        ) as process:
            return process.run(program, arguments, os.environ)

    return run


SCRIPT = """
import json, sys
from vla_policy import OpenVLAOFTPolicy
policy = OpenVLAOFTPolicy.from_pretrained(sys.argv[1])
print(policy.push_to_hub("lab/pushed", token="hf_not_a_real_one", provenance=sys.argv[2], results=[sys.argv[3]],
                         recipe=sys.argv[4], dataset="lab/demos", license="apache-2.0", revision="main"))
again = OpenVLAOFTPolicy.from_pretrained("lab/pushed")
same = [bool((a == b).all()) for a, b in zip(policy.parameters(), again.parameters(), strict=True)]
print(all(same), len(same) > 20)
"""


def test_what_is_pushed_loads_and_its_card_says_where_it_is_from(tiny, tmp_path, upload):
    tiny.save_pretrained(tmp_path / "saved")
    for name, content in (("provenance.json", PROVENANCE), ("eval.json", RESULT)):
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "config.yaml").write_text("trainer:\n  seed: 7\n")
    files = [tmp_path / name for name in ("saved", "provenance.json", "eval.json", "config.yaml")]
    with hub({}, uploads=tmp_path / "hub") as (address, requests):
        done = upload(address, SCRIPT, *map(str, files))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"{address}/lab/pushed/commit/{COMMIT}", "True", "True"]
    assert sum(path.startswith("/lfs/") for path in requests) >= 2  # the network's and the value head's weights
    card = ModelCard.load(tmp_path / "hub/lab/pushed/README.md")
    assert (card.data.license, card.data.library_name, card.data.datasets) == ("apache-2.0", "vla-policy", "lab/demos")
    (entry,) = card.data.eval_results
    assert (entry.dataset_type, entry.dataset_split, entry.metric_type) == ("libero/Spatial-v0", "eval", "success_rate")
    assert entry.metric_value == 0.824
    for text in (
        "| libero/Spatial-v0 (eval) | builtin-2 | 500 | 82.4% | 78.8% to 85.5% | not a benchmark result",
        "| assets_version | 0123456789ab |",
        "| policy.statistics_key | tiny |",
        "```yaml\ntrainer:\n  seed: 7\n```",
        'OpenVLAOFTPolicy.from_pretrained("lab/pushed")',
        "version.torch",
    ):
        assert text in card.content
    assert "caveats" not in card.content  # there are none
    assert str(tmp_path) not in card.content


def test_a_hub_that_refuses_is_named(tiny, tmp_path, upload):
    tiny.save_pretrained(tmp_path / "saved")
    text = (
        "import sys\nfrom vla_policy import OpenVLAOFTPolicy\n"
        'OpenVLAOFTPolicy.from_pretrained(sys.argv[1]).push_to_hub("lab/pushed", token="hf_not_a_real_one")'
    )
    with hub({}) as (address, _):
        done = upload(address, text, str(tmp_path / "saved"))
    assert done.returncode == 1
    assert "CheckpointError: push_to_hub: the Hub did not take 'lab/pushed'" in done.stderr


def test_nothing_is_uploaded_where_an_argument_is_wrong(tiny, tmp_path):
    with pytest.raises(ConfigError, match="repository 'pushed'; 'owner/name'"):
        tiny.push_to_hub("pushed")
    with pytest.raises(ConfigError, match=r"provenance .* is no JSON file"):
        tiny.push_to_hub("lab/pushed", provenance=tmp_path / "absent.json")
    with pytest.raises(ConfigError, match=r"needs env_id and success_rate"):
        tiny.push_to_hub("lab/pushed", results=[{"env_id": "a"}])
    with pytest.raises(ConfigError, match=r"recipe .* cannot be read"):
        tiny.push_to_hub("lab/pushed", recipe=tmp_path / "absent.yaml")


def test_a_card_names_the_repository_it_began_with_and_no_folder_of_a_machine(tiny):
    facts = policy_facts(tiny)
    card = make_card(facts, CardContents("lab/pushed", base="moojink/openvla-7b-oft-finetuned-libero-spatial"))
    assert card.data.base_model == "moojink/openvla-7b-oft-finetuned-libero-spatial"
    assert make_card(facts, CardContents("lab/pushed", base="saved")).data.base_model is None
    assert card.data.eval_results is None
