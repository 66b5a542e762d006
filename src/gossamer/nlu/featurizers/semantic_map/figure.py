"""A figure of where words lie on a semantic map."""

from __future__ import annotations

import io
from collections.abc import Sequence

from gossamer.data.installed import FIGURES, require
from gossamer.nlu.featurizers.semantic_map.semantic_map import SemanticMap

_PANELS_A_ROW = 4
_INCHES = 2.2


def draw_words(semantic_map: SemanticMap, words: Sequence[str]) -> bytes:
    """A panel for each word with the cells that it activates, the darker the more.

    Args:
        semantic_map: which has all of the words.
        words: at least one.

    Returns:
        A PNG image.

    Raises:
        KeyError: the map does not have a word.
        MissingPartError: matplotlib is not installed.
    """
    require("figures", *FIGURES)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_rows, n_columns = -(-len(words) // _PANELS_A_ROW), min(len(words), _PANELS_A_ROW)
    size = (_INCHES * n_columns, (_INCHES + 0.3) * n_rows)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes in panels[len(words) :]:
        axes.remove()
    for axes, word in zip(panels, words, strict=False):
        axes.imshow(semantic_map.picture(word), cmap="Blues", vmin=0.0, vmax=1.0)
        axes.set_title(word, fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
