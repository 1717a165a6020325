"""The placement grammar on the values of reference recipes."""

import pytest

from vla_trainer import placement
from vla_trainer.errors import PlacementError
from vla_trainer.placement.parse import read_range


def gpus(value: str | int, num_nodes: int = 1, gpus_per_node: int = 8) -> list[tuple[int, tuple[int, ...]]]:
    placed = placement.parse({"actor": value}, num_nodes, gpus_per_node)
    return [(process.node, process.gpus) for process in placed["actor"].processes]


def test_one_process_a_gpu() -> None:
    assert gpus("0-2") == [(0, (0,)), (0, (1,)), (0, (2,))]
    assert gpus(3) == [(0, (3,))]
    assert gpus("all", gpus_per_node=2) == [(0, (0,)), (0, (1,))]


def test_two_processes_on_each_of_four_gpus() -> None:
    assert [gpu for _, gpu in gpus("0-3:0-7")] == [(0,), (0,), (1,), (1,), (2,), (2,), (3,), (3,)]


def test_two_gpus_for_each_of_four_processes() -> None:
    assert [gpu for _, gpu in gpus("0-7:0-3")] == [(0, 1), (2, 3), (4, 5), (6, 7)]


def test_segments() -> None:
    # 0-1:0-3: processes 0..3 on GPUs 0, 0, 1, 1; 3-5 goes on with 4..6; 7-10:7-14: 7..14, two on each of 7, 8, 9, 10
    found = [gpu[0] for _, gpu in gpus("0-1:0-3,3-5,7-10:7-14", gpus_per_node=16)]
    assert found == [0, 0, 1, 1, 3, 4, 5, 7, 7, 8, 8, 9, 9, 10, 10]


def test_nodes_number_their_own_gpus() -> None:
    assert gpus("7-8", num_nodes=2) == [(0, (7,)), (1, (0,))]
    # without GPUs the resources are the nodes
    assert gpus("all", num_nodes=2, gpus_per_node=0) == [(0, ()), (1, ())]


def test_hybrid_collocated_and_separated() -> None:
    hybrid = placement.parse({"env": "0-3", "rollout": "4-7", "actor": "0-7"}, 1, 8)
    assert hybrid.shared_gpus("env", "actor") == {0, 1, 2, 3}
    assert hybrid.shared_gpus("env", "rollout") == set()
    collocated = placement.parse({"env,rollout, actor": "all"}, 2, 2)
    assert list(collocated) == ["env", "rollout", "actor"]
    assert collocated.shared_gpus("rollout", "actor") == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0-8", "allowed: 0-7, all"),
        ("a-b", '"a-b" is not a number'),
        ("3-1", "ends before it begins"),
        ("0-2:0-1", "one number must divide"),
        ("0-1:0-1,2-3:1-2", "process 1 is placed twice"),
        ("0-1:2-3", "missing: 0-1"),
        ("0-1:all", "is not a number"),
        ("", "names nothing"),
    ],
)
def test_what_is_wrong_is_named(value: str, message: str) -> None:
    with pytest.raises(PlacementError, match=message):
        gpus(value)


def test_components_are_placed_once_and_a_process_has_one_node() -> None:
    with pytest.raises(PlacementError, match="twice"):
        placement.parse({"env,actor": "all", "actor": "0"}, 1, 8)
    with pytest.raises(PlacementError, match="span nodes"):
        placement.parse({"actor": "0-3:0"}, 2, 2)
    with pytest.raises(PlacementError, match='did you mean "actor"'):
        placement.parse({"actor": "0"}, 1, 1)["actr"]


def test_ranges() -> None:
    assert read_range("3") == range(3, 4)
    assert read_range("0-3") == read_range("0 - 3") == range(4)
    with pytest.raises(ValueError, match="ends before it begins"):
        read_range("3-0")
    for text in ("", "-", "1-", "a", "1.0", " 1", "\u0663"):  # the last one is a digit, but not one of ours
        with pytest.raises(ValueError, match="is not a number or a range a-b"):
            read_range(text)


def test_numbers_of_any_length_are_refused_at_once() -> None:
    assert read_range("0-999999999") == range(10**9)
    for text in ("1000000000", "0-999999999999", "9" * 10_000):
        with pytest.raises(ValueError, match="is above 999999999"):
            read_range(text)
