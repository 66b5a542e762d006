"""Writing NLU data: which formats there are, and what each cannot carry."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Any

from gossamer.data.errors import DataError, InputError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.data.nlu.formats.rasa_json import ROOT, parse_rasa_json
from gossamer.data.nlu.formats.rasa_markdown_writer import dump_markdown
from gossamer.data.nlu.formats.rasa_yaml_writer import yaml_files
from gossamer.data.nlu.formats.text_intent_csv import parse_csv
from gossamer.data.nlu.lossless import check_same, refuse_losses
from gossamer.data.text.text_files import write_texts


class DataFormat(Enum):
    """A format in which NLU data can be written."""

    YAML = "yaml"
    JSON = "json"
    MARKDOWN = "md"
    CSV = "csv"

    @classmethod
    def _missing_(cls, value: object) -> DataFormat:
        raise InputError(
            "a format must be one of " + ", ".join(member.value for member in cls), got=value
        )


def write_training_data(
    data: TrainingData, path: str | Path, format: DataFormat | str = DataFormat.YAML
) -> list[Path]:
    """Write NLU data to a file, whole or not at all; reading it gives equal data.

    Args:
        data: what to write.
        path: the file; its folder is made if it is missing.
        format: "yaml" (carries everything but examples without an intent), "json" (no responses,
            no metadata of intents), "md" (no metadata, no responses) or "csv" (texts and intents
            only).

    Returns:
        The files written: one, but for YAML with lookup tables of one name (`yaml_files`).

    Raises:
        DataError: the format cannot carry something; the message says what. Or a file cannot be
            written.
        InputError: no such format.
    """
    texts = training_data_files(data, path, format)
    write_texts(texts)
    return list(texts)


def training_data_files(
    data: TrainingData, path: str | Path, format: DataFormat | str = DataFormat.YAML
) -> dict[Path, str]:
    """The files that `write_training_data` would write, and what each would hold.

    Raises:
        DataError: the format cannot carry something.
        InputError: no such format.
    """
    path = Path(path)
    format = DataFormat(format)
    if format is DataFormat.YAML:
        return yaml_files(data, path)
    dump = {
        DataFormat.JSON: dump_json,
        DataFormat.MARKDOWN: dump_markdown,
        DataFormat.CSV: dump_csv,
    }[format]
    return {path: dump(data)}


def _check(
    text: str, data: TrainingData, name: str, parse: Callable[[str, Path], TrainingData]
) -> str:
    # Reading makes "\r\n" "\n", so this is what a file of this text says.
    check_same(data, parse(text.replace("\r\n", "\n"), Path("written")), name)
    return text


def dump_json(data: TrainingData) -> str:
    """NLU data as Rasa's JSON.

    Raises:
        DataError: there are responses, metadata of intents, or values that JSON does not have.
    """
    refuse_losses(
        data,
        "JSON",
        {
            "metadata of intents": any(e.intent_metadata is not None for e in data.examples),
            "responses": bool(data.responses),
        },
    )
    synonyms = groupby(data.synonyms, key=lambda synonym: synonym.value)
    content: dict[str, Any] = {
        "common_examples": [_json_example(example) for example in data.examples],
        "regex_features": [{"name": r.name, "pattern": r.pattern} for r in data.regexes],
        "lookup_tables": [{"name": t.name, "elements": list(t.elements)} for t in data.lookups],
        "entity_synonyms": [
            {"value": value, "synonyms": [synonym.text for synonym in run]}
            for value, run in synonyms
        ],
    }
    try:
        text = json.dumps({ROOT: content}, ensure_ascii=False, indent=2, allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise DataError(f"JSON must be able to carry all values: {problem}") from None
    return _check(text + "\n", data, "JSON", parse_rasa_json)


def _json_example(example: Example) -> dict[str, Any]:
    result: dict[str, Any] = {"text": example.text}
    if example.intent is not None:
        result["intent"] = example.intent
    if example.entities:
        result["entities"] = [entity.to_dict() for entity in example.entities]
    if example.metadata is not None:
        result["metadata"] = example.metadata
    return result


def dump_csv(data: TrainingData) -> str:
    """NLU data as CSV with the columns text and intent.

    Raises:
        DataError: the data says more than texts and intents.
    """
    refuse_losses(
        data,
        "CSV",
        {
            "entities": any(e.entities for e in data.examples),
            "metadata": any(
                e.metadata is not None or e.intent_metadata is not None for e in data.examples
            ),
            "examples without an intent": any(e.intent is None for e in data.examples),
            "synonyms": bool(data.synonyms),
            "regexes": bool(data.regexes),
            "lookup tables": bool(data.lookups),
            "responses": bool(data.responses),
        },
    )
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["text", "intent"])
    writer.writerows([example.text, example.intent] for example in data.examples)
    return _check(buffer.getvalue(), data, "CSV", parse_csv)
