"""The `shift=` argument: what it takes, what it refuses, and which variants it samples."""

from __future__ import annotations

import numpy as np
import pytest

from libero_gym.errors import OptionError
from libero_gym.shifts.request import AXES, Variant, parse_shift, parse_variants, variants_id


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("camera:2", "camera:2"),
        ("camera:2:17", "camera:2:17"),
        ("light:1+camera:0-3", "camera:0-3+light:1"),  # in the axes' own order
        ({"light": 3, "layout": 1}, "light:3+layout:1"),
        ({"camera": (0, 3), "noise": "2:5"}, "camera:0-3+noise:2:5"),
        ({"camera": np.int64(4)}, "camera:4"),
        ("random", "random"),
        ("random:0-3", "random:0-3"),
        ("position_swap", "position_swap:1"),
        ("pro:swap", "pro:swap"),
        ({"pro": "lan", "folder": "/tmp"}, "pro:lan"),
    ],
)
def test_it_takes_strings_and_mappings(given, text):
    request = parse_shift(given, "here")
    assert request.text == text
    assert parse_shift(request.text, "here").axes == request.axes  # what it is called makes it again


def test_none_is_no_shift():
    assert parse_shift(None, "here") is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("camera", "shift camera: in here; allowed: 'camera:LEVEL'"),
        ("camra:2", "unknown axis of a shift 'camra' in here (did you mean 'camera'?)"),
        ("camera:6", "shift camera:6 in here; .* levels 0..5"),
        ("camera:3-1", "shift camera:3-1"),
        ("camera:1-2:3", "shift camera:1-2:3"),
        ("camera:1:99999999999", "shift camera:1:99999999999"),
        ("camera:1:4294967296", "variants 0..2147483647"),
        ("object_swap:2", "levels 0..1"),
        ("", "unknown axis of a shift ''"),
        ({}, "names no axis"),
        ("camera:1+camera:2", "names 'camera' twice"),
        (3, "shift 3 in here; allowed: None, 'AXIS:LEVEL'"),
        (["camera:1"], "allowed: None"),
        ({"camera": 1.5}, "shift of 'camera' 1.5 in here"),
        ({"camera": True}, "shift of 'camera' True"),
        ({3: 1}, "unknown axis of a shift 3"),
        ("pro:x", "unknown kind of LIBERO-PRO's files 'x' in here; allowed: lan, object, swap, task"),
        ("pro:swap+light:1", "'pro' stands alone"),
        ("random+light:1", "'random' is every axis"),
        ({"pro": "swap", "x": 1}, "unknown key of a shift 'x'"),
        ({"pro": "swap", "folder": 3}, "folder 3"),
    ],
)
def test_it_refuses_by_name(given, message):
    import re

    with pytest.raises(OptionError, match=message if ".*" in message else re.escape(message)):
        parse_shift(given, "here")


@pytest.mark.slow
def test_100_000_mutated_texts_are_parsed_or_refused():
    rng = np.random.default_rng(0)
    letters = list("camerlightpo:+-0123456789 _sw\x00é")
    texts = ["camera:2:17+light:0-3", "random:0-3", "position_swap+noise:5", "pro:swap"]
    parsed = 0
    for number in range(100_000):
        text = list(texts[number % len(texts)])
        for _ in range(1 + number % 3):
            place = int(rng.integers(len(text) + 1))
            text[place : place + int(rng.integers(2))] = str(rng.choice(letters))
        try:
            request = parse_shift("".join(text), "here")
        except OptionError:
            continue
        parsed += 1
        assert parse_shift(request.text, "here").axes == request.axes
    assert parsed > 1000


def sample_of(text, task=3, init_state=7, seed=5, training=False):
    return parse_shift(text, "here").sample(task, init_state, seed, training=training)


def test_one_level_gives_each_initial_state_its_variant():
    assert sample_of("camera:2") == (Variant("camera", 2, 7),)
    assert sample_of("camera:2", seed=6) == sample_of("camera:2")
    assert sample_of("camera:2", training=True) == (Variant("camera", 2, 1007),)  # none of evaluation's
    assert sample_of("camera:2", init_state=-1) == (Variant("camera", 2, 0),)
    assert sample_of("camera:2:17") == (Variant("camera", 2, 17),)
    assert sample_of("camera:0") == ()


def test_a_range_draws_levels_evenly_and_of_each_axis_alone():
    levels = [
        {variant.axis: variant.level for variant in sample_of("random", init_state=state, seed=seed)}
        for state in range(20)
        for seed in range(30)
    ]
    for axis in AXES:
        counts = np.bincount([found.get(axis, 0) for found in levels], minlength=6)
        # 600 draws of six levels: 100 each, with a standard deviation of sqrt(600 * 5 / 36) = 9.1
        assert (np.abs(counts - 100) < 5 * 9.1).all()
    alone = {variant.axis: variant for variant in sample_of("camera:0-5") + sample_of("noise:0-5")}
    together = {variant.axis: variant for variant in sample_of("random")}
    assert all(together.get(axis) == alone.get(axis) for axis in ("camera", "noise"))
    assert all(variant.seed >= 1000 for variant in sample_of("random"))


def test_an_id_gives_the_variants_again():
    variants = sample_of("random")
    assert parse_variants(variants_id(variants)) == variants
    assert parse_variants("") == ()
    assert variants_id(()) == ""
    for text in ("camera:2", "camera:0-1", "pro:swap", "nonsense"):
        with pytest.raises(OptionError):
            parse_variants(text)


def test_allows():
    (variant,) = sample_of("camera:2:17")
    for text, may in [
        ("camera:2", True),
        ("camera:2:17", True),
        ("camera:2:18", False),
        ("camera:0-3", True),
        ("camera:3", False),
        ("light:2", False),
        ("camera:2+light:0-1", True),
        ("camera:2+light:1", False),
    ]:
        assert parse_shift(text, "here").allows((variant,)) is may, text
    assert parse_shift("camera:0-3", "here").allows(())
    assert not parse_shift("camera:1", "here").allows(())
