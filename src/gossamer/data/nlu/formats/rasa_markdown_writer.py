"""Writing NLU data in Rasa's Markdown, for tools that cannot read anything newer."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from gossamer.data.nlu.examples import TrainingData
from gossamer.data.nlu.formats.annotations import annotate
from gossamer.data.nlu.formats.rasa_markdown import ESCAPES, parse_rasa_markdown
from gossamer.data.nlu.lossless import check_same, refuse_losses


def dump_markdown(data: TrainingData) -> str:
    """NLU data as Rasa's Markdown.

    Raises:
        DataError: there is metadata, a response, an example without an intent, two lookup tables
            of one name, or a text that Markdown cannot carry (surrounding blanks, HTML comments,
            a backslash before one of b, f, n, r, t).
    """
    names = [table.name for table in data.lookups]
    refuse_losses(
        data,
        "Markdown",
        {
            "metadata": any(
                e.metadata is not None or e.intent_metadata is not None for e in data.examples
            ),
            "examples without an intent": any(e.intent is None for e in data.examples),
            "two lookup tables of one name": len(set(names)) < len(names),
            "responses": bool(data.responses),
        },
    )
    sections: list[list[str]] = []
    for intent, examples in groupby(data.examples, key=lambda example: example.intent):
        texts = [_escape(annotate(example)) for example in examples]
        sections.append([f"## intent:{intent}", *(f"- {text}" for text in texts)])
    for value, synonyms in groupby(data.synonyms, key=lambda synonym: synonym.value):
        sections.append([f"## synonym:{value}", *(f"- {synonym.text}" for synonym in synonyms)])
    for name, regexes in groupby(data.regexes, key=lambda regex: regex.name):
        sections.append([f"## regex:{name}", *(f"- {regex.pattern}" for regex in regexes)])
    sections += (
        [f"## lookup:{table.name}", *(f"- {part}" for part in table.elements)]
        for table in data.lookups
    )
    text = "\n\n".join("\n".join(section) for section in sections) + "\n"
    check_same(data, parse_rasa_markdown(text, Path("written.md")), "Markdown")
    return text


def _escape(text: str) -> str:
    written = {character: escape for escape, character in ESCAPES.items()}
    return re.sub("[\b\f\n\r\t]", lambda match: written[match[0]], text)
