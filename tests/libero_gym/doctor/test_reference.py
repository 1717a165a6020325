"""The reference that the doctor compares with, and its tolerances."""

import copy
import json
import tomllib
from pathlib import Path

import pytest

from libero_gym.assets import builtin
from libero_gym.doctor.packages import MUJOCO, REQUIRED, check_package
from libero_gym.doctor.reference import FILE, compare
from libero_gym.tasks import SUITES

PYPROJECT = Path(__file__).parents[3] / "packages" / "libero_gym" / "pyproject.toml"
RECORDED = json.loads(FILE.read_text())


def measured(name, recorded):
    return {"assets": name, **copy.deepcopy(RECORDED[recorded])}


def judge(measurement):
    return {result.check: result for result in compare(measurement)}


def test_it_is_recorded_for_the_present_built_in_set():
    assert f"builtin-{builtin.VERSION}" in RECORDED, (
        "the built-in set's VERSION has changed; run: LIBERO_GYM_ASSETS=builtin python -m "
        "libero_gym.doctor.record_reference"
    )
    assert set(RECORDED["official"]["settled"]) == {f"{suite} 0" for suite in SUITES}


def test_what_was_recorded_is_right():
    found = judge(measured("official", "official"))
    assert [result.status for result in found.values()] == ["ok", "ok"]


def test_one_joint_a_millimetre_off_fails_and_names_the_task():
    off = measured("official", "official")
    off["settled"]["libero_goal 0"][11] += 1e-3
    result = judge(off)["settling"]
    assert result.status == "failed"
    assert result.found.startswith("libero_goal 0 settles 0.001 m or rad from the reference of official")


def test_rounding_of_another_processor_passes():
    off = measured("official", "official")
    off["settled"]["libero_goal 0"][11] += 1e-6
    assert judge(off)["settling"].status == "ok"


def test_the_floor_of_mujoco_3_3_3_fails():
    # Measured with MuJoCo 3.3.4 on a set with some plain textures: 98.9 in place of 133.7.
    dark = measured("official", "official")
    dark["brightness"]["libero_object 0"] = 98.9
    result = judge(dark)["images"]
    assert result.status == "failed"
    assert "libero_object 0 has brightness 98.9 of 255; expected 139.1" in result.found


def test_a_folder_may_differ_and_an_unknown_set_is_not_judged():
    other = measured("folder-0123", "official")
    other["settled"]["libero_10 0"][0] += 1.0
    assert judge(other)["settling"].status == "note"
    assert [result.status for result in compare({"assets": "mine-1", "settled": {}, "brightness": {}})] == ["skipped"]


def test_pins_are_those_of_the_package():
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["robosuite"]
    assert f"mujoco>={MUJOCO[0]},<{MUJOCO[1]}" in declared
    for name, (low, high, _) in REQUIRED.items():
        assert f"{name}{'>=' if high is None else '=='}{low}" in declared


@pytest.mark.parametrize(
    ("low", "high", "status"), [("0.1", None, "ok"), ("999", None, "failed"), ("0.0.1", "0.0.1.1", "failed")]
)
def test_versions_compare_as_numbers(low, high, status):
    # llvmlite's minor version has two digits, so a comparison of texts would be wrong.
    assert check_package("llvmlite", low, high, None).status == status
    assert check_package("no-such-package", "1", None, "this test").found == "not installed; needed for this test"
    assert check_package("no-such-package", "1", None, None).status == "failed"
