"""Placements as text."""

from vla_trainer import placement
from vla_trainer.placement.draw import format_ranges

ALL: dict[str, str | int | dict[str, str | int]] = {"env,rollout,actor": "all"}


def test_one_gpu() -> None:
    assert placement.draw(placement.parse(ALL, 1, 1)) == [
        "        GPU 0",
        "node 0  E0 R0 A0",
        "E env, R rollout, A actor",
        "collocated: env, rollout and actor have the same devices",
        "  env, rollout and actor share GPU 0",
        "  they take turns; moved to host memory in between: env 0, rollout 0, actor 0",
    ]


def test_eight_gpus() -> None:
    assert placement.draw(placement.parse({"env": "0-3", "rollout": "4-7", "actor": "0-7"}, 1, 8)) == [
        "        GPU 0  GPU 1  GPU 2  GPU 3  GPU 4  GPU 5  GPU 6  GPU 7",
        "node 0  E0 A0  E1 A1  E2 A2  E3 A3  R0 A4  R1 A5  R2 A6  R3 A7",
        "E env, R rollout, A actor",
        "hybrid: some devices belong to several components",
        "  env and actor share GPU 0-3",
        "  rollout and actor share GPU 4-7",
        "  they take turns; moved to host memory in between: env 0-3, rollout 0-3, actor 0-7",
    ]


def test_two_nodes() -> None:
    # two env processes on each of GPUs 0-7, two GPUs for each rollout process; GPU 15 is left over
    placed = placement.parse({"env": "0-7:0-15", "rollout": "8-11:0-1", "actor": "12-14"}, 2, 8)
    assert placement.draw(placed) == [
        "                   GPU 0  GPU 1  GPU 2  GPU 3  GPU 4  GPU 5   GPU 6   GPU 7",
        "node 0 (GPU 0-7)   E0-1   E2-3   E4-5   E6-7   E8-9   E10-11  E12-13  E14-15",
        "node 1 (GPU 8-15)  R0     R0     R1     R1     A0     A1      A2      -",
        "E env, R rollout, A actor; no component has GPU 15",
        "separated: no device belongs to two components",
        "  nothing is moved to host memory",
    ]


def test_many_nodes_are_folded() -> None:
    # 8 columns of `E120 R120 A120` would be wider than 120 characters
    assert placement.draw(placement.parse(ALL, 16, 8)) == [
        "                       GPU 0           ...  GPU 7",
        "node 0 (GPU 0-7)       E0 R0 A0        ...  E7 R7 A7",
        "...                    ...             ...  ...",
        "node 15 (GPU 120-127)  E120 R120 A120  ...  E127 R127 A127",
        "E env, R rollout, A actor; ... the same pattern, numbers going on",
        "collocated: env, rollout and actor have the same devices",
        "  env, rollout and actor share GPU 0-127",
        "  they take turns; moved to host memory in between: env 0-127, rollout 0-127, actor 0-127",
    ]


def test_only_what_is_alike_is_folded() -> None:
    # nine similar columns are folded, eight are not
    assert placement.draw(placement.parse({"env": "0-8", "actor": "9-16"}, 17, 1))[:12] == [
        "                  GPU 0",
        "node 0 (GPU 0)    E0",
        "...               ...",
        "node 8 (GPU 8)    E8",
        "node 9 (GPU 9)    A0",
        "node 10 (GPU 10)  A1",
        "node 11 (GPU 11)  A2",
        "node 12 (GPU 12)  A3",
        "node 13 (GPU 13)  A4",
        "node 14 (GPU 14)  A5",
        "node 15 (GPU 15)  A6",
        "node 16 (GPU 16)  A7",
    ]


def test_many_gpus_are_folded() -> None:
    assert placement.draw(placement.parse(ALL, 1, 16))[:2] == [
        "        GPU 0     ...  GPU 15",
        "node 0  E0 R0 A0  ...  E15 R15 A15",
    ]


def test_processors_and_labels() -> None:
    placed = placement.parse(
        {
            "env": {"node_group": "node", "placement": "0:0-63"},
            "rollout,actor": {"node_group": "gpu", "placement": "all"},
        },
        2,
        2,
        [{"label": "gpu", "node_ranks": 1}],
    )
    assert placement.draw(placed) == [
        "                       GPU 0  GPU 1  processors",
        "node 0 (GPU 0-1)       -      -      E0-63",
        "node 1 (gpu, GPU 2-3)  R0 A0  R1 A1  -",
        "E env, R rollout, A actor; no component has GPU 0-1",
        "hybrid: some devices belong to several components",
        "  rollout and actor share GPU 2-3",
        "  they take turns; moved to host memory in between: rollout 0-1, actor 0-1",
    ]
    assert placement.draw(placement.parse(ALL, 2, 0)) == [
        "        processors",
        "node 0  E0 R0 A0",
        "node 1  E1 R1 A1",
        "E env, R rollout, A actor",
        "collocated: env, rollout and actor have the same devices",
        "  env, rollout and actor share the processors of node 0-1",
        "  nothing is moved to host memory",
    ]


def test_other_components() -> None:
    # no shape without the three; two with the same initial are written out
    assert placement.draw(placement.parse({"actor": "0", "agent": "0-1"}, 1, 2)) == [
        "        GPU 0            GPU 1",
        "node 0  actor:0 agent:0  agent:1",
        "actor, agent",
        "  actor and agent share GPU 0",
        "  they take turns; moved to host memory in between: actor 0, agent 0",
    ]


def test_ranges() -> None:
    assert format_ranges([]) == ""
    assert format_ranges({4}) == "4"
    assert format_ranges([2, 0, 1, 5, 7, 8, 8]) == "0-2,5,7-8"
