"""The suggested layout where it is plain which one it is."""

from typing import Any

import pytest

from vla_trainer import placement
from vla_trainer.errors import PlacementError
from vla_trainer.planner import Amounts, Candidate, Line, StageTimes, Transfer, suggest
from vla_trainer.planner.suggest import layouts


def best(env: Line, act: Line, update: Line, cores: int | None = None, **times: Any) -> Candidate:
    amounts = Amounts(num_envs=64, horizon=20, workers=1)
    return suggest(StageTimes(env, act, update, **times), amounts, 8, 1, cores_per_node=cores)[0]


@pytest.mark.parametrize(("env", "act"), [(0.0, 1.0), (1.0, 0.0)])
def test_every_gpu_does_what_takes_long_where_moving_is_free(env: float, act: float) -> None:
    # only one side takes time, so that stages gain nothing, and all eight GPUs (and their eight cores) share it
    found = best(Line(0, env), Line(0, act), Line(0, 0.01), cores=8)
    assert (found.layout.name, found.layout.stages) == ("collocated", 1)
    assert found.layout.component_placement == {"env,rollout,actor": "all"}


def test_where_moving_is_dear_components_have_gpus_of_their_own() -> None:
    dear = {"offload": 1e4, "load": 1e4}
    acting = best(Line(), Line(0, 1), Line(0, 0.001), **dear).layout
    assert acting.component_placement == {"env,rollout": "0-5", "actor": "6-7"} or acting.component_placement == {
        "env,rollout": "0-3",
        "actor": "4-7",
    }
    learning = best(Line(), Line(0, 0.001), Line(0, 1), **dear).layout
    assert learning.component_placement == {"env,rollout": "0-1", "actor": "2-7"}
    # and where sending weights is dearer still, they are shared
    assert best(Line(), Line(0, 1), Line(), **dear, sync=Transfer(latency=1e6)).layout.name == "collocated"


def test_stages_where_both_sides_take_equally_long() -> None:
    assert best(Line(0, 1), Line(0, 1), Line()).layout.stages == 2
    # halves cost as much as the whole
    assert best(Line(), Line(1), Line()).layout.stages == 1


def test_the_policy_alone_where_drawing_disturbs_it() -> None:
    # 4 cores step 64 environments in 16 s, wherever. Collocated: 8 s of acting before, or much slowed down beside it;
    # on four GPUs of its own the policy takes 16 s, all of it beside the steps
    found = best(Line(0, 1), Line(0, 1), Line(), cores=4, act_slowdown=10.0)
    assert (found.layout.name, found.layout.stages) == ("hybrid", 2)
    assert found.layout.component_placement == {"env": "0-3", "rollout": "4-7", "actor": "0-7"}


def test_shortest_first_and_legal() -> None:
    amounts = Amounts(num_envs=64, horizon=2)
    found = suggest(StageTimes(Line(1, 1), Line(1, 1), Line(1, 1)), amounts, 8, 2)
    totals = [candidate.prediction.total for candidate in found]
    assert totals == sorted(totals)
    assert {candidate.layout.name for candidate in found} == {"collocated", "hybrid", "separated"}
    for candidate in found:
        placed = placement.parse(candidate.layout.component_placement, 2, 8)
        assert 64 % (len(placed["env"].processes) * candidate.layout.stages) == 0
        used = set().union(*(placed[name].gpus(8) for name in placed))
        assert used == set(range(16))


def test_who_collects_ahead_has_gpus_apart_from_who_learns() -> None:
    times = StageTimes(Line(1, 1), Line(1, 1), Line(1, 1))
    found = suggest(times, Amounts(num_envs=64, horizon=2, learns="ahead"), 8, 1)
    assert {candidate.layout.name for candidate in found} == {"separated"}
    assert all(candidate.prediction.beside > 0 for candidate in found)


def test_few_gpus_and_few_environments() -> None:
    assert [layout.component_placement for layout in layouts(4, 1, 1)] == [{"env,rollout,actor": "all"}] * 2
    assert [layout.stages for layout in layouts(3, 0, 1)] == [1]
    assert {"env": "0", "rollout": "1", "actor": "0-1"} in [layout.component_placement for layout in layouts(4, 2, 1)]
    with pytest.raises(PlacementError, match="num_envs=5 divides over no layout of 1 node"):
        suggest(StageTimes(Line(), Line(), Line()), Amounts(num_envs=5, horizon=2), 8, 1)
