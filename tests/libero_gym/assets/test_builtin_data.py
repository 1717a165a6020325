"""The data files of the built-in set and their reader."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import pytest

from libero_gym.assets import builtin
from libero_gym.assets.builtin.catalog import load_catalog
from libero_gym.assets.builtin.labels import Bands, Label, Text
from libero_gym.assets.builtin.schema import DATA, AssetDataError, Length, Range, read_objects
from libero_gym.assets.builtin.shapes import Box, Position, Quaternion
from libero_gym.errors import AssetError

#: VERSION of the built-in set -> SHA-256 of the `repr` of its catalog.
DIGESTS = {"2": "1e88abfacd2c5bede3d174e4a57d4b8103ac244bd571b538d2ae2d849435352f"}


@dataclass(frozen=True)
class Crate:
    """Has a field of every kind that the reader knows."""

    width: Annotated[float, Range(0, 2, "m", above=True)]
    kind: Literal["open", "closed"] = "open"
    count: Annotated[int, Range(1, 9)] = 1
    solid: bool = True
    sides: tuple[Box, ...] = ()
    corners: Annotated[tuple[Position, ...], Length(2, 3)] = ((0.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    regions: dict[str, Box] | None = None
    quat: Quaternion = (1.0, 0.0, 0.0, 0.0)
    label: Label | None = None


def read(tmp_path: Path, text: str) -> dict[str, Crate]:
    path = tmp_path / "crates.toml"
    path.write_text(text)
    return read_objects(path, Crate)


def test_a_table_becomes_a_dataclass(tmp_path):
    text = """
        [colours]
        red = [200, 10, 10]

        [crate]
        width = 1
        kind = "closed"
        sides = [[[0, 0, 1], [0.1, 0.2, 0.3]], [[0, 0, 2], [0.1, 0.2, 0.3], [0, 0, 0, 1]]]
        corners = [[0, 0, 0], [0, 1, 0], [0, 1, 1]]
        regions.inside = {centre = [0, 0, 0], half_size = [1, 1, 1]}
        label.ground = "red"
        label.elements = [
            {bands = [[0, 0, 1, 0.5]], colour = [1, 2, 3]},
            {text = "Crate", at = [[0.5, 0.5, 0.1, 0.2]], colour = "red"},
        ]
    """
    assert read(tmp_path, text) == {
        "crate": Crate(
            width=1.0,
            kind="closed",
            sides=(
                Box((0.0, 0.0, 1.0), (0.1, 0.2, 0.3)),
                Box((0.0, 0.0, 2.0), (0.1, 0.2, 0.3), (0.0, 0.0, 0.0, 1.0)),
            ),
            corners=((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 1.0, 1.0)),
            regions={"inside": Box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))},
            label=Label(
                (200, 10, 10),
                (Bands(((0.0, 0.0, 1.0, 0.5),), (1, 2, 3)), Text("Crate", ((0.5, 0.5, 0.1, 0.2),), (200, 10, 10))),
            ),
        )
    }


def test_numbers_become_floats_where_the_field_is_a_float(tmp_path):
    crate = read(tmp_path, "[crate]\nwidth = 1\ncorners = [[0, 0, 0], [1, 1, 1]]")["crate"]
    assert type(crate.width) is float
    assert {type(number) for corner in crate.corners for number in corner} == {float}


def test_a_rotation_about_an_axis(tmp_path):
    crate = read(tmp_path, "[crate]\nwidth = 1\nquat = {y = 60}")["crate"]
    assert crate.quat == pytest.approx((math.sqrt(0.75), 0.0, 0.5, 0.0))  # half of 60 degrees


def test_extends_inherits_nested_keys_and_replaces_lists(tmp_path):
    text = """
        [small]
        extends = "crate"
        width = 0.5
        label.size = [8, 8]
        corners = [[0, 0, 0], [0, 0, 2]]

        [crate]
        width = 1
        kind = "closed"
        label.ground = [1, 2, 3]
        corners = [[0, 0, 0], [0, 1, 0], [0, 1, 1]]

        [tiny]
        extends = "small"
        width = 0.1
    """
    crates = read(tmp_path, text)
    corners = ((0.0, 0.0, 0.0), (0.0, 0.0, 2.0))
    assert list(crates) == ["small", "crate", "tiny"]
    assert crates["small"] == Crate(0.5, "closed", corners=corners, label=Label((1, 2, 3), size=(8, 8)))
    assert crates["tiny"] == Crate(0.1, "closed", corners=corners, label=Label((1, 2, 3), size=(8, 8)))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("width = 3", r"\[crate\] width = 3\.0; allowed: a number in \(0, 2\] m"),
        ("width = 0", r"\[crate\] width = 0\.0; allowed: a number in \(0, 2\] m"),
        ("width = nan", r"\[crate\] width = nan; allowed: a number"),
        ("width = true", r"\[crate\] width = True; allowed: a number"),
        ("width = '1'", r"\[crate\] width = '1'; allowed: a number"),
        ("kind = 'open'", r"\[crate\] width = None; allowed: a value: it has no default"),
        ("width = 1\ncount = 1.0", r"\[crate\] count = 1\.0; allowed: an integer in \[1, 9\]"),
        ("width = 1\nsolid = 1", r"\[crate\] solid = 1; allowed: true or false"),
        ("width = 1\nwidht = 1", r"unknown key 'widht' in \[crate\] of .*crates\.toml \(did you mean 'width'\?\)"),
        (
            "width = 1\nkind = 'opened'",
            r"unknown \[crate\] kind 'opened' in .* \(did you mean 'open'\?\); allowed: open",
        ),
        (
            "width = 1\nsides = [[[0, 0, 0]]]",
            r"\[crate\] sides\[0\] = .*; allowed: a table, or a list, of centre, half_",
        ),
        ("width = 1\nsides = 3", r"\[crate\] sides = 3; allowed: a list of"),
        (
            "width = 1\nsides = [[[0, 0, 0], [1, 1, -1]]]",
            r"\[crate\] sides\[0\]\.half_size\[2\] = -1\.0; allowed: a number in \(0, 10\] m",
        ),
        ("width = 1\ncorners = [[0, 0, 0]]", r"\[crate\] corners = .*; allowed: a list of 2 to 3 items"),
        ("width = 1\ncorners = [[0, 0], [0, 0]]", r"\[crate\] corners\[0\] = \[0, 0\]; allowed: a list of 3 items"),
        ("width = 1\nregions.Inside = [[0, 0, 0], [1, 1, 1]]", r"key of \[crate\] regions = 'Inside'; allowed: lower"),
        ("width = 1\nregions = []", r"\[crate\] regions = \[\]; allowed: a table"),
        ("width = 1\nquat = [1, 1, 0, 0]", r"\[crate\] quat = \[1, 1, 0, 0\]; allowed: a quaternion .* of length 1"),
        ("width = 1\nquat = {w = 1}", r"\[crate\] quat = \{'w': 1\}; allowed: one of x, y, z, in degrees"),
        ("width = 1\nquat = {x = 400}", r"\[crate\] quat\.x = 400\.0; allowed: a number in \[-360, 360\] degrees"),
        ("width = 1\nlabel.ground = 'pink'", r"unknown \[crate\] label\.ground 'pink' in .*; allowed: red"),
        ("width = 1\nlabel.ground = [0, 0, 256]", r"label\.ground\[2\] = 256; allowed: an integer in \[0, 255\]"),
        (
            "width = 1\nlabel = {ground = 'red', elements = [{discs = []}]}",
            r"label\.elements\[0\] = .*; allowed: a table with one of bands, ellipses, text",
        ),
        ("width = 1\nextends = 'crates'", r"unknown extends 'crates' in \[crate\] of .* \(did you mean 'crate2'\?\)"),
        ("width = 1\nextends = 'crate2'", r"unknown extends 'crate' in \[crate2\] of "),  # a circle
    ],
)
def test_what_is_not_allowed_is_named(tmp_path, lines, message):
    text = f"[crate]\n{lines}\n[crate2]\nextends = 'crate'\n[colours]\nred = [200, 10, 10]\n"
    with pytest.raises(AssetDataError, match=message) as caught:
        read(tmp_path, text)
    assert "crates.toml" in str(caught.value)
    assert isinstance(caught.value, AssetError)


@pytest.mark.parametrize(
    "text", ["[crate", "[crate]\nwidth = 1\n[crate]\nwidth = 2", "[Crate]\nwidth = 1", "crate = 1"]
)
def test_a_file_that_is_not_of_tables_is_named(tmp_path, text):
    with pytest.raises(AssetDataError, match=r"crates\.toml: "):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AssetDataError, match=r"crates\.toml"):
        read_objects(tmp_path / "crates.toml", Crate)


def test_every_data_file_is_read_and_no_name_is_twice(monkeypatch):
    opened = []
    monkeypatch.setattr(
        "libero_gym.assets.builtin.catalog.read_objects",
        lambda path, kind: opened.append(path) or read_objects(path, kind),
    )
    catalog = load_catalog.__wrapped__()
    assert sorted(opened) == sorted(DATA.iterdir())
    names = [*catalog.objects, *catalog.fixtures]
    assert len(names) == len(set(names)) == sum(len(vars(catalog)[field.name]) for field in fields(catalog)) - 5
    assert len(catalog.arenas) == 5


def test_other_numbers_need_another_version():
    digest = hashlib.sha256(repr(load_catalog()).encode()).hexdigest()
    assert DIGESTS.get(builtin.VERSION) == digest, (
        "the data differ from those of this VERSION: raise it, add the digest"
    )
