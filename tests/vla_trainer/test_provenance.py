"""What environments say about themselves stays with checkpoints and stands over evaluations."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import device_toy
import gymnasium
import pytest
from gymnasium.vector import SyncVectorEnv
from rich.console import Console

from vla_trainer import run
from vla_trainer.evaluation.report import print_evaluation
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.provenance import Provenance, joined, provenance_of, read_provenance, renderer_of
from vla_trainer.run import all_notices
from vla_trainer.trainer import make_trainer


@pytest.fixture(autouse=True)
def no_gpus_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def envs(**metadata: Any) -> SyncVectorEnv:
    made = SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")])
    made.metadata = {**made.metadata, **metadata}
    return made


def test_an_environment_that_says_nothing_is_no_exception() -> None:
    said = provenance_of(envs())
    assert (said.assets, said.assets_version, said.caveats) == (None, None, ())
    assert said.heading is None
    assert said.asset_set is None


@pytest.mark.parametrize(
    ("assets", "version", "shown"),
    [("official", "0123abc", "official (version 0123abc)"), ("builtin-1", "1", "builtin-1"), ("x", None, "x")],
)
def test_name_and_version_are_shown_once(assets: str, version: str | None, shown: str) -> None:
    assert provenance_of(envs(assets=assets, assets_version=version)).asset_set == shown


def test_it_stays_in_a_checkpoint_s_folder(tmp_path: Path) -> None:
    assert read_provenance(tmp_path) is None
    said = Provenance("Env-v0", "builtin-1", "1", ("other images",))
    said.write(tmp_path)
    assert read_provenance(tmp_path) == said
    (tmp_path / "provenance.json").write_text("{")
    assert read_provenance(tmp_path) is None


def test_a_checkpoint_of_another_asset_set_is_noticed(tmp_path: Path) -> None:
    from vla_trainer.config.load import load_config

    config = load_config("tiny_spatial_ppo", [])
    Provenance("Env-v0", "builtin-1", "1", ()).write(tmp_path)
    assert all_notices(config, "builtin-1", tmp_path)[-1] == "asset set: builtin-1"
    assert all_notices(config, "official", tmp_path)[-1] == "the checkpoint was trained on another asset set: builtin-1"


def test_a_heading_stands_over_an_evaluation(tmp_path: Path) -> None:
    evaluation = Evaluation(
        heading="not a benchmark result: other images",
        episodes=4,
        successes=1,
        success_rate=0.25,
        interval=(0.05, 0.7),
        reward_mean=0.25,
        tasks=[],
        env_id="Env-v0",
        split="eval",
        assets="official",
        assets_version="0123",
        deterministic=True,
        notices=[],
        states=[],
    )
    shown = StringIO()
    print_evaluation(evaluation, Console(file=shown, width=120))
    lines = shown.getvalue().splitlines()
    assert lines[:2] == [
        "not a benchmark result: other images",
        "Env-v0, split eval, assets official (version 0123)",
    ]
    assert lines[-2].split() == ["│", "all", "│", "1/4", "│", "25.0%", "│", "5.0%,", "70.0%", "│", "-", "│"]
    shown.truncate(0)
    print_evaluation(replace(evaluation, renderer="NVIDIA H100"), Console(file=shown, width=120))
    assert "Env-v0, split eval, assets official (version 0123), rendered by NVIDIA H100\n" in shown.getvalue()
    evaluation.write(tmp_path / "eval.json")
    assert next(iter(json.loads((tmp_path / "eval.json").read_text()))) == "heading"


def test_what_renders_is_named_by_an_attribute() -> None:
    assert renderer_of(envs()) is None
    made = SyncVectorEnv([lambda gpu=gpu: device_toy.DeviceReachEnv(gpu) for gpu in (2, 0, 2)])
    assert renderer_of(made) == "painter on 0 and painter on 2"
    assert joined(["b", None, "a", "b"]) == "a and b"
    assert joined([None]) is None


def test_another_machine_may_render_with_another_device(tmp_path: Path) -> None:
    here = Provenance("Env-v0", "builtin-1", "1", (), "llvmpipe")
    assert here == Provenance("Env-v0", "builtin-1", "1", (), "NVIDIA H100")
    here.write(tmp_path)
    found = read_provenance(tmp_path)
    assert found is not None
    assert found.renderer == "llvmpipe"
    # as older versions wrote it
    tree = json.loads((tmp_path / "provenance.json").read_text())
    del tree["renderer"]
    (tmp_path / "provenance.json").write_text(json.dumps(tree))
    assert read_provenance(tmp_path) == here


def test_what_rendered_stays_with_checkpoints_and_evaluations(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    overrides = [device_toy.ENV, "env.gpu=1", "eval.gpu=2", "eval.episodes=2", "trainer.iterations=1"]
    quiet = ["video_cfg.save_video=false", "trainer.logger={console: {enable: false}, tensorboard: {enable: false}}"]
    spec = run.new_run(toy_recipes["ppo"], [*overrides, *quiet, f"output_dir={tmp_path / 'run'}"])
    lines: list[str] = []
    trainer = make_trainer(spec.config)
    try:
        run.run_training(spec, trainer, lines.append)
    finally:
        trainer.close()
    assert "images are rendered by painter on 1" in lines
    (checkpoint,) = (tmp_path / "run" / "checkpoints").glob("step_*")
    found = read_provenance(checkpoint)
    assert found is not None
    assert found.renderer == "painter on 1"
    assert Evaluation.read(tmp_path / "run" / "eval.json").renderer == "painter on 2"


def test_what_cannot_render_ends_a_run_before_it_begins(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    spec = run.new_run(toy_recipes["ppo"], [device_toy.ENV, "env.refuses=true", f"output_dir={tmp_path / 'run'}"])
    trainer = make_trainer(spec.config)
    try:
        with pytest.raises(ValueError, match="no GPU renders here"):
            run.run_training(spec, trainer, lambda line: None)
    finally:
        trainer.close()
    assert not (tmp_path / "run").exists()
