from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data import DataError, Entity, TrainingData
from gossamer.data.nlu.formats.rasa_yaml import is_nlu_yaml, parse_rasa_yaml

PATH = Path("nlu.yml")


def parse(text: str) -> TrainingData:
    return parse_rasa_yaml(text, PATH)


def test_everything(travel: Path) -> None:
    path = travel / "nlu.yml"
    data = parse_rasa_yaml(path.read_text(encoding="utf-8"), path)
    assert data.intents == ["404", "book", "faq", "greet", "yes"]
    assert [(e.text, e.intent) for e in data.examples] == [
        ("hello", "greet"),
        ("good morning", "greet"),
        ("yes", "yes"),
        ("that is right", "yes"),
        ("the page is gone", "404"),
        ("how much baggage may I take", "faq/baggage"),
        ("may I take two bags", "faq/baggage"),
        ("is a dog baggage", "faq/baggage"),
        ("from Bonn to Rome", "book"),
        ("NYC please", "book"),
        ("a big apple trip", "book"),
    ]
    baggage = data.examples[5:8]
    assert {e.base_intent for e in baggage} == {"faq"}
    assert baggage[0].metadata == {"sentiment": "neutral", "weight": 0.5}
    assert baggage[1].metadata is None
    assert all(e.intent_metadata == {"owner": "desk", "sure": "no"} for e in baggage)
    assert baggage[1].entities == (Entity(start=11, end=14, entity="number", value="2"),)
    assert data.examples[8].entities == (
        Entity(start=5, end=9, entity="city", value="Bonn", role="from"),
        Entity(start=13, end=17, entity="city", value="Rome", role="to", group="1"),
    )
    assert data.examples[9].entities == (
        Entity(start=0, end=3, entity="city", value="New York"),
        Entity(start=0, end=3, entity="code", value=1),
    )
    assert [(s.text, s.value) for s in data.synonyms] == [
        ("the big one", "New York"),
        ("N.Y.", "New York"),
    ]
    assert [r.pattern for r in data.regexes] == ["[A-Z]{3}", r"\b\d{4}\b"]
    # Tables of one name are one within a file.
    assert [(t.name, t.elements) for t in data.lookups] == [("city", ("Bonn", "Rome", "Oslo"))]
    assert data.responses["utter_faq/baggage"] == (
        {"text": "Two bags.\nNot three."},
        {"text": "One: ${NOT_A_VARIABLE}", "buttons": [{"title": "Yes", "payload": "/yes"}]},
    )
    lines = path.read_text(encoding="utf-8").split("\n")
    for example in (*data.examples[:6], *data.examples[8:]):
        assert example.where is not None and example.where.line is not None
        assert example.text.split()[-1] in lines[example.where.line - 1]


def test_lines_of_examples_after_a_blank_and_a_remark() -> None:
    data = parse("nlu:\n- intent: a\n  examples: |  # a remark\n\n    - x\n\n    - y\n")
    assert [e.where.line for e in data.examples if e.where is not None] == [5, 7]


@pytest.mark.parametrize(
    "examples", ['"- x\\n- y"', "|-\n    - x\n    - y", "|\n    -x\n    -  y  "]
)
def test_ways_to_write_a_block(examples: str) -> None:
    data = parse(f"nlu:\n- intent: a\n  examples: {examples}\n")
    assert [e.text for e in data.examples] == ["x", "y"]


def test_blanks_of_quoted_texts_are_kept() -> None:
    data = parse(
        "nlu:\n- intent: ' a '\n  examples:\n  - text: \"  x \"\n  - text: '  y '\n"
        "  - text: \"- z\"\n  - text: '- - u'\n"
    )
    assert [e.text for e in data.examples] == ["  x ", "y", "z", "- u"]
    assert data.intents == ["a"]


