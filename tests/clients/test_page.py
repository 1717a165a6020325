"""docs/clients.md: its versions are those that are tested, its tests are there, its code runs."""

from __future__ import annotations

import re
import runpy
import tomllib

import pytest
from client_environments import REPOSITORY

PAGE = (REPOSITORY / "docs" / "clients.md").read_text()
LOCK = {
    package["name"]: package["version"] for package in tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]
}
CLIENTS = runpy.run_path(str(REPOSITORY / "scripts" / "clients.py"))["CLIENTS"]


def rows() -> list[list[str]]:
    table = PAGE[PAGE.index("| client |") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[2:]]


def test_every_version_is_the_one_that_is_tested() -> None:
    named = dict(row[1].split() for row in rows())
    tested = {name: LOCK[name] for name in ("gymnasium", "stable-baselines3", "torchrl")}
    tested |= {name: client.version for name, client in CLIENTS.items()}
    assert named == tested


def test_every_row_has_a_test_and_says_what_does_not_work() -> None:
    assert len(rows()) == 7
    for name, _, command, works, fails, test in rows():
        assert command.strip("`").startswith("pip install "), name
        assert works, name
        assert fails, name
        assert (REPOSITORY / test.strip("`")).is_file(), test


def test_keys_of_lerobots_command_are_fields_of_the_config() -> None:
    source = (REPOSITORY / "packages/libero_gym/src/libero_gym/lerobot/config.py").read_text()
    fields = set(re.findall(r"^    (\w+): .* = ", source, re.MULTILINE))
    section = PAGE[PAGE.index("Keys are those of LeRobot's own") : PAGE.index("| what | LeRobot")]
    named = set(re.findall(r"`(\w+)`", section)) | set(re.findall(r"--env\.(\w+)=", PAGE))
    assert named - fields - {"type", "discover_packages_path"} == set()


def test_pins_are_whole_and_of_the_public_index() -> None:
    for client in CLIENTS.values():
        lines = client.requirements.read_text().splitlines()
        assert lines
        assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[\w.+!-]+", line)] == []


def test_the_code_for_torchrl_runs() -> None:
    block = re.search(r"```python\n(from libero_gym.torchrl.*?)```", PAGE, re.DOTALL)
    assert block is not None
    names: dict = {}
    exec(block.group(1), names)
    assert tuple(names["rollout"].batch_size) == (4, 10)
    assert {"image", "wrist_image", "state", "instruction"} <= set(names["rollout"].keys())
    names["env"].close()


def test_an_unknown_client_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(REPOSITORY / "scripts" / "clients.py"))["main"]
    with pytest.raises(SystemExit) as left:
        main(["lerobto"])
    assert left.value.code == 2
    assert "unknown client 'lerobto'; allowed: lerobot, minari, tianshou, vla-eval" in capsys.readouterr().err
