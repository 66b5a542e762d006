"""The page: a drawing that is there without scripts, and a script that makes it easy to read."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from itertools import pairwise
from typing import Any

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.stories.steps import StoryData
from gossamer.data.text.wording import counted
from gossamer.visualize.flow import DEFAULT_MAX_HISTORY, Flow, Kind, Node, flow_of
from gossamer.visualize.layout import HEIGHT, Layout, Point, lay_out

_LETTER = 7.3  # width of a letter, in the font of the drawing
_MOST_LETTERS = 34
_MARGIN = 24
_MOST_TEXTS = 5


def stories_page(
    data: StoryData,
    *,
    domain: Domain | None = None,
    nlu: TrainingData | None = None,
    max_history: int = DEFAULT_MAX_HISTORY,
    title: str = "Stories",
) -> str:
    """One HTML page that shows stories and rules as a graph, and needs no other file.

    Args:
        data: stories and rules.
        domain: its responses are shown with the actions that send them.
        nlu: some of its examples are shown with their intents.
        max_history: how many events must be alike for two places to be one; see `flow_of`.
        title: of the page.

    Raises:
        InputError: `max_history` is less than 1, or there is nothing to show.
    """
    flow = flow_of(data, max_history=max_history)
    if not flow.nodes:
        raise DataError("there must be stories or rules to show", hint="files with 'stories:'")
    labels = [_shortened(node.label) for node in flow.nodes]
    widths = [22 + _LETTER * _columns(label) for label in labels]
    edges = list(flow.edges)
    layout = lay_out(widths, edges, [node.mean_place for node in flow.nodes])
    told = ", ".join(
        (
            counted(len(data.stories), "story"),
            counted(len(data.rules), "rule"),
            counted(len(flow.nodes), "node"),
        )
    )
    fields = {
        "title": escape(title),
        "told": escape(told),
        "style": _part("page.css"),
        "script": _part("page.js"),
        "drawing": _drawing(flow, layout, labels, widths),
        "width": f"{layout.width + 2 * _MARGIN:.0f}",
        "height": f"{layout.height + 2 * _MARGIN:.0f}",
        "data": _as_script(_described(flow, edges, layout, domain, nlu)),
    }
    pieces = _part("page.html").split("%%")
    pieces[1::2] = [fields[name] for name in pieces[1::2]]
    return "".join(pieces)


def _part(name: str) -> str:
    return (files("gossamer.visualize") / name).read_text("utf-8")


def _as_script(value: Any) -> str:
    """JSON that may be in a script element, whatever names it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _columns(text: str) -> int:
    """How wide a text is, in letters."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _shortened(label: str) -> str:
    text = " ".join(label.split()) or " "
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1].rstrip() + "…"


def _drawing(flow: Flow, layout: Layout, labels: Sequence[str], widths: Sequence[float]) -> str:
    lines = ['<g id="edges">']
    for number, ((source, target), points) in enumerate(zip(flow.edges, layout.ways, strict=True)):
        is_back = points[0][0] > points[-1][0] or source == target
        shade = ' class="back"' if is_back else ""
        lines.append(f'<path id="e{number}"{shade} d="{_curve(points)}"/>')
    lines.append('</g><g id="nodes">')
    for number, (node, label) in enumerate(zip(flow.nodes, labels, strict=True)):
        lines.append(_box(number, node, label, widths[number], layout.places[number]))
    lines.append("</g>")
    return "\n".join(lines)


def _curve(points: Sequence[Point]) -> str:
    if len(points) == 2 and points[0][1] == points[1][1] and points[0][0] > points[1][0]:
        (right, y), (left, _) = points  # from a node to itself: above it
        top = y - HEIGHT
        return f"M{right:.0f},{y:.0f}C{right + 24:.0f},{top:.0f} {left - 24:.0f},{top:.0f} " + (
            f"{left:.0f},{y:.0f}"
        )
    parts = [f"M{points[0][0]:.0f},{points[0][1]:.0f}"]
    for index, ((x, y), (to_x, to_y)) in enumerate(pairwise(points)):
        if index % 2 == 1:  # straight through a column
            parts.append(f"L{to_x:.0f},{to_y:.0f}")
            continue
        bend = (to_x - x) / 2
        parts.append(f"C{x + bend:.0f},{y:.0f} {to_x - bend:.0f},{to_y:.0f} {to_x:.0f},{to_y:.0f}")
    return "".join(parts)


def _box(number: int, node: Node, label: str, width: float, place: Point) -> str:
    left, middle = place
    corner = HEIGHT / 2 if node.kind is Kind.USER else 4
    marks = ""
    if node.is_start:
        marks += f'<circle class="start" cx="-7" cy="{HEIGHT / 2:.0f}" r="3.5"/>'
    if node.is_end:
        marks += f'<circle class="end" cx="{width + 7:.0f}" cy="{HEIGHT / 2:.0f}" r="3.5"/>'
    return (
        f'<g id="n{number}" class="{node.kind}" role="button" tabindex="-1" '
        f'transform="translate({left:.0f},{middle - HEIGHT / 2:.0f})" '
        f'aria-label="{escape(f"{node.kind}: {node.label}")}">'
        f"<title>{escape(node.label)}</title>"
        f'<rect width="{width:.0f}" height="{HEIGHT:.0f}" rx="{corner:.0f}"/>'
        f'<text x="{width / 2:.0f}" y="17">{escape(label)}</text>{marks}</g>'
    )


def _described(
    flow: Flow,
    edges: Sequence[tuple[int, int]],
    layout: Layout,
    domain: Domain | None,
    nlu: TrainingData | None,
) -> dict[str, Any]:
    """What the script knows: who is beside whom, which stories go where, texts to show."""
    examples: dict[str, list[str]] = {}
    for example in () if nlu is None else nlu.examples:
        for name in {example.intent, example.base_intent} - {None}:
            found = examples.setdefault(str(name), [])
            if len(found) < _MOST_TEXTS:
                found.append(example.text)
    responses: Mapping[str, Any] = {} if domain is None else domain.content.get("responses") or {}

    def texts(node: Node) -> list[str]:
        if node.kind is Kind.USER:
            return examples.get(node.name, [])
        variations = responses.get(node.name) if node.kind is Kind.ACTION else None
        shown = [each.get("text") for each in variations or () if isinstance(each, Mapping)]
        return [str(text) for text in shown if text][:_MOST_TEXTS]

    return {
        "nodes": [
            {
                "label": node.label,
                "kind": node.kind,
                "stories": node.stories,
                "texts": texts(node),
                "x": round(x),
                "y": round(y),
                "column": column,
            }
            for node, (x, y), column in zip(flow.nodes, layout.places, layout.columns, strict=True)
        ],
        "edges": [[source, target, flow.edges[source, target]] for source, target in edges],
        "stories": [
            {"name": each.name, "rule": each.is_rule, "where": str(each.where or "")}
            for each in flow.stories
        ],
    }
