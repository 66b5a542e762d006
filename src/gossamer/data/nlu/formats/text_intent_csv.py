"""NLU data as a table: CSV with the columns text and intent, nothing else."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.data.nlu.intents import intent_name

_COLUMNS = {"text", "intent"}


def _header(line: str) -> list[str]:
    return [cell.strip().strip('"').lower() for cell in line.split(",")]


def is_nlu_csv(text: str) -> bool:
    """Whether the first line names the columns text and intent."""
    return set(_header(text.lstrip().partition("\n")[0])) >= _COLUMNS


def parse_csv(text: str, path: Path) -> TrainingData:
    """Read a table of texts and intents. The texts are plain: brackets annotate nothing.

    Args:
        text: the whole file; commas separate the columns, quotes are doubled inside quotes.
        path: the file, for locations.

    Raises:
        DataError: another column, a row of another length, a row without a text or an intent.
    """
    reader = csv.reader(io.StringIO(text.lstrip(), newline=""), strict=True)
    skipped = text[: len(text) - len(text.lstrip())].count("\n")
    columns: list[str] | None = None
    examples: list[Example] = []
    line = 1 + skipped
    try:
        for row in reader:
            where, line = Location(path, line), reader.line_num + 1 + skipped
            if columns is None:
                columns = [cell.strip().lower() for cell in row]
                if sorted(columns) != sorted(_COLUMNS):
                    raise DataError(
                        "a CSV of NLU data must have the columns text and intent only",
                        got=row,
                        where=where,
                        hint="text,intent",
                    )
                continue
            if not row:
                continue
            if len(row) != len(columns):
                raise DataError(
                    "a row must have a text and an intent",
                    got=row,
                    where=where,
                    hint="quotes around a text with a comma",
                )
            cells = dict(zip(columns, row, strict=True))
            if not cells["text"].strip():
                raise DataError("an example needs a text", got=row, where=where)
            intent = intent_name(cells["intent"], where)
            examples.append(Example(text=cells["text"], intent=intent, where=where))
    except csv.Error as problem:
        raise DataError(
            f"a CSV file must be well-formed: {problem}",
            where=Location(path, reader.line_num + skipped),
            hint='quotes around a text with a comma, "" for a quote in it',
        ) from None
    return TrainingData(examples=tuple(examples))
