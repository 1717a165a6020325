import pytest

from vla_policy.errors import CheckpointError, ConfigError, ObservationError
from vla_policy.prompt import PUBLISHED_TEMPLATE, TOY_VOCAB, PromptTokenizer, load_tokenizer, toy_tokenizer


def prompts(template="{instruction}", max_length=48):
    return PromptTokenizer(
        toy_tokenizer(),
        template=template,
        max_length=max_length,
        bos_token_id=1,
        prompt_end_token_id=3,
        pad_token_id=832,
    )


def test_frame_of_a_prompt():
    ids, lengths = prompts()(["turn on the stove", "open it"])
    assert lengths.tolist() == [6, 4]  # BOS, a token a word, prompt end
    assert ids.shape == (2, 48)
    assert ids[:, 0].tolist() == [1, 1]
    assert [ids[0, 5].item(), ids[1, 3].item()] == [3, 3]
    assert (ids[0, 6:] == 832).all()
    assert (ids[1, 4:] == 832).all()


def test_instruction_is_lower_cased():
    assert prompts().tokens("Turn ON the stove") == prompts().tokens("turn on the stove")


def test_published_template_round_trips():
    ids = prompts(PUBLISHED_TEMPLATE).tokens("Open it")
    text = toy_tokenizer().decode(ids[1:-1])
    assert text.strip() == "In: What action should the robot take to open it?\nOut:"


def test_any_text_can_be_spelled():
    ids = prompts().tokens("zürnen 漢字 🤖")
    assert 0 not in ids
    assert max(ids) < TOY_VOCAB


def test_longest_libero_instruction_fits():
    # 19 words, LIBERO's longest.
    sentence = "put the white mug on the left plate and put the yellow and white mug on the right plate"
    assert len(prompts().tokens(sentence)) <= 48


@pytest.mark.parametrize("instruction", ["", "   ", None, 3])
def test_empty_instruction(instruction):
    with pytest.raises(ObservationError, match="instruction"):
        prompts().tokens(instruction)


def test_too_long_names_both_lengths():
    with pytest.raises(ObservationError, match="prompt of 6 tokens; max_prompt_length is 5"):
        prompts(max_length=5).tokens("turn on the stove")


def test_template_needs_its_field():
    with pytest.raises(ConfigError, match="instruction"):
        prompts("do it")


def test_missing_tokenizer(tmp_path):
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        load_tokenizer(tmp_path)


def test_a_sentencepiece_model_is_converted(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    text = ["In: What action should the robot take to turn on the stove?", "put the moka pot on it\nOut:"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text * 20),
        model_prefix=str(tmp_path / "tokenizer"),
        vocab_size=330,
        hard_vocab_limit=False,
        model_type="bpe",  # with byte fallback and the words' ends as they are: Llama's settings
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    own = sentencepiece.SentencePieceProcessor(str(tmp_path / "tokenizer.model"))
    converted = load_tokenizer(tmp_path)
    for sentence in (PUBLISHED_TEMPLATE.format(instruction="put the pot on the stove"), "zürnen 漢字 🤖"):
        assert converted.encode(sentence, add_special_tokens=False).ids == own.encode(sentence)


def test_broken_tokenizers_are_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"neither tokenizer.json nor tokenizer.model"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"nothing of the kind")
    with pytest.raises(CheckpointError, match=r"tokenizer.model is no SentencePiece model"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"tokenizer.json is no tokenizer"):
        load_tokenizer(tmp_path)
