"""Nodes do not touch, arrows begin and end at their nodes, and there are few crossings."""

from __future__ import annotations

import itertools
import random

import pytest

from gossamer.visualize.layout import HEIGHT, lay_out


@pytest.mark.parametrize("seed", range(5))
def test_nodes_do_not_touch_and_arrows_meet_their_nodes(seed: int) -> None:
    rng = random.Random(seed)
    n = 30
    widths = [rng.uniform(10, 200) for _ in range(n)]
    edges = rng.sample(list(itertools.product(range(n), range(n))), 45)
    ranks = [rng.uniform(0, 6) for _ in range(n)]
    layout = lay_out(widths, edges, ranks)
    boxes = [(x, y - HEIGHT / 2, x + w) for (x, y), w in zip(layout.places, widths, strict=True)]
    for one, other in itertools.combinations(boxes, 2):
        is_beside = one[2] < other[0] or other[2] < one[0]
        assert is_beside or abs(one[1] - other[1]) > HEIGHT + 1
    for left, top, right in boxes:
        assert left >= 0
        assert top >= -1e-9
        assert right <= layout.width + 1e-9
        assert top + HEIGHT <= layout.height + 1e-9
    for (source, target), way in zip(edges, layout.ways, strict=True):
        assert way[0][1] == layout.places[source][1]
        assert way[-1][1] == layout.places[target][1]
        assert way[0][0] in (boxes[source][0], boxes[source][2])
        assert way[-1][0] in (boxes[target][0], boxes[target][2])


def test_higher_ranks_are_further_right() -> None:
    layout = lay_out([50.0] * 4, [(0, 1), (1, 2), (2, 0), (2, 3)], [0, 1, 2, 2])
    assert layout.columns == [0, 1, 2, 3]
    assert [x for x, _ in layout.places] == sorted({x for x, _ in layout.places})
    assert layout.ways[2][0][0] > layout.ways[2][-1][0]  # the arrow back


def test_arrows_do_not_cross_where_they_need_not() -> None:
    # 0 leads to 4 and 1 to 3: drawn in the order of their numbers they would cross.
    layout = lay_out([50.0] * 5, [(2, 0), (2, 1), (0, 4), (1, 3)], [1, 1, 0, 2, 2])
    y = [place[1] for place in layout.places]
    assert (y[0] - y[1]) * (y[4] - y[3]) > 0


def test_parts_that_nothing_joins_are_beside_each_other() -> None:
    layout = lay_out([50.0] * 6, [(0, 1), (2, 3), (4, 5)], [0, 1] * 3)
    assert len({y for _, y in layout.places}) == 1
    assert layout.height == HEIGHT
