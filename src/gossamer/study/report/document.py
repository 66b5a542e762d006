"""A study's report as a document: the parts of its page, in order, in HTML and in Markdown."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gossamer.study.report.analysis import Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1d2329; background: #fff; }
h1 { font-size: 1.7rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; }
figcaption, .small { color: #57606a; font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .6rem 0 .3rem; font-weight: 600; }
th, td { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #e3e6ea; text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.settings td { text-align: left; white-space: normal; vertical-align: top; }
code { background: #f5f6f8; padding: .05rem .25rem; border-radius: .2rem; font-size: .9em; }
pre { background: #f5f6f8; padding: .8rem; overflow-x: auto; font-size: .85rem; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The parts of a page.

    Attributes:
        title: of the page.
        question: what was asked.
        findings: what came out, the most important first.
        pictures: figures.
        tables: figures in numbers.
        protocol: how it was done, paragraphs.
        commands: how to do it again.
        settings: what was the same in all runs, names and values.
        limits: what it does not show.
        rows: name of the file of rows, in the folder of the page; linked where `source` says it.
        source: which rows it is made of.
    """

    title: str
    question: str
    findings: Sequence[str]
    pictures: Sequence[Picture]
    tables: Sequence[Table]
    protocol: Sequence[str]
    commands: Sequence[str]
    settings: Sequence[tuple[str, str]]
    limits: Sequence[str]
    rows: str
    source: str


def to_html(document: Document) -> str:
    """One page with its figures within; nothing is loaded, only the file of rows is linked."""
    e = html.escape
    parts = [f"<h1>{e(document.title)}</h1>", f"<p>{_text(document.question)}</p>"]
    parts += ["<h2>Findings</h2>", _items(document.findings)]
    for picture in document.pictures:
        data = base64.b64encode(svg_bytes(picture.figure)).decode()
        parts.append(
            f'<figure><img alt="{e(picture.caption)}" src="data:image/svg+xml;base64,{data}">'
            f"<figcaption>{_text(picture.caption)}</figcaption></figure>"
        )
    parts += [_html_table(table) for table in document.tables]
    parts.append("<h2>How it was done</h2>")
    parts += [f"<p>{_text(text)}</p>" for text in document.protocol]
    same = Table(title="The same in all runs", columns=(), rows=document.settings)
    parts.append(_html_table(same, kind="settings"))
    if document.commands:
        parts += ["<h2>Command</h2>", f"<pre>{e(chr(10).join(document.commands))}</pre>"]
    parts += ["<h2>What it does not show</h2>", _items(document.limits)]
    name = e(document.rows)
    source = e(document.source).replace(name, f'<a href="{name}">{name}</a>')
    parts.append(f'<p class="small">{source}</p>')
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{e(document.title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def to_markdown(document: Document) -> str:
    """The page in Markdown; figures are files beside it, named `<picture's name>.png`."""
    parts = [f"# {document.title}", document.question, "## Findings", _bullets(document.findings)]
    for picture in document.pictures:
        parts += [f"![{picture.caption}]({picture.name}.png)", f"*{picture.caption}*"]
    parts += [_markdown_table(table) for table in document.tables]
    parts += ["## How it was done", *document.protocol]
    settings = Table(title="The same in all runs", columns=("", ""), rows=document.settings)
    parts.append(_markdown_table(settings))
    if document.commands:
        parts += ["## Command", "\n".join(["```sh", *document.commands, "```"])]
    source = document.source.replace(document.rows, f"[{document.rows}]({document.rows})")
    parts += ["## What it does not show", _bullets(document.limits), source]
    return "\n\n".join(parts) + "\n"


def svg_bytes(figure: Figure) -> bytes:
    """A figure as SVG that is the same whenever the figure is the same."""
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "gossamer"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _items(texts: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_text(text)}</li>" for text in texts) + "</ul>"


def _text(text: str) -> str:
    """A text as HTML; what is between backticks is code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _html_table(table: Table, kind: str = "figures") -> str:
    e = html.escape
    head = "".join(f"<th>{e(name)}</th>" for name in table.columns)
    head = f"<thead><tr>{head}</tr></thead>" if head else ""
    rows = "".join(
        "<tr>" + "".join(f"<td>{e(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    return (
        f'<div class="scroll"><table class="{kind}"><caption>{e(table.title)}</caption>{head}'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _markdown_table(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(re.sub(r"([|\\])", r"\\\1", cell) for cell in cells) + " |"

    rule = "|---" * len(table.columns) + "|"
    return "\n".join([f"**{table.title}**", "", line(table.columns), rule, *map(line, table.rows)])
