"""How many runs are beside each other, what a run's folder says, and the last words of a log."""

from dataclasses import replace
from pathlib import Path

import pytest
import reach_toy

from vla_trainer.ablation.plan import PlannedRun, plan_ablation
from vla_trainer.ablation.processes import command_of, default_parallel, last_line
from vla_trainer.ablation.runs import progress_of
from vla_trainer.config.load import to_yaml
from vla_trainer.errors import AblationError


def first_run(folder: Path, *overrides: str) -> PlannedRun:
    recipe = folder / "toy.yaml"
    recipe.write_text(reach_toy.PPO_RECIPE)
    return plan_ablation(str(recipe), list(overrides), ["actor.lr=1e-2"], seeds=1, out=str(folder / "out")).runs[0]


@pytest.mark.parametrize(
    ("overrides", "cores", "runs"),
    [
        (["trainer.threads=1"], 8, 8),
        (["trainer.threads=3"], 8, 2),
        (["trainer.threads=16"], 8, 1),
        (["trainer.threads=1", "policy.threads=4"], 8, 2),
        (["trainer.threads=null"], 8, 8),
        (["policy.device=cuda:1"], 8, 1),
        (["cluster.backend=ray"], 8, 1),
    ],
)
def test_as_many_runs_as_there_are_cores_for(tmp_path: Path, overrides: list[str], cores: int, runs: int) -> None:
    assert default_parallel(first_run(tmp_path, "policy.device=cpu", *overrides).config, cores) == runs


def test_no_more_runs_than_the_memory_holds(tmp_path: Path) -> None:
    # 8 environments of 1 GB; what an iteration collects has no images that the config knows of
    config = first_run(tmp_path, "policy.device=cpu", "trainer.threads=1", "plan.env_bytes=1e9").config
    assert [default_parallel(config, 8, gigabytes * 1e9) for gigabytes in (100, 25, 12)] == [8, 3, 1]


def test_a_folder_says_how_far_its_run_is(tmp_path: Path) -> None:
    planned = first_run(tmp_path)
    assert str(progress_of(planned)) == "new, 3 iterations"
    planned.folder.mkdir(parents=True)
    config = planned.folder / "config.yaml"
    # elsewhere, and with every default written out: it is the same run
    config.write_text(to_yaml(planned.config.model_copy(update={"output_dir": "/elsewhere"})))
    assert str(progress_of(planned)) == "goes on from iteration 0 of 3"
    for step in (2, 3):
        checkpoint = planned.folder / f"checkpoints/step_{step:06d}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "trainer_state.pt").touch()
        assert progress_of(planned).iteration == step
        assert progress_of(planned).ended == (step == 3)
    assert str(progress_of(planned)) == "done before"
    other = replace(planned, config=first_run(tmp_path, "actor.betas=[0.8, 0.9]").config)
    with pytest.raises(
        AblationError, match=r"another config: actor\.betas is \[0\.9, 0\.999\] there and \[0\.8, 0\.9\] here"
    ):
        progress_of(other)
    config.write_text("algorithm: [")
    with pytest.raises(AblationError, match=r"^base, seed 0: .*config\.yaml.*; remove .*, and it is run again$"):
        progress_of(planned)


def test_a_run_is_begun_with_its_overrides_and_continued_in_its_folder(tmp_path: Path) -> None:
    planned = first_run(tmp_path, "trainer.iterations=9")
    new, begun = (command_of(planned, begun)[4:] for begun in (False, True))
    assert new[:3] == [str(tmp_path / "toy.yaml"), "trainer.iterations=9", "trainer.seed=0"]
    assert begun == ["--resume", str(planned.folder)]


def test_the_last_line_is_of_the_last_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_line(log) == ""
    log.write_text("first\nFirstError: no\n")
    before = log.stat().st_size
    assert last_line(log) == "FirstError: no"
    assert last_line(log, before) == ""
    with log.open("a") as file:
        file.write("second\n  SecondError: no  \n\n")
    assert last_line(log, before) == "SecondError: no"
    log.write_bytes(b"x" * 200_000 + b"\nlong \xff\n")
    assert last_line(log) == "long \ufffd"
