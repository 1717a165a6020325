"""Placements, right and wrong, each with what it means: nodes, GPUs and process numbers worked out by hand."""

from collections.abc import Mapping, Sequence

import pytest

from vla_trainer import placement
from vla_trainer.errors import PlacementError

Value = str | int | dict[str, str | int]
NodeGroups = Sequence[Mapping[str, object]]

GROUPS: NodeGroups = (
    {"label": "sim", "node_ranks": "2-3"},
    {"label": "odd", "node_ranks": "1,3"},
    {"label": 4090, "node_ranks": [0]},
    {"label": "back", "node_ranks": [3, 0]},
    {"label": "last", "node_ranks": 3},
)


def written(value: Value, num_nodes: int, gpus_per_node: int, groups: NodeGroups = ()) -> str:
    """The processes by rank as `node.gpu+gpu`, a process without a GPU as `node`."""
    found = placement.parse({"env": value}, num_nodes, gpus_per_node, groups)["env"].processes
    assert [process.rank for process in found] == list(range(len(found)))
    return " ".join(
        f"{process.node}.{'+'.join(map(str, process.gpus))}" if process.gpus else f"{process.node}" for process in found
    )


@pytest.mark.parametrize(
    ("value", "num_nodes", "gpus_per_node", "expected"),
    [
        # one process a GPU
        (0, 1, 1, "0.0"),
        ("0", 1, 1, "0.0"),
        ("all", 1, 1, "0.0"),
        ("3", 1, 8, "0.3"),
        ("0-3", 1, 8, "0.0 0.1 0.2 0.3"),
        ("4-7", 1, 8, "0.4 0.5 0.6 0.7"),
        ("all", 1, 4, "0.0 0.1 0.2 0.3"),
        ("2-2", 1, 8, "0.2"),
        (" 0-1 ", 1, 8, "0.0 0.1"),
        # several nodes: GPU g is GPU g mod 8 of node g // 8
        ("7-8", 2, 8, "0.7 1.0"),
        ("8-11", 2, 8, "1.0 1.1 1.2 1.3"),
        ("all", 2, 2, "0.0 0.1 1.0 1.1"),
        ("5", 3, 2, "2.1"),
        ("127", 16, 8, "15.7"),
        # 0-3:0-7: eight processes on four GPUs, two on each; 0-7:0-3: four processes with two GPUs each
        ("0-3:0-7", 1, 8, "0.0 0.0 0.1 0.1 0.2 0.2 0.3 0.3"),
        ("0-7:0-3", 1, 8, "0.0+1 0.2+3 0.4+5 0.6+7"),
        ("0-7:0-3", 2, 4, "0.0+1 0.2+3 1.0+1 1.2+3"),
        ("0-3:0-3", 1, 8, "0.0 0.1 0.2 0.3"),
        ("0:0-2", 1, 8, "0.0 0.0 0.0"),
        ("0-3:0", 1, 8, "0.0+1+2+3"),
        ("0-7:0-1", 2, 4, "0.0+1+2+3 1.0+1+2+3"),
        ("all:0-1", 1, 4, "0.0+1 0.2+3"),
        ("all:0-3", 2, 1, "0.0 0.0 1.0 1.0"),
        # 0-1:0-3 are processes 0..3 on GPUs 0, 0, 1, 1; 3-5 goes on with 4, 5, 6; 7-10:7-14 are 7..14, two on each GPU
        (
            "0-1:0-3,3-5,7-10:7-14",
            1,
            16,
            "0.0 0.0 0.1 0.1 0.3 0.4 0.5 0.7 0.7 0.8 0.8 0.9 0.9 0.10 0.10",
        ),
        # the same where nodes have 8: GPUs 8, 9, 10 are 0, 1, 2 of node 1
        (
            "0-1:0-3,3-5,7-10:7-14",
            2,
            8,
            "0.0 0.0 0.1 0.1 0.3 0.4 0.5 0.7 0.7 1.0 1.0 1.1 1.1 1.2 1.2",
        ),
        ("0-1,4-5", 1, 8, "0.0 0.1 0.4 0.5"),
        ("0-1, 4-5", 1, 8, "0.0 0.1 0.4 0.5"),
        ("1,3", 1, 8, "0.1 0.3"),
        # blanks, a comma at the end and capitals mean nothing
        ("0 - 1, 4 -5", 1, 8, "0.0 0.1 0.4 0.5"),
        (" 0 - 1 : 0 - 3 ", 1, 8, "0.0 0.0 0.1 0.1"),
        ("0-1,", 1, 8, "0.0 0.1"),
        (",0-1,,4 ,", 1, 8, "0.0 0.1 0.4"),
        ("ALL", 1, 2, "0.0 0.1"),
        ("00-01", 1, 8, "0.0 0.1"),
        # a segment without numbers goes on from the segment before it: 4-5 are processes 4 and 5
        ("0-3:0-3,4-5", 1, 8, "0.0 0.1 0.2 0.3 0.4 0.5"),
        # mixed: two GPUs for process 0, one for each of 1 and 2
        ("0-1:0,2-3", 1, 8, "0.0+1 0.2 0.3"),
        # machines without GPUs: resources are the nodes
        ("all", 1, 0, "0"),
        ("0:0-3", 1, 0, "0 0 0 0"),
        ("all", 3, 0, "0 1 2"),
        ("1-2:0-3", 3, 0, "1 1 2 2"),
        # node groups that are always there
        ({"placement": "0-1"}, 1, 8, "0.0 0.1"),
        ({"node_group": "cluster", "placement": "7-8"}, 2, 8, "0.7 1.0"),
        ({"node_group": "node", "placement": "0-1:0-7"}, 2, 8, "0 0 0 0 1 1 1 1"),
        ({"node_group": "node", "placement": "all"}, 3, 8, "0 1 2"),
        ({"node_group": "node", "placement": 1}, 2, 8, "1"),
        ({"node_group": "node", "placement": "0:0-1,1:2-4"}, 2, 8, "0 0 1 1 1"),
        ({"node_group": "node", "placement": "0-1:0-3"}, 2, 0, "0 0 1 1"),
        # labelled groups count from their first node: sim is nodes 2 and 3, so that its GPU 1 is GPU 1 of node 2
        ({"node_group": "sim", "placement": "0-3"}, 4, 2, "2.0 2.1 3.0 3.1"),
        ({"node_group": "sim", "placement": "all"}, 4, 2, "2.0 2.1 3.0 3.1"),
        ({"node_group": "sim", "placement": "1-2"}, 4, 2, "2.1 3.0"),
        ({"node_group": "sim", "placement": "0-3:0-1"}, 4, 2, "2.0+1 3.0+1"),
        ({"node_group": "odd", "placement": "1-2:0-3"}, 4, 2, "1.1 1.1 3.0 3.0"),
        ({"node_group": 4090, "placement": "all"}, 4, 2, "0.0 0.1"),
        ({"node_group": "4090", "placement": 1}, 4, 2, "0.1"),
        # nodes of a group are in ascending order however they are written
        ({"node_group": "back", "placement": "0-3"}, 4, 2, "0.0 0.1 3.0 3.1"),
        ({"node_group": "last", "placement": "0"}, 4, 2, "3.0"),
        ({"node_group": "odd", "placement": "all:0-3"}, 4, 0, "1 1 3 3"),
        # several groups: GPUs 0 and 1 are those of 4090, which is node 0, GPUs 2 to 5 those of sim, nodes 2 and 3
        ({"node_group": "4090,sim", "placement": "all"}, 4, 2, "0.0 0.1 2.0 2.1 3.0 3.1"),
        ({"node_group": " 4090 , sim,", "placement": "1-2"}, 4, 2, "0.1 2.0"),
        ({"node_group": [4090, "sim"], "placement": "0-5:0-2"}, 4, 2, "0.0+1 2.0+1 3.0+1"),
        ({"node_group": "4090,sim", "placement": "1-2:0-3"}, 4, 0, "2 2 3 3"),
        # in another order, as long as nodes ascend where processes are: 0 and 1 of last are node 3
        ({"node_group": "last,4090", "placement": "0-1"}, 4, 2, "3.0 3.1"),
    ],
)
def test_right(value: Value, num_nodes: int, gpus_per_node: int, expected: str) -> None:
    assert written(value, num_nodes, gpus_per_node, GROUPS if num_nodes == 4 else ()) == expected


