import warnings

import pytest

from vla_policy.errors import CheckpointError, ConfigError, ObservationError
from vla_policy.prompt import PUBLISHED_TEMPLATE, TOY_VOCAB, PromptTokenizer, load_tokenizer, toy_tokenizer


def prompts(template="{instruction}", max_length=48, normalize=False):
    return PromptTokenizer(
        toy_tokenizer(),
        template=template,
        max_length=max_length,
        bos_token_id=1,
        prompt_end_token_id=3,
        pad_token_id=832,
        normalize_instructions=normalize,
    )


UNUSUAL = [
    "Turn  on the stove",
    " turn on the stove",
    "turn on the stove ",
    "turn on the stove.",
    "turn on\tthe stove\n",
]


@pytest.mark.parametrize("instruction", UNUSUAL)
def test_blanks_and_full_stops_are_other_tokens_unless_normalized(instruction):
    trained = prompts(PUBLISHED_TEMPLATE).tokens("turn on the stove")
    with pytest.warns(UserWarning, match=r"normalize_instructions=True") as record:
        assert prompts(PUBLISHED_TEMPLATE).tokens(instruction) != trained
    assert repr(instruction) in str(record[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert prompts(PUBLISHED_TEMPLATE, normalize=True).tokens(instruction) == trained


def test_the_warning_comes_once():
    reader = prompts()
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        for instruction in UNUSUAL:
            reader.tokens(instruction)
    assert len(record) == 1


def test_sentences_that_are_normal_already_are_left_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sentences = ["Turn on the stove", "put the mug (the white one) on the plate, then wait", "is it 3.5 cm?"]
        for sentence in sentences:
            assert prompts().tokens(sentence) == prompts(normalize=True).tokens(sentence)
        assert prompts(normalize=True).tokens("...")  # nothing would be left of it


def test_a_long_instruction_makes_a_short_message():
    with pytest.raises(ObservationError, match=r"of 10000 characters makes a prompt of \d+ tokens") as error:
        prompts().tokens("a" * 10_000)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("instruction", [["turn"], {"a": 1}, b"turn on", "\ud800 turn on", 3.5, "\n" * 10_000])
def test_what_is_no_sentence_is_named(instruction):
    with pytest.raises(ObservationError, match="instruction") as error:
        prompts().tokens(instruction)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    "template", ["{instruction", "{instruction} {0}", "{instruction.__class__}", "{instruction!r}", "{}"]
)
def test_templates_that_read_more_than_the_sentence(template):
    with pytest.raises(ConfigError, match="prompt template"):
        prompts(template)


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
