"""Plan a path over a table, round obstacles, for a disc that is pushed or dragged.

Axes: P points, W waypoints. Lengths are metres, world frame.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence

import numpy as np

CELL = 0.01
"""Of the grid of the search."""
DETOUR = 0.20
"""How far beyond start and ends a detour may lead."""
COLLISION_COST = 60.0
"""Of a cell where the middle of the disc is on an obstacle; a free cell costs 1."""


def plan_path(
    start: np.ndarray, ends: Sequence[np.ndarray], obstacles: Sequence[tuple[np.ndarray, float]]
) -> list[np.ndarray]:
    """Return the cheapest path from a position to one of several, as waypoints (2,) after the start.

    Args:
        start: (2,), the middle of what moves.
        ends: (2,) each, best first: where two cost the same, the first is taken.
        obstacles: (P, 2) points, and the distance that the middle has to keep from them. It is a cost, not a bound:
            where an obstacle is too near already, the path leads away from it.

    Returns:
        Waypoints, the last of which is one of `ends`.
    """
    corners = np.array([start, *ends])
    low = corners.min(0) - DETOUR
    shape = tuple(int(n) for n in np.ceil((corners.max(0) + DETOUR - low) / CELL).astype(int) + 1)
    cost = _costs(low, (shape[0], shape[1]), obstacles)
    first = _cell(start, low)
    costs_to, previous = _dijkstra(cost, first)
    # a small penalty for each rank in the list of ends decides between equals
    best = min(range(len(ends)), key=lambda i: (costs_to[_cell(ends[i], low)] + 0.5 * i, i))
    cell = _cell(ends[best], low)
    cells = [cell]
    while cell != first:
        cell = previous[cell]
        cells.append(cell)
    path = [low + CELL * np.array(cell) for cell in reversed(cells)]
    path[0], path[-1] = np.asarray(start, dtype=float), np.asarray(ends[best], dtype=float)
    return _shortcut(path, cost, low)


def _cell(point: np.ndarray, low: np.ndarray) -> tuple[int, int]:
    """Return the grid cell of a point (2,); `low` is the grid's corner."""
    i, j = np.rint((point - low) / CELL).astype(int)
    return int(i), int(j)


def _costs(low: np.ndarray, shape: tuple[int, int], obstacles: Sequence[tuple[np.ndarray, float]]) -> np.ndarray:
    """Return the cost (rows, columns) of going through each cell."""
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
        cost = np.maximum(cost, 1.0 + COLLISION_COST * inside + 3.0 * (inside > 0))
    return cost


def _dijkstra(
    cost: np.ndarray, first: tuple[int, int]
) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], tuple[int, int]]]:
    """Return the cost of the cheapest path to each cell, and the cell before it (Dijkstra's algorithm)."""
    costs_to = {first: 0.0}
    previous: dict[tuple[int, int], tuple[int, int]] = {}
    queue = [(0.0, first)]
    rows, columns = cost.shape
    while queue:
        cost_here, (i, j) = heapq.heappop(queue)
        if cost_here > costs_to[i, j]:
            continue
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                cell = (i + di, j + dj)
                if cell == (i, j) or not (0 <= cell[0] < rows and 0 <= cell[1] < columns):
                    continue
                total = cost_here + float(np.sqrt(di * di + dj * dj)) * float(cost[cell])
                if total < costs_to.get(cell, np.inf):
                    costs_to[cell] = total
                    previous[cell] = (i, j)
                    heapq.heappush(queue, (total, cell))
    return costs_to, previous


def _shortcut(path: list[np.ndarray], cost: np.ndarray, low: np.ndarray) -> list[np.ndarray]:
    """Return waypoints (2,) of a path without those that a straight segment replaces at no greater cost."""

    def segment_cost(first: np.ndarray, second: np.ndarray) -> float:
        length = float(np.linalg.norm(second - first))
        count = max(2, int(length / (CELL / 2)))
        cells = [_cell(first + fraction * (second - first), low) for fraction in np.linspace(0, 1, count)]
        return length * float(np.mean([cost[cell] for cell in cells]))

    segment_costs = [segment_cost(first, second) for first, second in itertools.pairwise(path)]
    waypoints = []
    i = 0
    while i < len(path) - 1:
        j = len(path) - 1
        while j > i + 1 and segment_cost(path[i], path[j]) > sum(segment_costs[i:j]) * 1.02 + 0.002:
            j -= 1
        waypoints.append(path[j])
        i = j
    return waypoints or [path[-1]]