@pytest.mark.parametrize(
    ("value", "num_nodes", "gpus_per_node", "expected"),
    [
        ("0-8", 1, 8, '=0-8: segment 1 "0-8" is not there; GPUs allowed: 0-7, all'),
        ("1", 1, 1, '=1: segment 1 "1" is not there; GPUs allowed: 0, all'),
        ("0-3,8", 1, 8, '=0-3,8: segment 2 "8" is not there; GPUs allowed: 0-7, all'),
        ("8:0-1", 1, 8, '=8:0-1: segment 1 "8:0-1": "8" is not there; GPUs allowed: 0-7, all'),
        ("2", 2, 0, '=2: segment 1 "2" is not there; nodes allowed: 0-1, all'),
        ("0-3:0-7,9-4", 2, 8, '=0-3:0-7,9-4: segment 2 "9-4" ends before it begins'),
        ("3-1:0-2", 1, 8, '=3-1:0-2: segment 1 "3-1:0-2": "3-1" ends before it begins'),
        ("0-1:1-0", 1, 8, '=0-1:1-0: segment 1 "0-1:1-0": "1-0" ends before it begins'),
        ("a-b", 1, 8, '=a-b: segment 1 "a-b" is not a number, a range a-b or all'),
        ("-1", 1, 8, '=-1: segment 1 "-1" is not a number, a range a-b or all'),
        (-1, 1, 8, '=-1: segment 1 "-1" is not a number, a range a-b or all'),
        ("0-", 1, 8, '=0-: segment 1 "0-" is not a number, a range a-b or all'),
        ("0..3", 1, 8, '=0..3: segment 1 "0..3" is not a number, a range a-b or all'),
        ("0-1-2", 1, 8, '=0-1-2: segment 1 "0-1-2" is not a number, a range a-b or all'),
        ("", 1, 8, "= names nothing; allowed: 0-7, all"),
        (" , ", 1, 8, "= ,  names nothing; allowed: 0-7, all"),
        # a GPU that is named twice, and GPUs that descend
        ("0-1,1-2", 1, 8, '=0-1,1-2: segment 2 "1-2" names GPU 1 again; a:b gives several processes one GPU'),
        ("all,0", 1, 8, '=all,0: segment 2 "0" names GPU 0 again; a:b gives several processes one GPU'),
        ("0,all", 1, 8, '=0,all: segment 2 "all" names GPU 0 again; a:b gives several processes one GPU'),
        ("3,3", 1, 8, '=3,3: segment 2 "3" names GPU 3 again; a:b gives several processes one GPU'),
        (
            "0-1:0-1,0-1:2-3",
            1,
            8,
            '=0-1:0-1,0-1:2-3: segment 2 "0-1:2-3" names GPU 0 again; a:b gives several processes one GPU',
        ),
        ("0,0", 2, 0, '=0,0: segment 2 "0" names node 0 again; a:b gives several processes one node'),
        ("4-7,0-3", 1, 8, '=4-7,0-3: segment 2 "0-3" comes after GPU 7; allowed: GPUs in ascending order'),
        ("3,1", 1, 8, '=3,1: segment 2 "1" comes after GPU 3; allowed: GPUs in ascending order'),
        (
            "0:1,1:0",
            1,
            8,
            '=0:1,1:0: segment 1 "0:1": processes are numbered from 0 on, segment by segment; missing: 0',
        ),
        (":0-1", 1, 8, '=:0-1: segment 1 ":0-1": "" is not a number, a range a-b or all'),
        ("0-1:", 1, 8, '=0-1:: segment 1 "0-1:": "" is not a number or a range a-b'),
        ("0-1:all", 1, 8, '=0-1:all: segment 1 "0-1:all": "all" is not a number or a range a-b'),
        ("0:1:2", 1, 8, '=0:1:2: segment 1 "0:1:2": "1:2" is not a number or a range a-b'),
        (
            "0-2:0-1",
            1,
            8,
            '=0-2:0-1: segment 1 "0-2:0-1" has 3 resources and 2 processes: one number must divide the other',
        ),
        (
            "0,1-2:1-3",
            1,
            8,
            '=0,1-2:1-3: segment 2 "1-2:1-3" has 2 resources and 3 processes: one number must divide the other',
        ),
        # 1,024 on a GPU at most: 0-1025 are 1,026 numbers
        (
            "0:0-1025",
            1,
            8,
            '=0:0-1025: segment 1 "0:0-1025" has 1026 processes; allowed: 1024 on each of 1 resources',
        ),
        (
            "0-1:0-1,2-3:1-2",
            1,
            8,
            '=0-1:0-1,2-3:1-2: segment 2 "2-3:1-2": process 1 is placed twice',
        ),
        # 2-3:0-1 takes 0 and 1, which 0-1 took
        ("0-1,2-3:0-1", 1, 8, '=0-1,2-3:0-1: segment 2 "2-3:0-1": process 0 is placed twice'),
        (
            "0-1:2-3",
            1,
            8,
            '=0-1:2-3: segment 1 "0-1:2-3": processes are numbered from 0 on, segment by segment; missing: 0-1',
        ),
        (
            "0:0,1:2",
            1,
            8,
            '=0:0,1:2: segment 2 "1:2": processes are numbered from 0 on, segment by segment; missing: 1',
        ),
        # GPUs 2 and 3 of process 1 would be GPU 2 of node 0 and GPU 0 of node 1
        ("1-4:0-1", 2, 4, '=1-4:0-1: segment 1 "1-4:0-1": process 1 would span nodes [0, 1]'),
        ("all:0", 2, 0, '=all:0: segment 1 "all:0": process 0 would span nodes [0, 1]'),
        (
            {"node_group": "sim", "placement": "0-4"},
            4,
            2,
            '.placement=0-4 in node group "sim": segment 1 "0-4" is not there; GPUs allowed: 0-3, all',
        ),
        (
            {"node_group": "node", "placement": "0-1:0"},
            4,
            2,
            '.placement=0-1:0 in node group "node": segment 1 "0-1:0": process 0 would span nodes [0, 1]',
        ),
        (
            {"node_group": "node", "placement": 4},
            4,
            2,
            '.placement=4 in node group "node": segment 1 "4" is not there; nodes allowed: 0-3, all',
        ),
        (
            {"node_group": "sin", "placement": "0"},
            4,
            2,
            '.node_group="sin"; did you mean "sim"? allowed: 4090, back, cluster, last, node, odd, sim',
        ),
        (
            {"node_group": "4090,sin", "placement": "0"},
            4,
            2,
            '.node_group="sin"; did you mean "sim"? allowed: 4090, back, cluster, last, node, odd, sim',
        ),
        # odd is nodes 1 and 3, sim 2 and 3
        ({"node_group": "odd,sim", "placement": "0"}, 4, 2, '.node_group="odd,sim": node 3 is in two of them'),
        ({"node_group": "sim,sim", "placement": "0"}, 4, 2, '.node_group="sim,sim": node 2 is in two of them'),
        (
            {"node_group": "4090,node", "placement": "0"},
            4,
            2,
            '.node_group="4090,node": "node" counts nodes and is not joined with groups of GPUs',
        ),
        (
            {"node_group": "last,4090", "placement": "1-2"},
            4,
            2,
            '.placement=1-2 in node group "last,4090": process 1 is on node 0, before node 3 of process 0; '
            "allowed: node groups in the order of their nodes",
        ),
        (
            {"node_group": ",", "placement": "0"},
            4,
            2,
            ".node_group names no group; allowed: 4090, back, cluster, last, node, odd, sim",
        ),
        # counts are bounded before anything is made of them
        (
            "0:999999999999",
            1,
            8,
            '=0:999999999999: segment 1 "0:999999999999": "999999999999" is above 999999999',
        ),
        (
            "0:999999999",
            1,
            8,
            '=0:999999999: segment 1 "0:999999999": processes are numbered from 0 on, segment by segment; '
            "missing: 0-999999998",
        ),
        (
            "0:0-999999999",
            1,
            8,
            '=0:0-999999999: segment 1 "0:0-999999999": 1000000000 processes; allowed: 131072',
        ),
        ("999999999", 1, 8, '=999999999: segment 1 "999999999" is not there; GPUs allowed: 0-7, all'),
        ({"node_group": "sim"}, 4, 2, ': missing key "placement"'),
        (
            {"node_gruop": "sim", "placement": "0"},
            4,
            2,
            ': unknown key "node_gruop"; did you mean "node_group"? allowed: node_group, placement',
        ),
    ],
)
def test_wrong(value: Value, num_nodes: int, gpus_per_node: int, expected: str) -> None:
    with pytest.raises(PlacementError) as caught:
        written(value, num_nodes, gpus_per_node, GROUPS if num_nodes == 4 else ())
    assert str(caught.value) == f"component_placement.env{expected}"


