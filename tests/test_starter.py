"""The bundled assistant is sound: enough examples, marked right, tested on other ones."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from gossamer.data import Example, TrainingData, read_config, read_training_data

ROOT = Path(__file__).resolve().parents[1]
STARTER = ROOT / "src" / "gossamer" / "starter"


@pytest.fixture(scope="module")
def train() -> TrainingData:
    return read_training_data([STARTER / "data" / "nlu.yml"])


@pytest.fixture(scope="module")
def test() -> TrainingData:
    return read_training_data([STARTER / "tests" / "nlu_test.yml"])


def words(example: Example) -> str:
    """The text without what does not make it another sentence."""
    return " ".join(re.findall(r"\w+", example.text.lower()))


def test_there_is_enough_of_everything(train: TrainingData) -> None:
    assert len(train.examples) >= 300
    assert len(train.intents) >= 14
    assert len(train.entity_types) >= 5
    assert {"greet", "goodbye", "thank", "affirm", "deny", "help", "out_of_scope"} <= set(
        train.intents
    )
    assert train.synonyms
    assert train.regexes
    assert train.lookups


def test_intents_are_balanced(train: TrainingData, test: TrainingData) -> None:
    counts = Counter(example.intent for example in train.examples)
    assert min(counts.values()) >= 15
    assert max(counts.values()) <= 2 * min(counts.values())
    in_test = Counter(example.intent for example in test.examples)
    assert set(in_test) == set(counts)
    assert min(in_test.values()) >= 4


def test_every_entity_type_has_several_examples_in_both_files(
    train: TrainingData, test: TrainingData
) -> None:
    for data, at_least in ((train, 8), (test, 2)):
        counts = Counter(entity.entity for e in data.examples for entity in e.entities)
        assert set(counts) == set(train.entity_types)
        assert min(counts.values()) >= at_least, counts


def test_no_sentence_occurs_twice_or_in_both_files(train: TrainingData, test: TrainingData) -> None:
    counts = Counter(words(example) for example in (*train.examples, *test.examples))
    assert [text for text, n in counts.items() if n > 1] == []


def test_every_sentence_has_words_and_clean_edges(train: TrainingData, test: TrainingData) -> None:
    for example in (*train.examples, *test.examples):
        assert words(example), example
        assert example.text == " ".join(example.text.split()), example
        assert not set("[]{}") & set(example.text), f"an annotation was not read: {example}"


def test_city_roles(train: TrainingData, test: TrainingData) -> None:
    for data in (train, test):
        roles = Counter(
            entity.role for e in data.examples for entity in e.entities if entity.entity == "city"
        )
        assert set(roles) == {"departure", "destination", None}
        others = {
            entity.role for e in data.examples for entity in e.entities if entity.entity != "city"
        }
        assert others == {None}


def test_city_names_are_marked_wherever_they_occur(train: TrainingData, test: TrainingData) -> None:
    (lookup,) = (table for table in train.lookups if table.name == "city")
    synonyms = [s.text for s in train.synonyms if s.value in lookup.elements]
    pattern = re.compile(rf"\b({'|'.join([*lookup.elements, *synonyms])})\b", re.IGNORECASE)
    for example in (*train.examples, *test.examples):
        found = {match.span() for match in pattern.finditer(example.text)}
        marked = {(e.start, e.end) for e in example.entities if e.entity == "city"}
        assert found == marked, example


def test_booking_codes_are_marked_wherever_they_occur(
    train: TrainingData, test: TrainingData
) -> None:
    (regex,) = train.regexes
    assert regex.name == "booking_code"
    for example in (*train.examples, *test.examples):
        found = {match.span() for match in re.finditer(regex.pattern, example.text)}
        marked = {(e.start, e.end) for e in example.entities if e.entity == "booking_code"}
        assert found == marked, example


def test_values_that_differ_from_their_text_are_synonyms(
    train: TrainingData, test: TrainingData
) -> None:
    explicit = {synonym.text: synonym.value for synonym in train.synonyms}
    for example in (*train.examples, *test.examples):
        for entity in example.entities:
            text = example.text[entity.start : entity.end]
            assert entity.value == explicit.get(text, text), example


def test_entities_have_no_loose_ends(train: TrainingData, test: TrainingData) -> None:
    for example in (*train.examples, *test.examples):
        for entity in example.entities:
            text = example.text[entity.start : entity.end]
            assert text == text.strip(" ,.?!")
            around = (
                example.text[max(entity.start - 1, 0) : entity.start]
                + (example.text[entity.end : entity.end + 1])
            )
            assert not any(c.isalnum() for c in around), f"cuts a word: {example}"


def test_the_pipeline_is_the_one_promised() -> None:
    config = read_config(STARTER / "config.yml")
    assert [step.name for step in config.pipeline] == [
        "WhitespaceTokenizer",
        "RegexFeaturizer",
        "LexicalSyntacticFeaturizer",
        "CountVectorsFeaturizer",
        "CountVectorsFeaturizer",
        "DIETClassifier",
        "EntitySynonymMapper",
        "FallbackClassifier",
    ]


def test_the_starter_holds_no_code() -> None:
    (module,) = STARTER.rglob("*.py")
    (statement,) = ast.parse(module.read_text("utf-8")).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)


def demo_sentences() -> list[str]:
    """The sentences that `make demo` parses."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    command = re.search(r"\(GOSSAMER\) parse(.*?)--model", makefile, re.DOTALL)
    assert command is not None
    return re.findall(r'"([^"]+)"', command.group(1))


def test_demo_sentences_are_new(train: TrainingData, test: TrainingData) -> None:
    sentences = demo_sentences()
    assert len(sentences) == 2
    known = {words(example) for example in (*train.examples, *test.examples)}
    assert not known & {words(Example(text=text)) for text in sentences}


@pytest.mark.slow
def test_a_model_of_it_is_good(train: TrainingData, test: TrainingData) -> None:
    from gossamer.assistant import Assistant
    from gossamer.evaluate import evaluate_nlu

    assistant = Assistant.train(read_config(STARTER / "config.yml"), train)
    figures = evaluate_nlu(assistant, test).headline()
    assert figures["intent weighted F1"] >= 0.9, figures
    assert figures["DIETClassifier token micro F1"] >= 0.9, figures

    ticket, umbrella = assistant.parse_many(demo_sentences())
    assert ticket.intent.name == "book_trip"
    assert {(e.entity, e.role, e.value) for e in ticket.entities} == {
        ("city", "departure", "Westhaven"),
        ("city", "destination", "Kingsferry"),
        ("date", None, "Friday"),
    }
    assert umbrella.intent.name == "report_lost_item"
    assert {(e.entity, e.role, e.value) for e in umbrella.entities} == {
        ("item", None, "umbrella"),
        ("time", None, "17:30"),
        ("city", "departure", "Silverfen"),
    }
