"""Placements that RLinf (a3816b5) reads, and those that it refuses: recorded from its own parser.

`ComponentPlacement._parse_rank_map` and `_rank_map_to_process_resources_map` (rlinf/scheduler/placement/placement.py)
gave the answers, with the checks of `FlexiblePlacementStrategy.get_placement` on nodes. Of 120,000 random values both
parsers read the same ones to the same processes, with one exception: RLinf lets the first segment's processes begin
above 0 and numbers them anew, against its own documentation.
"""

import pytest

from vla_trainer import placement
from vla_trainer.errors import PlacementError


def written(value: str, num_nodes: int, gpus_per_node: int) -> str:
    """The processes by rank as `node.gpu+gpu`, a process without a GPU as `node`."""
    found = placement.parse({"env": value}, num_nodes, gpus_per_node)["env"].processes
    return " ".join(
        f"{process.node}.{'+'.join(map(str, process.gpus))}" if process.gpus else f"{process.node}" for process in found
    )


@pytest.mark.parametrize(
    ("value", "num_nodes", "gpus_per_node", "answer"),
    [
        # one process on each of GPUs 0 to 3; blanks, empty segments and capitals mean nothing
        ("0-3", 1, 8, "0.0 0.1 0.2 0.3"),
        ("0 - 3", 1, 8, "0.0 0.1 0.2 0.3"),
        ("0-3,", 1, 8, "0.0 0.1 0.2 0.3"),
        ("0-1,,4", 1, 8, "0.0 0.1 0.4"),
        ("ALL", 1, 2, "0.0 0.1"),
        # 4 GPUs / 2 processes = 2 each; 8 processes / 4 GPUs = 2 on each
        ("all:0-1", 1, 4, "0.0+1 0.2+3"),
        ("0-3:0-7", 1, 8, "0.0 0.0 0.1 0.1 0.2 0.2 0.3 0.3"),
        ("0-7:0-3", 2, 4, "0.0+1 0.2+3 1.0+1 1.2+3"),
        # 0..3 on GPUs 0, 0, 1, 1; 4..6 on 3, 4, 5; 7..14 on 7, 7, 8, 8, 9, 9, 10, 10, of which 8 is GPU 0 of node 1
        (
            "0-1:0-3,3-5,7-10:7-14",
            2,
            8,
            "0.0 0.0 0.1 0.1 0.3 0.4 0.5 0.7 0.7 1.0 1.0 1.1 1.1 1.2 1.2",
        ),
        # a segment without numbers goes on after process 3, or after process 0 with its four GPUs
        ("0:0-3,1", 1, 8, "0.0 0.0 0.0 0.0 0.1"),
        ("0-3:0,4", 1, 8, "0.0+1+2+3 0.4"),
        ("0-1,3:2-4", 1, 8, "0.0 0.1 0.3 0.3 0.3"),
        ("7-8", 2, 8, "0.7 1.0"),
        # without GPUs resources are nodes
        ("all", 3, 0, "0 1 2"),
        ("1-2:0-3", 3, 0, "1 1 2 2"),
        # "Resource ranks must be unique"
        ("0-1,1-2", 1, 8, None),
        ("all,0", 1, 8, None),
        ("0,all", 1, 8, None),
        ("0,0", 3, 0, None),
        ("0-1:0-1,0-1:2-3", 1, 8, None),
        # "Resource ranks must be in ascending order"
        ("4-7,0-3", 1, 8, None),
        ("3,1", 1, 8, None),
        # "Process ranks must be in ascending order and continuous"
        ("0:1,1:0", 1, 8, None),
        ("0-1:0-1,2-3:1-2", 1, 8, None),
        ("0-1:0-1,2-3:3-4", 1, 8, None),
        # one number must divide the other
        ("0-2:0-1", 1, 8, None),
        # ranges, numbers and colons
        ("3-1", 1, 8, None),
        ("0:1-0", 1, 8, None),
        ("8", 1, 8, None),
        ("0-8", 1, 8, None),
        ("0:1:2", 1, 8, None),
        ("0:all", 1, 8, None),
        ("0:", 1, 8, None),
        (":0", 1, 8, None),
        ("", 1, 8, None),
        (",", 1, 8, None),
        ("a", 1, 8, None),
        ("-1", 1, 8, None),
        ("0-1-2", 1, 8, None),
        # "on the same node": GPUs 3 and 4 of process 1 are GPU 3 of node 0 and GPU 0 of node 1
        ("1-4:0-1", 2, 4, None),
        ("all:0", 2, 0, None),
    ],
)
def test_the_answers_are_rlinfs(value: str, num_nodes: int, gpus_per_node: int, answer: str | None) -> None:
    if answer is None:
        with pytest.raises(PlacementError):
            written(value, num_nodes, gpus_per_node)
    else:
        assert written(value, num_nodes, gpus_per_node) == answer


def test_the_first_process_is_0() -> None:
    # RLinf reads processes 2 and 3 and calls them 0 and 1
    with pytest.raises(PlacementError, match="missing: 0-1"):
        written("0-1:2-3", 1, 8)
