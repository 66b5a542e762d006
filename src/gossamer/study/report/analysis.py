"""What a study shows: figures, tables and findings, independent of how they are presented."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure.

    Attributes:
        name: of its file, without suffix.
        figure: drawn.
        caption: what it shows, in a sentence or two; also the alternative text.
    """

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of texts.

    Attributes:
        title: what it shows.
        columns: heads.
        rows: cells, as many in each as there are heads.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What rows show.

    Attributes:
        pictures: at least one.
        tables: the figures in numbers.
        findings: sentences, the most important first; each follows from the rows alone.
    """

    pictures: Sequence[Picture]
    tables: Sequence[Table]
    findings: Sequence[str]


def count(value: float) -> str:
    """A number of weights: "31,000"; above a thousand to three digits."""
    if value < 1000:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(value))
    return f"{round(value, digits):,.0f}"


def spread(mean: float, deviation: float, digits: int = 4) -> str:
    """Mean and standard deviation: "0.8612 ± 0.0023"; the mean alone for a single run."""
    text = f"{mean:.{digits}f}"
    return text if math.isnan(deviation) else f"{text} ± {deviation:.{digits}f}"


def percent(density: float) -> str:
    """A density: "20%"."""
    return f"{100 * density:.3g}%"


def listed(parts: Sequence[Any]) -> str:
    """Texts of the parts, with commas and an "and" between."""
    texts = [str(part) for part in parts]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def sentence(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]
