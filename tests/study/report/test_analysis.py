"""How figures are written, and what pictures share."""

from __future__ import annotations

import math

import pytest
from small_study import row

from gossamer.study.report.analysis import count, listed, percent, sentence, spread
from gossamer.study.report.drawing import (
    density_colours,
    markers,
    panels,
    plot_cells,
    series_colours,
)
from gossamer.study.report.summary import Cell


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7.4, "7"),
        (999, "999"),
        (1000, "1,000"),
        (1234, "1,230"),
        (30_961, "31,000"),
        (1_234_567, "1,230,000"),
        (999_999, "1,000,000"),
    ],
)
def test_counts_have_three_digits(value: float, text: str) -> None:
    assert count(value) == text


def test_spread() -> None:
    assert spread(0.86123, 0.00231) == "0.8612 ± 0.0023"
    assert spread(0.86123, math.nan) == "0.8612"
    assert spread(0.86123, 0.0, 2) == "0.86 ± 0.00"


@pytest.mark.parametrize(
    ("density", "text"), [(1.0, "100%"), (0.2, "20%"), (0.005, "0.5%"), (0.0, "0%")]
)
def test_percent(density: float, text: str) -> None:
    assert percent(density) == text


def test_lists_and_sentences() -> None:
    assert listed(["a"]) == "a"
    assert listed([1, 2]) == "1 and 2"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert sentence("a word") == "A word"
    assert sentence("") == ""


def test_the_articles_densities_keep_their_colours() -> None:
    article = density_colours([1.0, 0.2, 0.05, 0.01])
    assert len(set(article.values())) == 4
    mixed = density_colours([0.5, 0.2, 0.3])
    assert mixed[0.2] == article[0.2]
    assert len(set(mixed.values())) == 3
    assert not {mixed[0.5], mixed[0.3]} & set(article.values())
    many = [n / 100 for n in range(2, 40)]
    assert set(density_colours(many)) == set(many)


def test_series_are_told_apart() -> None:
    names = list("abcdef")
    assert len(set(series_colours(names).values())) == len(set(markers(names).values())) == 6
    assert len(markers([str(n) for n in range(20)])) == 20


def test_means_and_bars() -> None:
    figure, axes = panels(2)
    assert len(axes) == 2
    cells = [
        Cell(group=(), rows=tuple(row(f1=f1) for f1 in values)) for values in ((0.5, 0.7), (0.8,))
    ]
    plot_cells(axes[0], [10, 20], cells, label="x", colour="black", marker="o")
    ((line, _, (bars,)),) = axes[0].containers
    assert line.get_xydata().tolist() == [[10, 0.6], [20, 0.8]]
    deviation = math.sqrt(0.02)
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    assert ends[0] == pytest.approx([0.6 - deviation, 0.6 + deviation])
    assert ends[1] == pytest.approx([0.8, 0.8])  # a single run has no bar
    figure.canvas.draw()
