"""`${section.key}` has the value of another key, within bounds."""

import time

import pytest

from vla_trainer.config.interpolate import interpolate
from vla_trainer.errors import ConfigError


def test_values_take_the_place() -> None:
    tree = {"a": {"b": 1, 0: [1.5, None]}, "c": "${a.b}", "d": ["${a}", "x${c}"]}
    assert interpolate(tree, "file") == {**tree, "c": 1, "d": [{"b": 1, 0: [1.5, None]}, "x1"]}


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": "${b}"}, "file: Interpolation key 'b' not found"),
        ({"a": "${"}, "file: .*'\\${'"),
        ({"a": {"b": "???"}}, "file: Missing mandatory value: a.b"),
        ({"a": {"b": "${a}"}}, "file: Interpolation to parent node"),
        ({"a": "${a}"}, "file: .*"),
    ],
)
def test_what_is_wrong(tree: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        interpolate(tree, "file")


def test_values_are_bounded() -> None:
    # eight levels of ten each would be 10^8 values
    tree = {"a0": [0] * 10, **{f"a{level}": [f"${{a{level - 1}}}"] * 10 for level in range(1, 8)}}
    begin = time.perf_counter()
    with pytest.raises(ConfigError, match="more than 10000 values"):
        interpolate(tree, "file")
    assert time.perf_counter() - begin < 10
