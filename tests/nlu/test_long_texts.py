"""Messages of any length are answered in bounded time and memory, and say that they were cut."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gossamer.assistant import Assistant
from gossamer.data import ComponentConfig, Example, ProjectConfig, TrainingData
from gossamer.data.errors import DataError, Location
from gossamer.nlu.pipeline.messages import MessageBatch
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)

Make = Callable[..., ProjectConfig]
WORDS = "hello a train from Oslo to Rome please "
FEATURES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("RegexFeaturizer", {}),
    ("LexicalSyntacticFeaturizer", {}),
    ("CountVectorsFeaturizer", {}),
    ("CountVectorsFeaturizer", {"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4}),
)


def cut(text: str, **options: int) -> MessageBatch:
    batch = MessageBatch(texts=[text])
    WhitespaceTokenizer(WhitespaceTokenizerOptions(**options)).process(batch)
    return batch


@pytest.mark.parametrize(
    ("options", "words", "read"),
    [
        ({"max_tokens": 3}, ["one", "two", "three"], "one two, three"),
        ({"max_tokens": 4}, ["one", "two", "three", "four"], "one two, three four"),
        ({"max_characters": 9}, ["one", "two"], "one two"),
        ({"max_characters": 5}, ["one", "t"], "one t"),
    ],
)
def test_long_messages_are_cut(options: dict[str, int], words: list[str], read: str) -> None:
    text = "one two, three four five"
    batch = cut(text, **options)
    assert [token.text for token in batch.tokens[0]] == words
    assert list(batch.texts) == [read]
    (parse,) = batch.parses
    assert parse.text == text
    assert parse.to_dict()["truncated"] is True


def test_what_fits_is_not_cut() -> None:
    batch = cut("one two", max_tokens=2, max_characters=7)
    assert list(batch.texts) == ["one two"]
    assert "truncated" not in batch.parses[0].to_dict()
    assert cut(" " * 30 + "one", max_characters=8).tokens == [[]]


@pytest.fixture(scope="module")
def assistant(tiny_config: Make, travel_data: TrainingData) -> Assistant:
    before: Any = (("WhitespaceTokenizer", {}), *FEATURES[1:])
    return Assistant.train(tiny_config({"epochs": 3}, before=before), travel_data)


LONG = {
    "words": WORDS * 4000,
    "letter": "x" * 1_000_000,
    "no blanks": "hello" * 200_000,
    "signs": "?" * 100_000,
    "blanks": " " * 100_000 + "hello",
    "emoji": "🙂" * 50_000,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_any_length_is_answered_soon(assistant: Assistant, text: str) -> None:
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parse = assistant.parse(text)
    assert time.process_time() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"
    assert parse.text == text
    assert len(parse.tokens) <= 512
    assert parse.is_truncated
    assert all(text[e.start : e.end] == e.value for e in parse.entities)
    assert json.loads(json.dumps(parse.to_dict()))["truncated"] is True


def test_many_long_texts_together(assistant: Assistant) -> None:
    texts = [WORDS * 80, "hello", WORDS * 10] * 4
    for together, text in zip(assistant.parse_many(texts), texts, strict=True):
        assert together.text == text
        assert together.is_truncated == (len(text) > 3000)
        assert together.intent.name == assistant.parse(text).intent.name


def test_a_direct_message_is_read_whole(assistant: Assistant) -> None:
    value = "hello " * 2000
    parse = assistant.parse(f'/travel{{"city": "{value}"}}')
    assert parse.intent.name == "travel"
    assert [entity.value for entity in parse.entities] == [value]


@pytest.mark.parametrize("text", [WORDS * 70, "x" * 30_000], ids=["words", "characters"])
def test_a_training_example_that_is_too_long_is_refused(
    tiny_config: Make, travel_data: TrainingData, text: str
) -> None:
    where = Location(Path("nlu.yml"), 12)
    long = Example(text=text, intent="greet", where=where)
    data = TrainingData(
        examples=(*travel_data.examples, long, Example(text=text + "y", intent="bye"))
    )
    start = time.process_time()
    with pytest.raises(
        DataError, match=r"^nlu\.yml:12: a training example may have 512 words.*1 more.*Try"
    ):
        Assistant.train(tiny_config({"epochs": 10_000}), data)
    assert time.process_time() - start < 10
    before: Any = (
        ("WhitespaceTokenizer", {"max_tokens": 1000, "max_characters": 50_000}),
        FEATURES[2],
    )
    Assistant.train(tiny_config({"epochs": 1}, before=before), data)


def test_a_response_that_is_too_long_is_refused() -> None:
    texts = {"the price": "faq/price", "when": "faq/time"}
    data = TrainingData(
        examples=tuple(Example(text=text, intent=intent) for text, intent in texts.items()),
        responses={
            "utter_faq/price": ({"text": WORDS * 100},),
            "utter_faq/time": ({"text": "now"},),
        },
    )
    steps = ("WhitespaceTokenizer", "CountVectorsFeaturizer", "ResponseSelector")
    options = {"ResponseSelector": {"use_text_as_label": True}}
    config = ProjectConfig(
        language="en",
        pipeline=tuple(ComponentConfig(name=n, options=options.get(n, {})) for n in steps),
    )
    with pytest.raises(DataError, match="a response may have 512 words"):
        Assistant.train(config, data)
