"""Which processes a placement asks for, and which work together."""

import pytest

from vla_trainer import placement
from vla_trainer.runtime.process_layout import PolicyProcess, ProcessLayout, layout_of


def layout(components: dict, num_envs: int, stages: int = 1, nodes: int = 1, gpus: int = 8) -> ProcessLayout:
    return layout_of(placement.parse(components, nodes, gpus), num_envs, stages)


def env_indices(found: ProcessLayout) -> list[tuple[int, ...]]:
    return [one.first_env_indices for one in found.envs]


def test_columns_are_split_by_rank() -> None:
    found = layout({"env": "0-3", "rollout,actor": "0"}, 12)
    assert env_indices(found) == [(0,), (3,), (6,), (9,)]  # 12 over 4 processes: 3 each
    assert [one.envs_per_stage for one in found.envs] == [3] * 4
    assert [(one.rank, one.node, one.gpus) for one in found.envs] == [(n, 0, (n,)) for n in range(4)]


def test_columns_of_two_stages() -> None:
    # 16 environments in 2 stages: 0 to 7 and 8 to 15; of each stage 4 processes have 2
    found = layout({"env": "0-3", "rollout,actor": "0"}, 16, stages=2)
    assert env_indices(found) == [(0, 8), (2, 10), (4, 12), (6, 14)]
    assert {one.envs_per_stage for one in found.envs} == {2}


@pytest.mark.parametrize("stages", [1, 2])
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_every_column_is_somewhere_once(processes: int, stages: int) -> None:
    found = layout({"env": f"0:0-{processes - 1}", "rollout,actor": "0"}, 24, stages)
    covered = [first + n for one in found.envs for first in one.first_env_indices for n in range(one.envs_per_stage)]
    assert sorted(covered) == list(range(24))


@pytest.mark.parametrize(
    ("env", "rollout", "asked"),
    [
        ("0-3", "0-3", [(0,), (1,), (2,), (3,)]),
        ("0-3", "0-1", [(0,), (0,), (1,), (1,)]),  # neighbours ask the same one
        ("0-5", "0-1", [(0,), (0,), (0,), (1,), (1,), (1,)]),
        ("0-3", "0", [(0,)] * 4),
        ("0-1", "0-3", [(0, 1), (2, 3)]),  # an env process's observations are split over two
        ("0", "0-3", [(0, 1, 2, 3)]),
    ],
)
def test_who_asks_whom(env: str, rollout: str, asked: list[tuple[int, ...]]) -> None:
    assert [one.rollout for one in layout({"env": env, "rollout": rollout, "actor": "0"}, 24).envs] == asked


def test_rollout_and_actor_on_the_same_gpu_are_one_process() -> None:
    # rollout 0 and 1 on GPUs 2 and 3, where actors 2 and 3 are
    found = layout({"env": "0-1", "rollout": "2-3", "actor": "0-3"}, 4)
    assert found.policies == (
        PolicyProcess(0, (0,), None, 0, True),
        PolicyProcess(0, (1,), None, 1, True),
        PolicyProcess(0, (2,), 0, 2, True),
        PolicyProcess(0, (3,), 1, 3, True),
    )
    assert found.acting() == [2, 3]
    assert found.learning() == [0, 1, 2, 3]
    assert not found.apart()  # two of them act, too
    assert [one.name for one in found.policies[1:3]] == ["actor process 1", "rollout process 0 and actor process 2"]
    assert found.per_node() == {0: 2 + 4}


def test_apart_those_that_learn_come_first() -> None:
    found = layout({"env": "0", "rollout": "1-2", "actor": "3"}, 4)
    assert [(one.gpus, one.rollout_rank, one.actor_rank) for one in found.policies] == [
        ((3,), None, 0),
        ((1,), 0, None),
        ((2,), 1, None),
    ]
    assert found.acting() == [1, 2]
    assert found.learning() == [0]
    assert found.apart()
    assert found.policies[1].name == "rollout process 0"


def test_acting_is_by_rollout_rank_whatever_the_order_of_the_actors() -> None:
    # actors 0 and 1 are on GPUs 1 and 2 with rollouts 1 and 2; rollout 0 is alone on GPU 0, and comes after the actors
    found = layout({"env": "0-2", "rollout": "0-2", "actor": "1-2"}, 6)
    assert [one.rollout_rank for one in found.policies] == [1, 2, 0]
    assert found.acting() == [2, 0, 1]
    assert [found.policies[index].rollout_rank for index in found.acting()] == [0, 1, 2]


def test_several_processes_on_one_gpu() -> None:
    # of three that act and two that learn on GPU 0, two pairs are one process each
    found = layout({"env": "0:0-2", "rollout": "0:0-2", "actor": "0:0-1"}, 6)
    assert [(one.rollout_rank, one.actor_rank) for one in found.policies] == [(0, 0), (1, 1), (2, None)]
    assert env_indices(found) == [(0,), (2,), (4,)]


def test_the_same_gpus_on_another_node_are_others() -> None:
    # GPU 0 of node 0 and GPU 0 of node 1; and two GPUs are not one of the two
    found = layout({"env": "0", "rollout": "1", "actor": "0"}, 2, nodes=2, gpus=1)
    assert found.policies == (PolicyProcess(0, (0,), None, 0, True), PolicyProcess(1, (0,), 0, None))
    assert found.per_node() == {0: 2, 1: 1}
    found = layout({"env": "0", "rollout": "0", "actor": "0-1:0"}, 2)
    assert found.policies == (PolicyProcess(0, (0, 1), None, 0, True), PolicyProcess(0, (0,), 0, None))


def test_processors_only() -> None:
    # without GPUs the numbers are nodes
    found = layout({"env": "0-1:0-3", "rollout,actor": "1:0-1"}, 8, nodes=2, gpus=0)
    assert [(one.node, one.gpus) for one in found.envs] == [(0, ()), (0, ()), (1, ()), (1, ())]
    assert found.policies == (PolicyProcess(1, (), 0, 0), PolicyProcess(1, (), 1, 1))
    assert found.per_node() == {0: 2, 1: 4}
