"""What a sweep keeps of what it has done: blocks of whole tasks, their files, and what does not belong to them."""

from dataclasses import replace
from pathlib import Path

import pytest
import variant_toy

from vla_trainer.config.load import parse_config
from vla_trainer.errors import RunFolderError, SweepError
from vla_trainer.evaluation.evaluate import summarize
from vla_trainer.evaluation.sweep.identity import fingerprint, identity_of
from vla_trainer.evaluation.sweep.parts import SweepParts
from vla_trainer.evaluation.sweep.result import PointResult, sweep_result
from vla_trainer.evaluation.sweep.run import blocks
from vla_trainer.provenance import Provenance
from vla_trainer.rollout.env_spec import EnvSpec
from vla_trainer.types import Episode, EvaluationRollout, InitialState

HERE = Provenance("toy/Some-v0", "cubes", "1", ("a",))
STATES = [InitialState(number, number % 3, number // 3) for number in range(9)]


def episode(number: int) -> Episode:
    return Episode(STATES[number], 0.1 + number, 2, 16, False, number == 2, number % 3, "t", 0, None, f"v{number}")


def test_blocks_are_whole_tasks() -> None:
    # tasks 0, 1, 2 have the numbers 0 3 6, 1 4 7, 2 5 8
    assert list(blocks(STATES, range(9), 1)) == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert list(blocks(STATES, range(9), 4)) == [[0, 1, 3, 4, 6, 7], [2, 5, 8]]
    assert list(blocks(STATES, range(9), 100)) == [list(range(9))]
    assert list(blocks(STATES, [8, 4], 1)) == [[8], [4]]
    assert list(blocks(STATES, [], 1)) == []
    assert list(blocks([InitialState(seed) for seed in range(5)], range(5), 1)) == [[0, 1, 2, 3, 4]]


def test_episodes_are_read_back_as_they_were(tmp_path: Path) -> None:
    with SweepParts(tmp_path, {"a": 1}) as parts:
        assert parts.episodes(0, STATES, HERE) == {}
        parts.add(0, {number: episode(number) for number in (3, 0)}, HERE)
        parts.add(0, {number: episode(number) for number in (1, 2)}, HERE)
        parts.add(1, {4: episode(4)}, HERE)
    with SweepParts(tmp_path, {"a": 1}) as parts:
        assert parts.episodes(0, STATES, HERE) == {number: episode(number) for number in range(4)}
        assert parts.episodes(1, STATES, HERE) == {4: episode(4)}
        assert parts.evaluation(0) is None
        for states, provenance, what in (
            ([*STATES[:2], InitialState(99), *STATES[3:]], HERE, "list of initial states"),
            (STATES[:3], HERE, "list of initial states"),
            (STATES, Provenance("toy/Some-v0", "cubes", "2", ("a",)), "asset set"),
        ):
            with pytest.raises(SweepError, match=f"is of another {what} than the environment has now; remove "):
                parts.episodes(0, states, provenance)
        (tmp_path / "sweep_parts/point_0001_from_000004.json").write_text("{")
        with pytest.raises(SweepError, match=r"from_000004.json is not a part of a sweep: .* episodes are run again"):
            parts.episodes(1, STATES, HERE)


def test_parts_are_of_one_sweep_and_of_one_process(tmp_path: Path) -> None:
    with SweepParts(tmp_path, {"a": 1, "b": [None]}) as parts:
        with pytest.raises(RunFolderError, match="sweep_parts is in use by process"):
            SweepParts(tmp_path, {"a": 1, "b": [None]})
        parts.add(0, {0: episode(0)}, HERE)
    with pytest.raises(SweepError, match="a is 1 there and 2 here"):
        SweepParts(tmp_path, {"a": 2, "b": [None]})
    with pytest.raises(SweepError, match=r"b is \[null\] there and null here"):
        SweepParts(tmp_path, {"a": 1})
    (tmp_path / "sweep_parts/identity.json").write_text("[")
    with pytest.raises(SweepError, match="does not say which sweep it is of; remove "):
        SweepParts(tmp_path, {"a": 1, "b": [None]})
    assert [path.name for path in (tmp_path / "sweep_parts").glob("point*")] == ["point_0000_from_000000.json"]


def test_nothing_done_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "sweep_parts").mkdir()
    (tmp_path / "sweep_parts/identity.json").write_text('{"b": 2}')  # of a sweep that was killed at once
    with SweepParts(tmp_path, {"a": 1}):
        assert (tmp_path / "sweep_parts/identity.json").exists()
    assert list(tmp_path.iterdir()) == []
    with SweepParts(tmp_path, {"a": 1}) as parts:
        parts.add(0, {0: episode(0)}, HERE)
        parts.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_identity_is_of_what_decides_the_numbers(tmp_path: Path) -> None:
    values = [{"env.shift": None}]

    def of(*overrides: str, weights: Path | None = None) -> str:
        return fingerprint(identity_of(parse_config(variant_toy.RECIPE, list(overrides)), weights, values))

    same = (
        "env.num_envs=4",
        "eval.num_envs=1",
        "policy.device=cuda",
        "output_dir=x",
        "actor.lr=1",
        "video_cfg.every=3",
    )
    assert of() == of(*same)
    others = ["trainer.seed=1", "env.seconds=1", "eval.episodes=3", "policy.precision=bf16", "policy.kwargs.skill=1"]
    checkpoint = tmp_path / "step_000001"
    checkpoint.mkdir()
    (checkpoint / "weights").write_bytes(bytes(3 << 20))
    before = of(weights=checkpoint)
    assert len({of(), before, *map(of, others)}) == len(others) + 2
    assert of(f"policy.checkpoint={checkpoint}") == before
    checkpoint.rename(tmp_path / "moved")
    (tmp_path / "moved").rename(checkpoint)
    assert of(weights=checkpoint) == before
    with (checkpoint / "weights").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"1")
    assert of(weights=checkpoint) != before


@pytest.mark.parametrize(
    ("headings", "expected"),
    [
        ([None, None], None),
        (["not: a; b", "not: a; b"], "not: a; b"),
        (["not: a; b", "not: c; a"], "not: a; more at single points, see sweep.json"),
        (["not: b", "not: c"], "not: more at single points, see sweep.json"),
        ([None, "not: c", "not: c"], "not at 2 of 3 points; sweep.json says why"),
    ],
)
def test_the_heading_is_what_all_points_have(headings: list[str | None], expected: str | None) -> None:
    spec = EnvSpec(None, None, None, HERE, 1.0)  # type: ignore[arg-type]
    evaluation = summarize(EvaluationRollout({0: episode(0)}, []), spec, deterministic=True)
    points = [PointResult(str(heading), {}, replace(evaluation, heading=heading)) for heading in headings]
    texts = dict.fromkeys(("recipe", "policy", "weights", "versions"), "")
    assert sweep_result(points, **texts, identity={}).heading == expected
