"""Which GPUs env processes see, and what their environments are told to render on; Ray itself is not started."""

from __future__ import annotations

import device_toy  # noqa: F401  # registers toy/DeviceReach-v0
import pytest
import reach_toy  # noqa: F401  # registers toy/Reach-v0

from vla_trainer import placement
from vla_trainer.config.load import load_config
from vla_trainer.config.schema import Config
from vla_trainer.runtime.gpus_shown import GpusShown, gpus_shown
from vla_trainer.runtime.process_layout import EnvProcess, layout_of

pytest.importorskip("ray")

from vla_trainer.runtime.env_worker import EnvWorker

RENDERS, PLAIN = "device_toy:toy/DeviceReach-v0", "reach_toy:toy/Reach-v0"
NODES = {"node_group": "node", "placement": "0:0-5"}


@pytest.fixture(autouse=True)
def no_gpus_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def envs(env: object, gpus: int = 4) -> tuple[EnvProcess, ...]:
    return layout_of(placement.parse({"env": env, "rollout,actor": "0"}, 1, gpus), 12, 1).envs


def test_a_process_sees_its_gpus_and_renders_on_the_first() -> None:
    # CUDA calls the first that it shows to a process 0, whatever the machine's own number is
    shown = [gpus_shown(place, RENDERS) for place in envs("0-3")]
    assert shown == [GpusShown((gpu,), "cuda:0") for gpu in range(4)]
    assert [gpus_shown(place, RENDERS) for place in envs("0-3:0-1")] == [
        GpusShown((0, 1), "cuda:0"),
        GpusShown((2, 3), "cuda:0"),
    ]


def test_processes_without_a_gpu_render_on_all_of_the_node_in_turn() -> None:
    shown = [gpus_shown(place, RENDERS) for place in envs(NODES)]
    assert [found.gpus for found in shown] == [(0,), (1,), (2,), (3,), (0,), (1,)]
    assert {found.device for found in shown} == {"cuda:0"}
    # what has no use for one sees none
    assert [gpus_shown(place, PLAIN) for place in envs(NODES)] == [GpusShown(())] * 6
    # nor where the nodes have none
    assert [gpus_shown(place, RENDERS) for place in envs("0:0-5", gpus=0)] == [GpusShown(())] * 6


def test_what_names_no_argument_may_read_mujoco_s_variable() -> None:
    shown = gpus_shown(envs("0-3")[2], PLAIN)
    assert (shown.gpus, shown.device, dict(shown.variables)) == ((2,), None, {"MUJOCO_EGL_DEVICE_ID": "2"})


@pytest.mark.parametrize("env_id", [RENDERS, PLAIN])
def test_gpus_that_are_names_are_shown_to_no_process(env_id: str) -> None:
    assert gpus_shown(envs("0-3")[1], env_id, real_gpus=False) == GpusShown(())


def config(toy_recipes: dict[str, str], *overrides: str) -> Config:
    return load_config(toy_recipes["grpo"], [f"env.id={RENDERS}", "env.num_envs=4", *overrides])


def test_a_process_s_environments_render_on_its_gpu(toy_recipes: dict[str, str]) -> None:
    place = layout_of(placement.parse({"env": "0-1", "rollout,actor": "0"}, 1, 2), 4, 1).envs[1]
    worker = EnvWorker(config(toy_recipes), place, [None], None, "cuda:0")
    assert worker.open(0).provenance.renderer is None  # nothing renders before it has to
    assert worker.renderer() == "painter on cuda:0"
    assert worker.open_evaluation(2).provenance.renderer == "painter on cuda:0"
    worker.close()


def test_what_the_config_says_comes_first(toy_recipes: dict[str, str]) -> None:
    place = layout_of(placement.parse({"env": "0-1", "rollout,actor": "0"}, 1, 2), 4, 1).envs[1]
    worker = EnvWorker(config(toy_recipes, "env.gpu=3", "eval.gpu=5"), place, [None], None, "cuda:0")
    worker.open(0)
    assert worker.renderer() == "painter on 3"
    assert worker.open_evaluation(2).provenance.renderer == "painter on 5"
    worker.close()
