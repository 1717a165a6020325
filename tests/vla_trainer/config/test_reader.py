"""Scalars of YAML 1.2, what a document may not say, and that what is written is read back."""

import math
import time
from typing import Any

import pytest
import yaml

from vla_trainer.config.reader import MAX_NODES, Document, read_value, read_yaml, write_yaml
from vla_trainer.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # section 10.3.2 of YAML 1.2.2; py-yaml12 0.2.0, another parser of YAML 1.2, gives the same
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("-1e3", -1000.0),
        ("1.", 1.0),
        ("+.5", 0.5),
        ("-.5e-3", -0.0005),
        ("1.5e+3", 1500.0),
        ("+12", 12),
        ("-0", 0),
        ("0o17", 15),
        ("0x1F", 31),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("Null", None),
        ("", None),
        # text; YAML 1.1 has booleans, sexagesimal numbers, dates, binary numbers and underscores
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("n", "n"),
        ("1:30", "1:30"),
        ("1:0", "1:0"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("-0o7", "-0o7"),
        ("+0x1", "+0x1"),
        ("tRue", "tRue"),
        ("0o8", "0o8"),
        ("1e", "1e"),
        (".", "."),
        ("=", "="),
        ('"1e-4"', "1e-4"),
        ("'on'", "on"),
        ("!!str 1e-4", "1e-4"),
        ("!!float 3", 3.0),
        ("{a: 0:3, 0: [1, x]}", {"a": "0:3", 0: [1, "x"]}),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    for found in (read_yaml(f"key: {text}", "file").value["key"], *([read_value(text, "key").value] if text else [])):
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb:\n  c: 2\na: 3", 'file:4:1: the key "a" is there twice, first in line 1'),
        ("b: {c: 1, 'c': 2}", 'file:1:11: the key "c" is there twice, first in line 1'),
        ("a: [1, .nan]", 'file:1:8: .nan is not a finite number; quote it for text: ".nan"'),
        ("a: -.INF", 'file:1:4: -.INF is not a finite number; quote it for text: "-.INF"'),
        # a commit's name, of which a float makes infinity
        ("a: 12e3456", 'file:1:4: 12e3456 is not a finite number; quote it for text: "12e3456"'),
        ("a: 007", 'file:1:4: 007 has a leading zero; quote it for text: "007"'),
        ("a: 9223372036854775808", "file:1:4: 9223372036854775808 is above 9223372036854775807; quote it for text: "),
        (f"a: {'9' * 5000}", f"file:1:4: {'9' * 37}... is above 9223372036854775807"),
        ("true: 1", "file:1:1: true is not a key; allowed: text, quoted if need be, and integers"),
        ("? [a]\n: 1", "file:1:3: a map or a list is not a key"),
        ("a: &x {b: 1}\nc: {<<: *x}", 'file:2:5: "<<" does not merge in YAML 1.2; write the keys, or use extends'),
        ("a: &x [*x]", "file:1:4: an alias that contains itself"),
        ("a: !!python/object:os.system 1", "file:1:4: the tag !!python/object:os.system is not allowed"),
        ("a: !!set {b}", "file:1:4: the tag !!set is not allowed"),
        ("a: !!int x", 'file:1:4: the tag !!int does not fit "x"'),
        ("a: [1", "file:1:6: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n b: 2", "file:2:3: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2", "file:2:1: expected a single document in the stream, but found another document"),
        ("a: *x", "file:1:4: found undefined alias 'x'"),
        ("a: \x07", "file: unacceptable character #x0007"),
        ("[" * 5000, "file: maps and lists are nested too deeply"),
    ],
)
def test_what_is_wrong_has_a_line_and_a_column(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "file")
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 200


def test_aliases_are_bounded() -> None:
    # nine levels of ten each would be 10^9 values
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    begin = time.perf_counter()
    with pytest.raises(ConfigError, match=f"more than {MAX_NODES} values, aliases expanded"):
        read_yaml("\n".join(levels), "file")
    assert time.perf_counter() - begin < 5
    assert read_yaml("a: &x {b: 1}\nc: *x", "file").value == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'key= has no value; write null, "", or ~key to remove the key'),
        ("#1", "key=#1 has no value"),
        ("x #1", 'key=x #1: "#1" would be a comment; put text with " #" in quotes'),
        ("[1", "key=[1: column 3: while parsing a flow sequence"),
        (".inf", "key=.inf: .inf is not a finite number"),
    ],
)
def test_what_is_wrong_with_an_override_has_its_key(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_value(text, "key")
    assert str(caught.value).startswith(message)


def test_where_values_come_from() -> None:
    found: Document = read_yaml("a:\n  b: 1e5\n  c: [x, 2]\n", "file")
    assert found.origins[("a", "b")].where == "file:2:3"
    assert found.origins[("a", "b")].text == "1e5"
    assert found.origins[("a", "c", 1)].where == "file:3:10"
    assert found.origins[("a", "c", 0)].text is None


def test_what_is_written_is_read_back_by_both_versions_of_yaml() -> None:
    values = [
        "1e-4",
        "on",
        "no",
        "0o17",
        "017",
        "1:30",
        "null",
        "~",
        "",
        "2026-01-01",
        ".nan",
        "0x1F",
        " x",
        "a: b",
        "é",
    ]
    values += ["12e34", "1_000", "true", "=", "<<", "-", "#", "@"]
    tree = {"text": values, "floats": [1e-5, 1e16, 0.1, 1e300, -2.0], "rest": [1, True, None], 3: {"on": 1}}
    text = write_yaml(tree)
    for found in (read_yaml(text, "file").value, yaml.safe_load(text)):
        assert found == tree
        assert [type(one) for one in found["floats"]] == [float] * 5
    assert math.isfinite(read_yaml(text, "file").value["floats"][3])
