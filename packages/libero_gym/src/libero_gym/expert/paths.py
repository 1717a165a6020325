"""Ways over a table, round what stands on it, for something round that is pushed or dragged.

Axes: P points, W way-points. Lengths are metres, world frame.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence

import numpy as np

CELL = 0.01
"""Of the grid that ways are searched on."""
AROUND = 0.20
"""How far beyond the straight way a detour may lead."""
TOUCHING = 60.0
"""What a cell costs where the thing would be in something up to its middle; a free one costs 1."""


def way_round(
    start: np.ndarray, ends: Sequence[np.ndarray], obstacles: Sequence[tuple[np.ndarray, float]]
) -> list[np.ndarray]:
    """The cheapest way from a place to one of several, as way-points (2,) after the start; the last is one of `ends`.

    Args:
        start: (2,), the middle of what moves.
        ends: (2,) each, best first: where two cost the same, the first is taken.
        obstacles: (P, 2) points, and how far from them the middle has to stay. It is a cost, not a bound: where
            something stands too near already, the way leads away from it.
    """
    corners = np.array([start, *ends])
    low = corners.min(0) - AROUND
    shape = tuple(int(n) for n in np.ceil((corners.max(0) + AROUND - low) / CELL).astype(int) + 1)
    cost = _costs(low, (shape[0], shape[1]), obstacles)
    first = _cell(start, low)
    spent, before = _spread_out(cost, first)
    # a little for each step down the list of ends, so that equals are told apart
    best = min(range(len(ends)), key=lambda i: (spent[_cell(ends[i], low)] + 0.5 * i, i))
    cell = _cell(ends[best], low)
    cells = [cell]
    while cell != first:
        cell = before[cell]
        cells.append(cell)
    path = [low + CELL * np.array(cell) for cell in reversed(cells)]
    path[0], path[-1] = np.asarray(start, dtype=float), np.asarray(ends[best], dtype=float)
    return _straightened(path, cost, low)


def _cell(point: np.ndarray, low: np.ndarray) -> tuple[int, int]:
    i, j = np.rint((point - low) / CELL).astype(int)
    return int(i), int(j)


def _costs(low: np.ndarray, shape: tuple[int, int], obstacles: Sequence[tuple[np.ndarray, float]]) -> np.ndarray:
    """(rows, columns): of going through each cell."""
    cost = np.ones(shape)
    centres = low + CELL * np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1).reshape(-1, 2)
    high = low + CELL * np.array(shape)
    for points, distance in obstacles:
        near = points[((points > low - distance) & (points < high + distance)).all(1)]
        if len(near) == 0:
            continue
        # one point a cell is enough
        near = np.unique(np.rint(near / (CELL / 2)), axis=0) * (CELL / 2)
        nearest = np.full(len(centres), np.inf)
        for chunk in np.array_split(near, len(near) // 500 + 1):
            gaps = centres[:, None] - chunk[None]
            nearest = np.minimum(nearest, np.einsum("cpk,cpk->cp", gaps, gaps).min(1))
        inside = np.maximum(0.0, 1.0 - np.sqrt(nearest) / distance).reshape(shape)
        cost = np.maximum(cost, 1.0 + TOUCHING * inside + 3.0 * (inside > 0))
    return cost


def _spread_out(
    cost: np.ndarray, first: tuple[int, int]
) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], tuple[int, int]]]:
    """Dijkstra's algorithm: what it costs to come to each cell, and from where one comes."""
    spent = {first: 0.0}
    before: dict[tuple[int, int], tuple[int, int]] = {}
    queue = [(0.0, first)]
    rows, columns = cost.shape
    while queue:
        so_far, (i, j) = heapq.heappop(queue)
        if so_far > spent[i, j]:
            continue
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                there = (i + di, j + dj)
                if there == (i, j) or not (0 <= there[0] < rows and 0 <= there[1] < columns):
                    continue
                total = so_far + float(np.sqrt(di * di + dj * dj)) * float(cost[there])
                if total < spent.get(there, np.inf):
                    spent[there] = total
                    before[there] = (i, j)
                    heapq.heappush(queue, (total, there))
    return spent, before


def _straightened(path: list[np.ndarray], cost: np.ndarray, low: np.ndarray) -> list[np.ndarray]:
    """Way-points of a path without those that can be cut off at no greater cost."""

    def price(first: np.ndarray, second: np.ndarray) -> float:
        length = float(np.linalg.norm(second - first))
        count = max(2, int(length / (CELL / 2)))
        there = [_cell(first + share * (second - first), low) for share in np.linspace(0, 1, count)]
        return length * float(np.mean([cost[cell] for cell in there]))

    along = [price(a, b) for a, b in itertools.pairwise(path)]
    points = []
    i = 0
    while i < len(path) - 1:
        j = len(path) - 1
        while j > i + 1 and price(path[i], path[j]) > sum(along[i:j]) * 1.02 + 0.002:
            j -= 1
        points.append(path[j])
        i = j
    return points or [path[-1]]
