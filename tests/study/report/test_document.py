"""The page in HTML and in Markdown."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from gossamer.study import Picture, Table
from gossamer.study.report.document import Document, svg_bytes, to_html, to_markdown

NASTY = '<b>&"|`x<y`'


def figure(height: float = 1.0) -> Figure:
    drawn = Figure(figsize=(2, 1))
    drawn.subplots().plot([0, 1], [0, height])
    return drawn


def document(**changes: Any) -> Document:
    parts: dict[str, Any] = {
        "title": "A title",
        "question": "Why `density`?",
        "findings": ["first", "second"],
        "pictures": [Picture(name="f1", figure=figure(), caption="A caption.")],
        "tables": [Table(title="A table", columns=("a", "b"), rows=[("1", "2"), ("3", "4")])],
        "protocol": ["How."],
        "commands": ["gossamer study density"],
        "settings": [("task", "intent")],
        "limits": ["One limit."],
        "rows": "rows.jsonl",
        "source": "From rows.jsonl.",
    }
    return Document(**parts | changes)


class Page(HTMLParser):
    """Tags, attributes and text of a page; tags must be closed in order."""

    VOID = frozenset({"meta", "img", "link", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_all_parts_in_order() -> None:
    page = Page(to_html(document()))
    text = " ".join(page.text)
    order = [
        "A title",
        "Why",
        "Findings",
        "first",
        "second",
        "A caption.",
        "A table",
        "How.",
        "task",
        "gossamer study density",
        "One limit.",
        "From",
    ]
    places = [text.index(part, text.index("Why") - 30) for part in order[1:]]
    assert places == sorted(places)
    assert "A title" in text
    markdown = to_markdown(document())
    places = [markdown.index(part) for part in order]
    assert places == sorted(places)


def test_html_loads_nothing() -> None:
    page = Page(to_html(document()))
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    links = [
        value for _, name, value in page.attributes if name in ("src", "href", "srcset", "action")
    ]
    assert len(links) == 2
    assert links.pop() == "rows.jsonl", "a link beside the page, that loads nothing by itself"
    assert "From [rows.jsonl](rows.jsonl)." in to_markdown(document())
    assert links[0].startswith("data:image/svg+xml;base64,")
    assert "@import" not in to_html(document())
    assert "url(" not in to_html(document())
    image = ElementTree.fromstring(base64.b64decode(links[0].partition(",")[2]))
    assert image.tag.endswith("svg")
    for part in image.iter():
        for name, value in part.attrib.items():
            assert not name.endswith("href") or value.startswith(("#", "data:"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", NASTY),
        ("question", NASTY),
        ("findings", [NASTY]),
        ("protocol", [NASTY]),
        ("commands", [NASTY]),
        ("limits", [NASTY]),
        ("source", NASTY),
        ("settings", [(NASTY, NASTY)]),
        ("tables", [Table(title=NASTY, columns=(NASTY,), rows=[(NASTY,)])]),
        ("pictures", [Picture(name="f", figure=figure(), caption=NASTY)]),
    ],
)
def test_html_shows_texts_as_they_are(field: str, value: Any) -> None:
    page = to_html(document(**{field: value}))
    assert "<b>" not in page
    assert "x<y" not in page
    found = Page(page)
    assert "b" not in found.tags
    assert '<b>&"|' in "".join(found.text)


def test_code_stands_out() -> None:
    assert "<p>Why <code>density</code>?</p>" in to_html(document())
    assert "Why `density`?" in to_markdown(document())


def test_markdown_tables_escape_bars() -> None:
    table = Table(title="A|B", columns=("a|b", "c"), rows=[("1|2", "\\"), ("", "3")])
    lines = to_markdown(document(tables=[table])).splitlines()
    start = lines.index("**A|B**")
    assert lines[start + 1 : start + 6] == [
        "",
        "| a\\|b | c |",
        "|---|---|",
        "| 1\\|2 | \\\\ |",
        "|  | 3 |",
    ]


def test_markdown_names_pictures() -> None:
    assert "![A caption.](f1.png)" in to_markdown(document())


def test_without_commands_there_is_no_heading_for_them() -> None:
    bare = document(commands=[])
    assert "Command" not in to_html(bare)
    assert "Command" not in to_markdown(bare)


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert svg_bytes(figure()) == svg_bytes(figure())
    assert svg_bytes(figure()) != svg_bytes(figure(0.5))
    one = document()
    assert to_html(one) == to_html(dataclasses.replace(one, pictures=list(one.pictures)))
