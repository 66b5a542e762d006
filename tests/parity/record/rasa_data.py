"""Rasa components made by hand, outside a training graph, and the data they are given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.tokenizers.whitespace_tokenizer import WhitespaceTokenizer
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data import loading
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from recording import SHARED_DATA


def make(kind: type, storage_folder: Path, **options: Any) -> Any:
    """A component of Rasa's with its defaults and `options`."""
    return kind.create(
        {**kind.get_default_config(), **options},
        LocalModelStorage(storage_folder),
        Resource(kind.__name__),
        ExecutionContext(GraphSchema({}), node_name=kind.__name__),
    )


def tokenizer(**options: Any) -> WhitespaceTokenizer:
    """Rasa's white space tokenizer."""
    return WhitespaceTokenizer({**WhitespaceTokenizer.get_default_config(), **options})


def tokens_of(tool: WhitespaceTokenizer, text: str) -> list[list[Any]]:
    """Tokens of a text as [text, start, end]."""
    message = Message(data={TEXT: text})
    return [[token.text, token.start, token.end] for token in tool.tokenize(message, TEXT)]


def training_data(
    examples: list[tuple[str, str]],
    regexes: list[tuple[str, str]] = (),
    lookups: list[tuple[str, list[str]]] = (),
) -> TrainingData:
    """Training data from pairs of (intent, text). Intents are cut at "/" as Rasa's readers do.

    The key behind "/" is left out: Rasa would count its words too, in a vocabulary of their own
    unless it is shared. They are a matter for response selectors.
    """
    messages = [
        Message(data={TEXT: text, INTENT: intent.partition("/")[0]}) for intent, text in examples
    ]
    return TrainingData(
        messages,
        regex_features=[{"name": name, "pattern": pattern} for name, pattern in regexes],
        lookup_tables=[{"name": name, "elements": elements} for name, elements in lookups],
    )


def sara(name: str = "train") -> TrainingData:
    """Sara's split as Rasa reads it."""
    return loading.load_data(str(SHARED_DATA / "sara" / "split" / f"{name}.yml"))


def sara_texts() -> list[str]:
    """All different texts of both halves of Sara's split, sorted."""
    found = {
        message.get(TEXT)
        for name in ("train", "test")
        for message in sara(name).intent_examples
        if message.get(TEXT) is not None
    }
    return sorted(found)


def markdown_examples(path: Path) -> list[tuple[str, str]]:
    """(intent, text) of a Rasa 1 Markdown file. Enough for SNIPS: plain round annotations only."""
    examples = []
    intent = None
    for line in path.read_text(encoding="utf-8").splitlines():
        header = re.match(r"##\s*(\w+):(.*)", line)
        if header is not None:
            intent = header[2].strip() if header[1] == "intent" else None
            continue
        item = re.match(r"\s*[-*+]\s+(.*)", line)
        if item is not None and intent is not None:
            text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", item[1]).strip()
            examples.append((intent, text))
    return examples


def snips_texts() -> list[str]:
    """All different texts of SNIPS, sorted."""
    return sorted(
        {
            text
            for part in ("train", "val", "test")
            for _, text in markdown_examples(SHARED_DATA / "snips" / f"{part}.md")
        }
    )
