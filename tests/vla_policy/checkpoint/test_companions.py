"""The files of a saved checkpoint that other loaders read.

That a folder with these files loads in the published code was seen once with the versions it pins (openvla-oft 213c5ff,
its transformers fork 4.40.1, tokenizers 0.19.1, timm 0.9.10): actions within 1e-6, logits within 1e-5 of ours.
"""

import json
from dataclasses import replace

import pytest
from tokenizers import Tokenizer

from vla_policy import OpenVLAOFTModel, OpenVLAOFTPolicy
from vla_policy.checkpoint.companions import tokenizer_config
from vla_policy.prompt import toy_tokenizer

SOURCE = {
    "README.md": b"---\nlicense: mit\n---\n",
    "LICENSE": b"MIT License\r\n",
    "generation_config.json": b'{"_from_model_config": true}',
    "added_tokens.json": b'{\n  "<PAD>": 32000\n}\n',
    "special_tokens_map.json": b'{"bos_token": "<s>"}',
    "tokenizer_config.json": b'{"tokenizer_class": "LlamaTokenizer"}',
    "tokenizer.model": b"\x0a\x0e\x0a\x05<unk>\x00\xff",
    "preprocessor_config.json": b'{"processor_class": "PrismaticProcessor"} ',
    "modeling_prismatic.py": b"raise SystemExit('never run')\n",
    "configuration_prismatic.py": b"# remote code\n",
}
OF_THE_SOURCE_ALONE = ("trainer_state.pt", "score.json", "optimizer.bin", "notes.txt")


@pytest.fixture
def folder(tiny, tmp_path):
    tiny.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def test_the_list_of_files(folder):
    assert sorted(f.name for f in folder.iterdir()) == [
        "config.json",
        "dataset_statistics.json",
        "model.safetensors",
        "preprocessor_config.json",
        "proprio_projector--latest_checkpoint.pt",
        "tokenizer.json",
        "tokenizer_config.json",
        "value_head.safetensors",
    ]
    assert json.loads((folder / "preprocessor_config.json").read_text()) == {
        "image_processor_type": "PrismaticImageProcessor",
        "image_resize_strategy": "resize-naive",
        "input_sizes": [[3, 32, 32], [3, 32, 32]],
        "interpolations": ["bicubic", "bicubic"],
        "means": [[0.484375, 0.455078125, 0.40625], [0.5, 0.5, 0.5]],
        "processor_class": "PrismaticProcessor",
        "stds": [[0.228515625, 0.2236328125, 0.224609375], [0.5, 0.5, 0.5]],
        "use_fused_vision_backbone": True,
    }
    assert json.loads((folder / "tokenizer_config.json").read_text()) == {
        "bos_token": "<s>",
        "clean_up_tokenization_spaces": False,
        "eos_token": "</s>",
        "model_max_length": 2048,
        "padding_side": "right",
        "processor_class": "PrismaticProcessor",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    config = json.loads((folder / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("openvla", ["OpenVLAForActionPrediction"])
    assert (config["vision_backbone_id"], config["llm_backbone_id"]) == ("dinosiglip-vit-so-224px", "llama2-7b-pure")


def test_tokenizers_019_reads_the_merges_and_puts_bos_first(folder):
    data = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    # tokenizers before 0.20 knows merges as "a b" only
    assert all(isinstance(merge, str) and merge.count(" ") == 1 for merge in data["model"]["merges"])
    saved, own = Tokenizer.from_file(str(folder / "tokenizer.json")), toy_tokenizer()
    text = "In: What action should the robot take to zürnen 漢字?\nOut:"
    assert saved.encode(text, add_special_tokens=False).ids == own.encode(text, add_special_tokens=False).ids
    assert saved.encode(text).ids == [1, *own.encode(text, add_special_tokens=False).ids]


def test_transformers_makes_the_tokenizer_of_the_folder(folder):
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer("turn on the stove").input_ids == [1, *toy_tokenizer().encode("turn on the stove").ids]


@pytest.mark.parametrize("again", ["elsewhere", "over itself"])
def test_files_of_the_source_are_kept_byte_for_byte(folder, tmp_path, again):
    # as newer libraries write it, with other blanks, and a post-processor that is not ours
    text = json.dumps(json.loads(toy_tokenizer().to_str()), indent=1)
    source = {**SOURCE, "tokenizer.json": text.encode()}
    for name, content in source.items():
        (folder / name).write_bytes(content)
    for name in OF_THE_SOURCE_ALONE:
        (folder / name).write_bytes(b"{}")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "configuration_prismatic.OpenVLAConfig"}
    (folder / "config.json").write_text(json.dumps(config))
    target = tmp_path / "target" if again == "elsewhere" else folder
    OpenVLAOFTPolicy.from_pretrained(folder).save_pretrained(target)
    for name, content in source.items():
        assert (target / name).read_bytes() == content, name
    assert json.loads((target / "config.json").read_text())["auto_map"] == config["auto_map"]
    if again == "elsewhere":
        assert not [name for name in OF_THE_SOURCE_ALONE if (target / name).exists()]
        # the network alone takes them over too
        OpenVLAOFTModel.from_pretrained(folder).save_pretrained(tmp_path / "network")
        assert (tmp_path / "network" / "tokenizer.json").read_bytes() == source["tokenizer.json"]


def test_the_source_may_be_gone_when_the_policy_is_saved(folder, tmp_path):
    (folder / "tokenizer_config.json").write_bytes(b'{"mine": 1}')
    policy = OpenVLAOFTPolicy.from_pretrained(folder)
    for file in folder.iterdir():
        file.unlink()
    policy.save_pretrained(tmp_path / "target")
    assert (tmp_path / "target" / "tokenizer_config.json").read_bytes() == b'{"mine": 1}'


def test_tokenizer_files_of_an_earlier_save_do_not_stay(tiny, folder):
    (folder / "added_tokens.json").write_text('{"<other>": 576}')
    (folder / "README.md").write_text("mine")
    tiny.save_pretrained(folder)  # a policy that has no source
    assert not (folder / "added_tokens.json").exists()
    assert (folder / "README.md").read_text() == "mine"


def test_another_tokenizer_replaces_the_one_of_the_source(folder, tmp_path):
    policy = OpenVLAOFTPolicy.from_pretrained(folder)
    policy.tokenizer = Tokenizer.from_str(policy.tokenizer.to_str())
    policy.tokenizer.add_tokens(["<new>"])
    policy.save_pretrained(tmp_path / "target")
    assert (
        Tokenizer.from_file(str(tmp_path / "target" / "tokenizer.json")).token_to_id("<new>")
        == toy_tokenizer().get_vocab_size()
    )


def test_llamas_pad_token(tiny):
    """OpenVLA's pad id is the one after the tokenizer's last, which transformers gives to an added "<PAD>"."""
    sizes = replace(tiny.model.config, pad_token_id=toy_tokenizer().get_vocab_size())
    assert tokenizer_config(toy_tokenizer(), sizes)["pad_token"] == "<PAD>"
    assert tokenizer_config(toy_tokenizer(), replace(sizes, pad_token_id=0))["pad_token"] == "<unk>"
