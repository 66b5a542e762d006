"""Where the nodes of a graph are drawn: in columns from left to right, arrows between them.

The four steps are those of Sugiyama, Tagawa and Toda (1981): circles are cut, nodes get columns,
each column is put in an order with few crossings, and nodes move up and down until arrows are
nearly straight. Parts of the graph that nothing connects are drawn one below the other, small ones
side by side.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

HEIGHT = 26.0
"""Of every node."""

_GAP = 10.0  # between nodes of a column
_WAY = 7.0  # height of an arrow that passes through a column
_COLUMN_GAP = 64.0
_PART_GAP = 34.0
_LEAST_WIDTH = 1500.0  # that small parts side by side may fill
_SWEEPS = 16

Edge = tuple[int, int]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is.

    Attributes:
        places: left and middle of each node.
        columns: the column of each node in its part of the graph, from 0.
        ways: points of each edge, in the order of the edges, from source to target.
        width: of the whole drawing.
        height: of the whole drawing.
    """

    places: list[Point]
    columns: list[int]
    ways: list[list[Point]]
    width: float
    height: float


def lay_out(widths: Sequence[float], edges: Sequence[Edge], ranks: Sequence[float]) -> Layout:
    """Find places for nodes.

    Args:
        widths: of each node.
        ranks: how far right each node is at least, in columns. Edges to a node of a higher rank
            lead to the right, others back to the left; of equal ranks that of the earlier node
            counts as the lower one.
        edges: pairs of positions in `widths`, each at most once.
    """
    places: list[Point] = [(0.0, 0.0)] * len(widths)
    columns = [0] * len(widths)
    ways: list[list[Point]] = [[] for _ in edges]
    by_rank = sorted(range(len(widths)), key=lambda node: (ranks[node], node))
    rank = {node: place for place, node in enumerate(by_rank)}
    parts = [
        _Part(sorted(nodes, key=rank.__getitem__), numbers, widths, edges, ranks)
        for nodes, numbers in _parts(len(widths), edges)
    ]
    parts.sort(key=lambda part: (-part.height, -part.width))
    most = max([_LEAST_WIDTH, *(part.width for part in parts)])
    left = top = row = right = 0.0
    for part in parts:
        if left > 0 and left + part.width > most:
            left, top, row = 0.0, top + row + _PART_GAP, 0.0
        for node, (x, y) in part.places.items():
            places[node] = (left + x, top + y)
            columns[node] = part.column[node]
        for number, points in part.ways.items():
            ways[number] = [(left + x, top + y) for x, y in points]
        right = max(right, left + part.width)
        left += part.width + 2 * _PART_GAP
        row = max(row, part.height)
    return Layout(places, columns, ways, right, top + row)


def _parts(n_nodes: int, edges: Sequence[Edge]) -> list[tuple[list[int], list[int]]]:
    """Nodes and numbers of edges, for each part that nothing connects to another."""
    before = list(range(n_nodes))

    def root(node: int) -> int:
        while before[node] != node:
            before[node] = before[before[node]]
            node = before[node]
        return node

    for source, target in edges:
        one, other = root(source), root(target)
        before[max(one, other)] = min(one, other)
    found: dict[int, tuple[list[int], list[int]]] = {}
    for node in range(n_nodes):
        found.setdefault(root(node), ([], []))[0].append(node)
    for number, (source, _) in enumerate(edges):
        found[root(source)][1].append(number)
    return list(found.values())


