"""Draw a placement as plain text: nodes down, GPUs across, then which components share GPUs.

          GPU 0     GPU 1
node 0    E0 R0 A0  E1 R1 A1
"""

from collections.abc import Iterable, Iterator, Sequence

from vla_trainer.placement.placement import COMPONENTS, Device, Placement, format_range

FOLD = 8
"""Of more similar rows or columns than this only the first and the last are shown, with dots between."""

WIDTH = 120
"""Characters; in a wider table already three similar columns are folded."""

_DOTS = "..."

Cell = dict[str, list[int]]
"""Component names to the ranks of their processes on one device."""


def draw(placement: Placement) -> list[str]:
    """Return lines: a table of the devices and their processes, a legend, the shape, what is shared and offloaded.

    A cell holds a component's initial and its process numbers: E0-3 are four processes. Columns number a node's own
    GPUs; where there are several nodes, a row's head has the numbers of its GPUs in recipes, which count over all
    nodes.
    """
    letters = _letters(list(placement))
    table = _table(placement, letters, FOLD)
    if max(map(len, table)) > WIDTH:
        table = _table(placement, letters, 2)
    lines = [*table, _legend(letters)]
    if any(_DOTS in line for line in table):
        lines[-1] += f"; {_DOTS} the same pattern, numbers going on"
    unused = _unused(placement)
    if unused:
        lines[-1] += f"; no component has GPU {format_ranges(unused)}"
    return [*lines, *_relations(placement)]


def _letters(names: list[str]) -> dict[str, str]:
    """Return component names to their initials, or to the whole names where two have the same initial."""
    initials = [name[0].upper() for name in names]
    distinct = len(set(initials)) == len(names)
    return {name: initial if distinct else f"{name}:" for name, initial in zip(names, initials, strict=True)}


def _legend(letters: dict[str, str]) -> str:
    return ", ".join(name if letter == f"{name}:" else f"{letter} {name}" for name, letter in letters.items())


def _table(placement: Placement, letters: dict[str, str], fold_columns: int) -> list[str]:
    cells: dict[Device, Cell] = {}
    for name, component in placement.components.items():
        for process in component.processes:
            for device in process.devices:
                cells.setdefault(device, {}).setdefault(name, []).append(process.rank)
    gpus: list[int | None] = list(range(placement.gpus_per_node))
    if not gpus or any(device.gpu is None for device in cells):
        gpus.append(None)
    grid = [[cells.get(Device(node, gpu), {}) for gpu in gpus] for node in range(placement.num_nodes)]
    rows = _fold(grid, FOLD)
    columns = _fold([list(column) for column in zip(*grid, strict=True)], fold_columns)
    heads = ["", *("processors" if gpu is None else f"GPU {gpu}" for gpu in gpus)]
    table = [[heads[0], *(_DOTS if column is None else heads[column + 1] for column in columns)]]
    for row in rows:
        if row is None:
            table.append([_DOTS] * (len(columns) + 1))
            continue
        texts = [_DOTS if column is None else _cell_text(grid[row][column], letters) for column in columns]
        table.append([_row_head(placement, row), *texts])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


def _fold(lines: Sequence[list[Cell]], most: int) -> list[int | None]:
    """Return the indices of the lines to draw; None stands for similar lines that are left out."""
    shown: list[int | None] = []
    begin = 0
    for end in range(1, len(lines) + 1):
        if end < len(lines) and _continues(lines[end - 1], lines[end]):
            continue
        shown += [begin, None, end - 1] if end - begin > most else list(range(begin, end))
        begin = end
    return shown


def _continues(line: list[Cell], following: list[Cell]) -> bool:
    """Return whether the second line has the first one's components and counts, with numbers that go on."""
    return all(
        list(cell) == list(following_cell)
        and all(
            len(cell[name]) == len(following_cell[name]) and cell[name][0] <= following_cell[name][0] for name in cell
        )
        for cell, following_cell in zip(line, following, strict=True)
    )


def _cell_text(cell: Cell, letters: dict[str, str]) -> str:
    return " ".join(f"{letters[name]}{format_ranges(ranks)}" for name, ranks in cell.items()) or "-"


def _row_head(placement: Placement, node: int) -> str:
    labels = [label for label, nodes in placement.node_groups.items() if node in nodes]
    gpus = placement.gpus_per_node
    if gpus and placement.num_nodes > 1:
        labels.append(f"GPU {format_range(node * gpus, (node + 1) * gpus - 1)}")
    return f"node {node} ({', '.join(labels)})" if labels else f"node {node}"


def _unused(placement: Placement) -> set[int]:
    components = placement.components.values()
    used = {gpu for component in components for gpu in component.gpus(placement.gpus_per_node)}
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
        yield f"  {_join(list(names))} share {_device_text(devices, placement.gpus_per_node)}"
    moved = {name: placement.offloads(name) for name in placement}
    texts = [f"{name} {format_ranges(ranks)}" for name, ranks in moved.items() if ranks]
    if texts:
        yield f"  they take turns; moved to host memory in between: {', '.join(texts)}"
    else:
        yield "  nothing is moved to host memory"


def _device_text(devices: frozenset[Device], gpus_per_node: int) -> str:
    gpus = [device.node * gpus_per_node + device.gpu for device in devices if device.gpu is not None]
    nodes = [device.node for device in devices if device.gpu is None]
    texts = [f"GPU {format_ranges(gpus)}"] if gpus else []
    texts += [f"the processors of node {format_ranges(nodes)}"] if nodes else []
    return " and ".join(texts)


def _join(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]])


def format_ranges(numbers: Iterable[int]) -> str:
    """Return numbers as ranges: {0, 1, 2, 5} as `0-2,5`."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(format_range(run[0], run[-1]) for run in runs)
