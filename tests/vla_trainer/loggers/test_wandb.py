"""Weights & Biases in offline mode, for real: what stands in the file that `wandb sync` would upload."""

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vla_trainer import run
from vla_trainer.errors import LoggerError
from vla_trainer.loggers.wandb import WandbLogger
from vla_trainer.trainer import make_trainer

OVERRIDES = [
    "trainer.logger.wandb={enable: true, mode: offline, project_name: p, experiment_name: e}",
    "video_cfg.save_video=false",
    "trainer.save_every=1",
]


def records(file: Path) -> list[Any]:
    """All records of a run that has ended; wandb's own process may write the last of them after `finish` returns."""
    deadline = time.monotonic() + 10
    found = list(_records(file))
    while not any(record.WhichOneof("record_type") == "exit" for record in found):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        found = list(_records(file))
    return found


def _records(file: Path) -> Iterator[Any]:
    """The records of a .wandb file, which is LevelDB's log of serialized protobufs.

    A header of 7 bytes, then blocks of 32 KiB; in them pieces of: checksum (4 bytes), length (2), kind (1: whole, 2:
    first, 3: middle, 4: last), data.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    content = file.read_bytes()
    assert content[:4] in (b"", b":W&B")  # older versions begin to write it after `finish` has returned
    position, data = 7, b""
    while position + 7 <= len(content):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        data += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):
            record = Record()
            record.ParseFromString(data)
            yield record
            data = b""


def history(file: Path) -> dict[int, dict[str, Any]]:
    """What was logged, by step."""
    rows = {}
    for record in records(file):
        if record.WhichOneof("record_type") == "history":
            items = {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
            assert record.history.step.num not in rows
            rows[record.history.step.num] = items
    return rows


def train(spec: run.RunSpec) -> None:
    backend = make_trainer(spec.config)
    try:
        run.run_training(spec, backend, print)
    finally:
        backend.close()


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DIR", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    # whoever tries the network waits for an address that no one has
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.mark.slow
def test_a_run_and_its_resume_are_in_the_files(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(run.new_run(toy_recipes["ppo"], [*OVERRIDES, f"output_dir={folder}", "trainer.iterations=2"]))
    (first,) = folder.glob("wandb/offline-run-*/*.wandb")
    train(run.resumed_run(folder, None, ["trainer.iterations=4"]))
    (second,) = set(folder.glob("wandb/offline-run-*/*.wandb")) - {first}

    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    logged = history(first), history(second)
    assert [list(part) for part in logged] == [[1, 2], [3, 4]]
    for row in rows:
        got = (logged[0] | logged[1])[row.pop("iteration")]
        assert {name: got[name] for name in row} == row

    runs = [next(r.run for r in records(file) if r.WhichOneof("record_type") == "run") for file in (first, second)]
    assert [(run.project, run.display_name) for run in runs] == [("p", "e")] * 2
    assert runs[0].run_id == runs[1].run_id == (folder / "wandb/run_id").read_text().strip()
    config = {item.key: json.loads(item.value_json) for item in runs[0].config.update}
    assert config["algorithm"]["name"] == "ppo"
    assert config["trainer"]["iterations"] == 2
    # it ended as it should
    for file in (first, second):
        assert [r.exit.exit_code for r in records(file) if r.WhichOneof("record_type") == "exit"] == [0]


def test_steps_do_not_go_backwards(tmp_path: Path) -> None:
    logger = WandbLogger(tmp_path, "p", "e", "offline", "a: 1")
    for iteration in (4, 5, 4, 5, 6):  # killed after 5 was logged, resumed from the checkpoint of 3
        logger.log(iteration, {"actor/loss": float(iteration), "actor/kl": float("nan")})
    logger.close()
    (file,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    rows = history(file)
    assert {step: row["actor/loss"] for step, row in rows.items()} == {4: 4, 5: 5, 6: 6}
    assert rows[4]["actor/kl"] == "NaN" or rows[4]["actor/kl"] != rows[4]["actor/kl"]


def test_without_an_account_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoggerError, match=r"trainer\.logger\.wandb: .*mode=offline"):
        WandbLogger(tmp_path, "p", "e", "online", "a: 1")


@pytest.fixture(params=["nobody listens", "nobody answers", "no such host"])
def silent(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address at which wandb is not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if request.param == "nobody answers":
            yield f"http://127.0.0.1:{port}"  # connections wait in the queue of the system
            return
    yield f"http://127.0.0.1:{port}" if request.param == "nobody listens" else "http://wandb.invalid"


def test_a_server_that_cannot_be_reached_is_said_within_seconds(
    silent: str,
    toy_recipes: dict[str, str],
    tmp_path: Path,
    quick_command: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import wandb

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_BASE_URL", silent)
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    wandb.teardown()  # it reads the variables once
    arguments = [toy_recipes["ppo"], "trainer.logger.wandb.enable=true", "output_dir=runs/mine", "env.id=Nothing-v0"]
    try:
        for _ in range(2):
            begun = time.monotonic()
            done = quick_command("vla-train", *arguments)
            assert done.returncode == 2
            assert done.stderr.startswith(f"LoggerError: trainer.logger.wandb: {silent} cannot be reached: ")
            assert "; WANDB_MODE=offline or trainer.logger.wandb.mode=offline needs neither" in done.stderr
            assert done.stderr.count("\n") == 1
            assert time.monotonic() - begun < 15
            assert not (tmp_path / "runs").exists()
        # offline it is not asked; what is wrong next is
        done = quick_command("vla-train", *arguments, "trainer.logger.wandb.mode=offline")
        assert done.stderr.startswith("NameNotFound: ")
    finally:
        wandb.teardown()


def test_what_wandb_refuses_leaves_no_run(
    toy_recipes: dict[str, str], tmp_path: Path, quick_command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vla_trainer import loggers

    monkeypatch.setattr(loggers, "check", lambda config: None)  # reached before, and then not
    arguments = [toy_recipes["ppo"], "trainer.logger.wandb={enable: true, mode: online}", "output_dir=run"]
    for _ in range(2):
        done = quick_command("vla-train", *arguments)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith("LoggerError: trainer.logger.wandb: ")
        assert not (tmp_path / "run").exists()