class _Part:
    """One connected part, its nodes by rank. Ways through columns are nodes, too."""

    def __init__(
        self,
        nodes: Sequence[int],
        numbers: Sequence[int],
        widths: Sequence[float],
        edges: Sequence[Edge],
        ranks: Sequence[float],
    ) -> None:
        proper = {number: edges[number] for number in numbers if len(set(edges[number])) == 2}
        rank = {node: place for place, node in enumerate(nodes)}
        backward = {number for number, (one, other) in proper.items() if rank[one] > rank[other]}
        forward = {
            number: (edge[1], edge[0]) if number in backward else edge
            for number, edge in proper.items()
        }
        self.column = _columns(nodes, forward.values(), ranks)
        self._node_column = dict(self.column)
        self._chains: dict[int, list[int]] = {}
        fresh = len(widths)
        for number, (source, target) in forward.items():
            chain = [source]
            for column in range(self.column[source] + 1, self.column[target]):
                self._node_column[fresh] = column
                chain.append(fresh)
                fresh += 1
            self._chains[number] = [*chain, target]
        self._first_way = len(widths)
        self._before: dict[int, list[int]] = {node: [] for node in self._node_column}
        self._after: dict[int, list[int]] = {node: [] for node in self._node_column}
        for chain in self._chains.values():
            for one, other in pairwise(chain):
                self._after[one].append(other)
                self._before[other].append(one)
        self._order = self._ordered()
        self._middle = self._middles()
        lefts, column_widths, self.width = self._lefts(widths)
        self.height = max(self._middle.values()) + HEIGHT / 2
        self.places = {node: (lefts[self.column[node]], self._middle[node]) for node in nodes}
        self.ways = {
            number: self._way(
                self._chains[number], widths, lefts, column_widths, is_backward=number in backward
            )
            for number in proper
        }
        for number in numbers:
            if number not in proper:
                x, y = self.places[edges[number][0]]
                right = x + widths[edges[number][0]]
                self.ways[number] = [(right, y), (x, y)]

    def _ordered(self) -> list[list[int]]:
        """Nodes of each column from top to bottom, with few crossings."""
        order: list[list[int]] = [[] for _ in range(1 + max(self._node_column.values()))]
        seen: set[int] = set()
        for start in sorted(self.column, key=lambda node: (self.column[node], node)):
            waiting = [start]
            while waiting:
                node = waiting.pop()
                if node not in seen:
                    seen.add(node)
                    order[self._node_column[node]].append(node)
                    waiting += reversed(self._after[node])
        best, fewest = [list(column) for column in order], self._crossings(order)
        for sweep in range(_SWEEPS):
            if fewest == 0:
                break
            is_down = sweep % 2 == 0
            beside = self._before if is_down else self._after
            indices = range(1, len(order)) if is_down else range(len(order) - 2, -1, -1)
            for index in indices:
                neighbour = order[index - 1 if is_down else index + 1]
                rank = {node: float(place) for place, node in enumerate(neighbour)}
                own = {node: float(place) for place, node in enumerate(order[index])}
                order[index].sort(key=lambda node: _mean(beside[node], rank, own[node]))
            n_crossings = self._crossings(order)
            if n_crossings < fewest:
                best, fewest = [list(column) for column in order], n_crossings
        return best

    def _crossings(self, order: Sequence[Sequence[int]]) -> int:
        total = 0
        for column, following in pairwise(order):
            rank = {node: place for place, node in enumerate(following)}
            seen: list[int] = []
            for node in column:
                targets = sorted(rank[target] for target in self._after[node])
                total += sum(len(seen) - bisect_left(seen, target + 1) for target in targets)
                for target in targets:
                    insort(seen, target)
        return total

    def _middles(self) -> dict[int, float]:
        """How far down each node is: near its neighbours, without touching the next one."""
        middle: dict[int, float] = {}
        for column in self._order:
            middle |= zip(column, self._spread([0.0] * len(column), column), strict=True)
        for sweep in range(_SWEEPS):
            is_down = sweep % 2 == 0
            for column in self._order if is_down else reversed(self._order):
                wanted = []
                for node in column:
                    beside = self._before[node] if is_down else self._after[node]
                    beside = beside or self._before[node] or self._after[node]
                    wanted.append(_mean(beside, middle, middle[node]))
                middle |= zip(column, self._spread(wanted, column), strict=True)
        top = min(middle.values()) - HEIGHT / 2
        return {node: place - top for node, place in middle.items()}

    def _spread(self, wanted: Sequence[float], column: Sequence[int]) -> list[float]:
        """The places nearest to those wanted (least squares) that keep order and distance."""
        sizes = [self._size(node) for node in column]
        steps = ((one + other) / 2 for one, other in pairwise(sizes))
        offsets = list(accumulate(steps, initial=0.0))[: len(column)]
        blocks: list[tuple[float, int]] = []  # mean and size of nodes that touch
        for place, offset in zip(wanted, offsets, strict=True):
            mean, size = place - offset, 1
            while blocks and blocks[-1][0] >= mean:
                other_mean, other_size = blocks.pop()
                mean = (mean * size + other_mean * other_size) / (size + other_size)
                size += other_size
            blocks.append((mean, size))
        means = [mean for mean, size in blocks for _ in range(size)]
        return [mean + offset for mean, offset in zip(means, offsets, strict=True)]

    def _size(self, node: int) -> float:
        return _WAY if node >= self._first_way else HEIGHT + _GAP

    def _lefts(self, widths: Sequence[float]) -> tuple[list[float], list[float], float]:
        lefts, sizes, left = [], [], 0.0
        for column in self._order:
            size = max([0.0, *(widths[node] for node in column if node < self._first_way)])
            lefts.append(left)
            sizes.append(size)
            left += size + _COLUMN_GAP if size > 0 else 0.0
        return lefts, sizes, left - _COLUMN_GAP

    def _way(
        self,
        chain: Sequence[int],
        widths: Sequence[float],
        lefts: Sequence[float],
        column_widths: Sequence[float],
        *,
        is_backward: bool,
    ) -> list[Point]:
        points: list[Point] = []
        for place, node in enumerate(chain):
            column, y = self._node_column[node], self._middle[node]
            size = column_widths[column] if 0 < place < len(chain) - 1 else widths[node]
            if place > 0:
                points.append((lefts[column], y))
            if place < len(chain) - 1:
                points.append((lefts[column] + size, y))
        return points[::-1] if is_backward else points


def _mean(nodes: Sequence[int], values: dict[int, float], otherwise: float) -> float:
    return sum(values[node] for node in nodes) / len(nodes) if nodes else otherwise


def _columns(nodes: Sequence[int], edges: Iterable[Edge], ranks: Sequence[float]) -> dict[int, int]:
    """As far right as its rank says, and right of every node that leads to it."""
    before: dict[int, list[int]] = {node: [] for node in nodes}
    for source, target in edges:
        before[target].append(source)
    column: dict[int, int] = {}
    for node in nodes:
        column[node] = max([round(ranks[node]), *(column[source] + 1 for source in before[node])])
    return column