@pytest.mark.parametrize(
    ("components", "expected"),
    [
        ({"env,rollout,actor": "all", "actor": "0"}, 'component_placement: "actor" is placed twice'),
        ({"env, env": "all"}, 'component_placement: "env" is placed twice'),
        ({"env,": "all"}, 'component_placement: "env," has an empty name'),
        # the component is named, not only the value
        (
            {"env": "0", "rollout": "9"},
            'component_placement.rollout=9: segment 1 "9" is not there; GPUs allowed: 0-7, all',
        ),
    ],
)
def test_wrong_names(components: dict[str, Value], expected: str) -> None:
    with pytest.raises(PlacementError) as caught:
        placement.parse(components, 1, 8)
    assert str(caught.value) == expected


@pytest.mark.parametrize(("num_nodes", "gpus_per_node"), [(0, 1), (1, -1)])
def test_wrong_machines(num_nodes: int, gpus_per_node: int) -> None:
    with pytest.raises(PlacementError, match=f"num_nodes={num_nodes}, gpus_per_node={gpus_per_node}: at least one"):
        placement.parse({"env": "all"}, num_nodes, gpus_per_node)


@pytest.mark.parametrize(("num_nodes", "gpus_per_node"), [(10**12, 0), (10**6, 8), (1, 10**12)])
def test_machines_are_bounded_before_they_are_counted(num_nodes: int, gpus_per_node: int) -> None:
    with pytest.raises(PlacementError, match="allowed are 131072 GPUs or nodes in all"):
        placement.parse({"env": "all"}, num_nodes, gpus_per_node)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ({"label": "a", "node_ranks": "0-2"}, 'node group "a": node_ranks=0-2: node "0-2" is not there; allowed: 0-1'),
        ({"label": "a", "node_ranks": "1-0"}, 'node group "a": node_ranks=1-0: "1-0" ends before it begins'),
        ({"label": "a", "node_ranks": "x"}, 'node group "a": node_ranks=x: "x" is not a number or a range a-b'),
        ({"label": "a", "node_ranks": [0, 0]}, 'node group "a": node_ranks=[0, 0]: node 0 is there twice'),
        ({"label": "a", "node_ranks": []}, 'node group "a": node_ranks=[] has no node; allowed: 0-1'),
        ({"label": "node", "node_ranks": 0}, 'node_groups[1].label="node" is reserved'),
        ({"label": "cluster", "node_ranks": 0}, 'node_groups[1].label="cluster" is reserved'),
        ({"label": "first", "node_ranks": 0}, 'node_groups[1].label="first" is there twice'),
        ({"label": "a"}, 'node_groups[1]: missing key "node_ranks"'),
        ({"node_ranks": 0}, 'node_groups[1]: missing key "label"'),
        (
            {"lable": "a", "node_ranks": 0},
            'node_groups[1]: unknown key "lable"; did you mean "label"? allowed: label, node_ranks',
        ),
    ],
)
def test_wrong_node_groups(group: Mapping[str, object], expected: str) -> None:
    with pytest.raises(PlacementError) as caught:
        placement.parse({"env": "all"}, 2, 2, [{"label": "first", "node_ranks": 0}, group])
    assert str(caught.value) == expected


def test_groups_by_component() -> None:
    placed = placement.parse(
        {
            "env": {"node_group": "node", "placement": "0-1:0-7"},
            "rollout,actor": {"node_group": "sim", "placement": "all"},
        },
        4,
        2,
        GROUPS,
    )
    assert [process.node for process in placed["env"].processes] == [0, 0, 0, 0, 1, 1, 1, 1]
    # as recipes without groups count them: node 2 begins with GPU 4
    assert placed.shared_gpus("rollout", "actor") == {4, 5, 6, 7}
    assert placed.shared_gpus("env", "actor") == set()
    assert placed.node_groups == {"sim": (2, 3), "odd": (1, 3), "4090": (0,), "back": (0, 3), "last": (3,)}
