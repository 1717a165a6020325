"""Shape, sharing and offloading of placements."""

import pytest

from vla_trainer import placement
from vla_trainer.errors import PlacementError
from vla_trainer.placement import Device, Placement

Value = str | int | dict[str, str | int]
NODE: dict[str, str | int] = {"node_group": "node", "placement": "all"}


def placed(env: Value, rollout: Value, actor: Value, num_nodes: int = 1, gpus_per_node: int = 8) -> Placement:
    return placement.parse({"env": env, "rollout": rollout, "actor": actor}, num_nodes, gpus_per_node)


@pytest.mark.parametrize(
    ("env", "rollout", "actor", "gpus_per_node", "shape"),
    [
        ("all", "all", "all", 8, "collocated"),
        ("0", "0", "0", 8, "collocated"),
        # the same GPUs, in other numbers of processes
        ("all:0-15", "all:0-3", "all", 8, "collocated"),
        ("0-1", "2-3", "4-7", 8, "separated"),
        ("0-3", "4-7", "0-7", 8, "hybrid"),
        ("0-3", "0-3", "4-7", 8, "hybrid"),
        ("0-4", "4-5", "6-7", 8, "hybrid"),
        # all three meet on GPU 0, but the actor has more
        ("0", "0", "0-1", 8, "hybrid"),
        # without GPUs all are on the processors of the one node
        ("all", "all", "all", 0, "collocated"),
        # processors are a device of their own, which only env has here
        (NODE, "all", "all", 8, "hybrid"),
        (NODE, "0-3", "4-7", 8, "separated"),
        (NODE, NODE, NODE, 8, "collocated"),
        (NODE, NODE, "all", 8, "hybrid"),
    ],
)
def test_shape(env: Value, rollout: Value, actor: Value, gpus_per_node: int, shape: str) -> None:
    assert placed(env, rollout, actor, gpus_per_node=gpus_per_node).shape == shape


def test_shape_on_nodes_without_gpus() -> None:
    assert placed("0", "1", "2", 3, 0).shape == "separated"
    assert placed("0-1", "1", "2", 3, 0).shape == "hybrid"
    assert placed("all", "all", "all:0-5", 3, 0).shape == "collocated"


def test_shape_needs_the_three_components() -> None:
    with pytest.raises(PlacementError, match='component "rollout" is not placed'):
        _ = placement.parse({"env,actor": "all"}, 1, 8).shape


def test_sharing_is_said_by_who_meets() -> None:
    found = placed("0-2", "2-4", "2-3,7").sharing()
    # GPU 2: all; 3: rollout and actor; 0, 1, 4, 7 have one component
    assert found == {("env", "rollout", "actor"): {Device(0, 2)}, ("rollout", "actor"): {Device(0, 3)}}
    assert placed("0-1", "2-3", "4-7").sharing() == {}
    # GPU 3 of two nodes of two GPUs is GPU 1 of node 1
    assert placed("3", "2", "3", 2, 2).sharing() == {("env", "actor"): {Device(1, 1)}}


def test_sharing_of_processors() -> None:
    both = placement.parse({"env,rollout": NODE, "actor": "all"}, 2, 1)
    assert both.sharing() == {("env", "rollout"): {Device(0, None), Device(1, None)}}
    assert both.shared_gpus("env", "rollout") == set()


def test_hybrid_offloads_where_the_actor_meets_another() -> None:
    hybrid = placed("0-3", "4-7", "0-7")
    assert [hybrid.offloads(name) for name in hybrid] == [{0, 1, 2, 3}, {0, 1, 2, 3}, set(range(8))]


def test_only_processes_on_shared_gpus_are_offloaded() -> None:
    # actor processes 0..3 on GPUs 4..7; env on 0..4 meets process 0 with its process 4; rollout 5 is on 5: process 1
    some = placed("0-4", "5", "4-7")
    assert some.offloads("env") == {4}
    assert some.offloads("rollout") == {0}
    assert some.offloads("actor") == {0, 1}
    # process 1 has GPUs 2 and 3, of which 3 is env's
    assert placed("3", "4", "0-3:0-1").offloads("actor") == {1}


def test_env_and_rollout_stay_where_only_they_meet() -> None:
    together = placed("0-3", "0-3", "4-7")
    assert all(together.offloads(name) == set() for name in together)


def test_separated_and_processors_offload_nothing() -> None:
    on_processors = placed("all", "all", "all", gpus_per_node=0)
    for apart in (placed("0-1", "2-3", "4-7"), on_processors, placed(NODE, NODE, NODE)):
        assert all(apart.offloads(name) == set() for name in apart)
    with pytest.raises(PlacementError, match='did you mean "actor"'):
        placed("0", "0", "0").offloads("acto")


def test_devices_of_a_process() -> None:
    assert placed("0-1:0", "2", "3")["env"].processes[0].devices == {Device(0, 0), Device(0, 1)}
    assert placed(NODE, "2", "3")["env"].processes[0].devices == {Device(0, None)}


def test_env_processes_render_on_their_first_gpu_or_on_the_node_s_in_turn() -> None:
    assert placed("0-3", "4", "5").rendering_gpus() == (0, 1, 2, 3)
    assert placed("0-7:0-3", "4", "5").rendering_gpus() == (0, 2, 4, 6)
    # two nodes of three GPUs, five processes on the processors of each: each node begins with its first GPU
    nodes: Value = {"node_group": "node", "placement": "0-1:0-9"}
    assert placed(nodes, "0", "0", 2, 3).rendering_gpus() == (0, 1, 2, 0, 1, 0, 1, 2, 0, 1)
    # no GPUs to render on
    assert placed("all", "0", "0", gpus_per_node=0).rendering_gpus() == (None,)
