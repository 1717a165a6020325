"""A placement as plain text: nodes down, GPUs across, and who takes turns with whom.

          GPU 0     GPU 1
node 0    E0 R0 A0  E1 R1 A1
"""

from collections.abc import Iterator, Sequence

from vla_trainer.placement.plan import COMPONENTS, Device, Placement
from vla_trainer.placement.ranges import say_ranges

FOLD = 8
"""More rows or columns than this that are alike are drawn as the first, dots and the last."""

WIDTH = 120
"""Characters; in a wider table three columns that are alike are enough to be folded."""

_DOTS = "..."

Cell = dict[str, list[int]]
"""Component names to the ranks that are on one device."""


def draw(placement: Placement) -> list[str]:
    """Lines: a table of the devices with the processes on each, a legend, the shape, what is shared and offloaded.

    A cell holds a component's initial and its process numbers, E0-3 being four processes. Columns number a node's own
    GPUs; where there are several nodes, a row says which numbers these are in recipes, which count over all nodes.
    """
    letters = _letters(list(placement))
    table = _table(placement, letters, FOLD)
    if max(map(len, table)) > WIDTH:
        table = _table(placement, letters, 2)
    lines = [*table, _legend(letters)]
    if any(_DOTS in line for line in table):
        lines[-1] += f"; {_DOTS} the same, numbered on"
    unused = _unused(placement)
    if unused:
        lines[-1] += f"; no component has GPU {say_ranges(unused)}"
    return [*lines, *_relations(placement)]


def _letters(names: list[str]) -> dict[str, str]:
    """Initials, or whole names where two begin alike."""
    initials = [name[0].upper() for name in names]
    distinct = len(set(initials)) == len(names)
    return {name: initial if distinct else f"{name}:" for name, initial in zip(names, initials, strict=True)}


def _legend(letters: dict[str, str]) -> str:
    return ", ".join(name if letter == f"{name}:" else f"{letter} {name}" for name, letter in letters.items())


def _table(placement: Placement, letters: dict[str, str], fold_columns: int) -> list[str]:
    on: dict[Device, Cell] = {}
    for name, component in placement.components.items():
        for process in component.processes:
            for device in process.devices:
                on.setdefault(device, {}).setdefault(name, []).append(process.rank)
    gpus: list[int | None] = list(range(placement.gpus_per_node))
    if not gpus or any(device.gpu is None for device in on):
        gpus.append(None)
    grid = [[on.get(Device(node, gpu), {}) for gpu in gpus] for node in range(placement.num_nodes)]
    rows = _fold(grid, FOLD)
    columns = _fold([list(column) for column in zip(*grid, strict=True)], fold_columns)
    heads = ["", *("processors" if gpu is None else f"GPU {gpu}" for gpu in gpus)]
    table = [[heads[0], *(_DOTS if column is None else heads[column + 1] for column in columns)]]
    for row in rows:
        if row is None:
            table.append([_DOTS] * (len(columns) + 1))
            continue
        cells = [_DOTS if column is None else _say(grid[row][column], letters) for column in columns]
        table.append([_row_head(placement, row), *cells])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


def _fold(lines: Sequence[list[Cell]], most: int) -> list[int | None]:
    """Indices of the lines that are drawn; None stands for those between two of them that are like both."""
    shown: list[int | None] = []
    begin = 0
    for end in range(1, len(lines) + 1):
        if end < len(lines) and _go_on(lines[end - 1], lines[end]):
            continue
        shown += [begin, None, end - 1] if end - begin > most else list(range(begin, end))
        begin = end
    return shown


def _go_on(line: list[Cell], following: list[Cell]) -> bool:
    """Whether the second line has the first one's components, as many processes of each, numbered on."""
    return all(
        list(one) == list(other)
        and all(len(one[name]) == len(other[name]) and one[name][0] <= other[name][0] for name in one)
        for one, other in zip(line, following, strict=True)
    )


def _say(cell: Cell, letters: dict[str, str]) -> str:
    return " ".join(f"{letters[name]}{say_ranges(ranks)}" for name, ranks in cell.items()) or "-"


def _row_head(placement: Placement, node: int) -> str:
    labels = [label for label, nodes in placement.node_groups.items() if node in nodes]
    each = placement.gpus_per_node
    numbers = [f"GPU {say_ranges(range(node * each, (node + 1) * each))}"] if each and placement.num_nodes > 1 else []
    said = ", ".join([*labels, *numbers])
    return f"node {node} ({said})" if said else f"node {node}"


def _unused(placement: Placement) -> set[int]:
    used = {gpu for one in placement.components.values() for gpu in one.gpus(placement.gpus_per_node)}
    return set(range(placement.num_nodes * placement.gpus_per_node)) - used


def _relations(placement: Placement) -> Iterator[str]:
    if all(name in placement for name in COMPONENTS):
        meaning = {
            "collocated": "env, rollout and actor have the same devices",
            "separated": "no device belongs to two components",
            "hybrid": "some devices belong to several components",
        }[placement.shape]
        yield f"{placement.shape}: {meaning}"
    for names, devices in placement.sharing().items():
        yield f"  {_join(list(names))} share {_say_devices(devices, placement.gpus_per_node)}"
    moved = {name: placement.offloads(name) for name in placement}
    said = [f"{name} {say_ranges(ranks)}" for name, ranks in moved.items() if ranks]
    if said:
        yield f"  they take turns; moved to host memory in between: {', '.join(said)}"
    else:
        yield "  nothing is moved to host memory"


def _say_devices(devices: frozenset[Device], gpus_per_node: int) -> str:
    gpus = [device.node * gpus_per_node + device.gpu for device in devices if device.gpu is not None]
    nodes = [device.node for device in devices if device.gpu is None]
    said = [f"GPU {say_ranges(gpus)}"] if gpus else []
    return " and ".join([*said, *([f"the processors of node {say_ranges(nodes)}"] if nodes else [])])


def _join(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]])