@pytest.mark.parametrize("version", ['"2.0"', '"3.0"', '"3.1"', "3.1", "'2'", '"3.0.9"'])
def test_versions_that_are_read(version: str) -> None:
    assert parse(f"version: {version}\nnlu:\n- intent: a\n  examples: |\n    - x\n").examples


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ('"3.2"', "must not be above 3.1"),
        ("4", "must not be above 3.1"),
        ('"3.10"', "must not be above 3.1"),
        ("new", "must be a version number"),
        ("[3]", "must be a version number"),
        ("null", "must be a version number"),
    ],
)
def test_versions_that_are_refused(version: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        parse(f"version: {version}\nnlu: []\n")


def item(text: str) -> str:
    return "version: '3.1'\nnlu:\n" + text


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            "- intent: a\n  examples: |\n    - x\n    y\n",
            6,
            "must begin with a dash (got 'y'). Try: - y",
        ),
        ("- intent: a\n  examples: |\n    - x\n    -\n", 6, "needs a text"),
        ("- intent: a\n  examples: |\n    - x\n    - [y]{z}\n", 6, "must be valid JSON"),
        ("- intent: a/b/c\n  examples: |\n    - x\n", 3, "one '/' and a key"),
        ("- intent: a/\n  examples: |\n    - x\n", 3, "one '/' and a key"),
        ("- intent: ''\n  examples: |\n    - x\n", 3, "needs a name"),
        ("- intent:\n  examples: |\n    - x\n", 3, "needs a name"),
        ("- intent: [a]\n  examples: |\n    - x\n", 3, "needs a name"),
        ("- intents: a\n  examples: |\n    - x\n", 3, "exactly one of the keys"),
        ("- intent: a\n  lookup: b\n  examples: |\n    - x\n", 3, "exactly one of the keys"),
        ("- intent: a\n  example: |\n    - x\n", 4, "has the keys examples, intent, metadata"),
        ("- lookup: a\n  metadata: 1\n", 4, "has the keys examples, lookup"),
        ("- greet\n", 3, "must be a mapping"),
        ("- intent: a\n  examples: >\n    - x\n    - y\n", 4, "folded"),
        ("- intent: a\n  examples:\n    - x\n", 5, "must be a mapping with the key 'text'"),
        ("- intent: a\n  examples:\n    - metadata: 1\n", 5, "mapping with the key 'text'"),
        ("- intent: a\n  examples:\n    - text: x\n      meta: 1\n", 6, "keys text, metadata"),
        ("- intent: a\n  examples:\n    - text: ' '\n", 5, "needs a text"),
        ("- regex: a\n  examples:\n    - x\n", 5, "must be a block of lines"),
        ("- intent: a\n  examples: {x: y}\n", 4, "must be a block of lines"),
    ],
)
def test_errors_name_the_line(text: str, line: int, said: str) -> None:
    with pytest.raises(DataError) as caught:
        parse(item(text))
    assert str(caught.value).startswith(f"nlu.yml:{line}: "), str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nlu: {}\n", "'nlu' must be a list"),
        ("- nlu:\n", "mapping with the key 'nlu'"),
        ("responses: [a]\n", "'responses' must be a mapping"),
        ("responses:\n  utter_x: hello\n", "list of variations"),
        ("responses:\n  utter_x:\n  - hello\n", "list of variations"),
    ],
)
def test_wrong_shapes(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        parse(text)


@pytest.mark.parametrize("kind", ["intent", "synonym", "regex"])
def test_an_item_without_examples_is_read_with_a_warning(kind: str) -> None:
    with pytest.warns(UserWarning, match=rf"^nlu\.yml:3: {kind} 'a' has no examples$"):
        assert not parse(item(f"- {kind}: a\n  examples:\n")).examples


def test_empty_parts() -> None:
    assert parse("") == parse("nlu:\nresponses:\n") == TrainingData()
    assert parse("nlu:\n- lookup: a\n").lookups[0].elements == ()


@pytest.mark.parametrize(
    ("text", "is_nlu"),
    [
        ("nlu:\n- intent: a\n", True),
        ("{nlu: []}", True),
        ("responses: {}\n", True),
        ("intents: [a]\nresponses: {}\n", False),
        ("intents: [a]\nresponses: {}\nnlu: []", True),
        ("stories: [\n", False),  # not even parsed
        ("stories:\n- story: a\n  nlu: b\n", False),
        ("- nlu: a", False),
        ("", False),
    ],
)
def test_which_files_are_nlu_data(text: str, is_nlu: bool) -> None:
    assert is_nlu_yaml(text, PATH) is is_nlu
