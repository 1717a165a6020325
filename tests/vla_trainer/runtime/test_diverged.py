"""Numbers that are not finite in a process of the ray backend: the driver raises the same one line as without it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fault_toy  # noqa: F401  # registers its environment
import pytest
import reach_toy
import slow_toy
from ray_nodes import two_nodes
from ray_runs import config, on, train

from vla_trainer import run
from vla_trainer.errors import EnvError, PolicyNumbersError, TrainerError, TrainingDivergedError
from vla_trainer.trainer import make_trainer

pytestmark = pytest.mark.slow

# on processors, since a GPU has one policy
TWO_LEARN = ["cluster.component_placement={env: 0-1, rollout: 2, actor: '3:0-1'}", "policy.device=cpu"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as made:
        yield made


def one_line(error: TrainerError) -> str:
    said = str(error)
    assert "\n" not in said
    assert "ray::" not in said
    return said


def test_a_reward_of_an_env_process(cluster: Any, tmp_path: Path) -> None:
    fault = ["env.id=fault_toy:toy/FaultyReach-v0", "env.reward=nan", "env.every=7"]
    with pytest.raises(
        EnvError, match=r"the reward is nan in env \d, episode \d+ \(seed \d+\), environment step 4"
    ) as it:
        train(reach_toy.GRPO_RECIPE, tmp_path / "run", on(cluster, *fault))
    one_line(it.value)
    assert it.value.exit_code == 2


def test_a_policy_that_cannot_act_in_its_process(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(PolicyNumbersError, match=r"the policy cannot act: logits are nan") as it:
        train(reach_toy.GRPO_RECIPE, tmp_path / "run", on(cluster, "policy.factory=fault_toy:SpeechlessPolicy"))
    one_line(it.value)


@pytest.mark.parametrize("placement", [[], TWO_LEARN], ids=["one learns", "two learn"])
def test_weights_that_a_step_breaks(cluster: Any, tmp_path: Path, placement: list[str]) -> None:
    folder = tmp_path / "run"
    train(slow_toy.PPO, folder, on(cluster, *placement, "trainer.iterations=1"))
    spec = run.resumed_run(folder, None, ["actor.lr=1e30", "trainer.iterations=3", "trainer.keep_checkpoints=1"])
    with pytest.raises(TrainingDivergedError, match=r"; the last checkpoint is .*step_000001$") as it:
        run.run_supervised(spec, make_trainer, print)
    one_line(it.value)
    assert it.value.exit_code == 1
    assert [path.name for path in (folder / "checkpoints").glob("step_*")] == ["step_000001"]


def test_weights_that_are_not_finite_are_not_saved(cluster: Any, tmp_path: Path) -> None:
    # a weight that no optimizer step touched, of two processes that have a part of it each
    backend = make_trainer(config(slow_toy.PPO, *on(cluster, *TWO_LEARN, "policy.factory=fault_toy:broken_gaussian")))
    try:
        with pytest.raises(TrainingDivergedError, match=r"the weights that .* are not finite") as it:
            backend.save(tmp_path, 1, {}, None)
        one_line(it.value)
        assert not [path for path in tmp_path.iterdir() if path.name.startswith("step")]
    finally:
        backend.close()
