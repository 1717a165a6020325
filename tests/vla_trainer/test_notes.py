"""Notes about iterations that learned less than their metrics suggest."""

import reach_toy

from vla_trainer.config.load import parse_config
from vla_trainer.notes import Notes

NONE, SOME = {"rollout/informative_groups": 0.0, "rollout/reward_mean": 5.0}, {"rollout/informative_groups": 0.25}


def notes(recipe: str, *rows: dict[str, float], overrides: tuple[str, ...] = ()) -> list[str]:
    lines: list[str] = []
    notes = Notes(parse_config(recipe, list(overrides), source="test"), lines.append)
    for iteration, metrics in enumerate(rows, 1):
        notes.look(iteration, metrics)
    return lines


def test_a_lasting_cause_is_said_less_and_less_often() -> None:
    lines = notes(reach_toy.GRPO_RECIPE, *[NONE] * 9, SOME, NONE)
    assert [line.partition(" no group")[0] for line in lines] == [
        "note: iteration 1:",
        "note: iteration 2: as in the 1 before,",
        "note: iteration 4: as in the 3 before,",
        "note: iteration 8: as in the 7 before,",
        "note: iteration 11:",  # after one that learned
    ]
    assert lines[0] == (
        "note: iteration 1: no group has variance (mean return 5), so that nothing was learned; episodes of one "
        "initial state must end differently: raise algorithm.group_size (now 4), rollout.temperature (1) or "
        "rollout.resample_groups (0), or begin with a policy that succeeds sometimes"
    )


def test_groups_that_are_dropped_by_their_mean_are_told_apart() -> None:
    (line,) = notes(reach_toy.GRPO_RECIPE, NONE, overrides=("algorithm.keep_mean_return=[0.5, 4.5]",))
    assert "no group whose mean is inside algorithm.keep_mean_return has variance" in line


def test_skipped_steps_are_said_in_each_iteration() -> None:
    rows = [{"actor/skipped_steps": skipped, "actor/optimizer_steps": 8 - skipped} for skipped in (0.0, 2.0, 1.0)]
    lines = notes(reach_toy.PPO_RECIPE, *rows)
    assert [line.partition(" optimizer steps")[0] for line in lines] == [
        "note: iteration 2: 2 of 8",
        "note: iteration 3: 1 of 8",
    ]
    assert lines[0].endswith(" skipped: gradient norm or loss was not finite; 5 in a row end the run")
