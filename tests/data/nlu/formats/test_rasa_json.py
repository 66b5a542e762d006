from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gossamer.data import DataError, Entity
from gossamer.data.nlu.formats.rasa_json import is_nlu_json, parse_rasa_json

PATH = Path("nlu.json")


def test_everything(travel: Path) -> None:
    path = travel / "words.json"
    data = parse_rasa_json(path.read_text(encoding="utf-8"), path)
    first, second = data.examples
    assert (first.text, first.intent, first.where and first.where.line) == (
        "rain in Bonn {tonight}",
        "weather",
        4,
    )
    assert first.entities == (
        Entity(start=0, end=4, entity="sky", value=3),
        Entity(start=8, end=12, entity="city", value="Bonn"),
    )
    assert second.metadata == {"a": [1, {"b": None}]}
    assert second.where is not None and second.where.line == 12
    assert type(second.metadata) is dict
    assert [(s.text, s.value) for s in data.synonyms] == [("BN", "Bonn"), ("bonnie", "Bonn")]
    assert [(r.name, r.pattern) for r in data.regexes] == [("hour", r"\d+h")]
    assert [(t.name, t.elements) for t in data.lookups] == [
        ("city", ("Paris",)),
        ("airline", ("Blue Wing", "Red Tail")),
    ]


def parse(**parts: Any) -> Any:
    return parse_rasa_json(json.dumps({"rasa_nlu_data": parts}), PATH)


def test_an_example_may_have_no_intent() -> None:
    assert [e.intent for e in parse(common_examples=[{"text": "x"}]).examples] == [None]
    assert parse(common_examples=[{"text": "x", "intent": ""}]).examples[0].intent is None


def test_numbers_as_synonym_values_are_texts() -> None:
    assert parse(entity_synonyms=[{"value": 5, "synonyms": ["five"]}]).synonyms[0].value == "5"


def test_older_lists_of_examples() -> None:
    data = parse(intent_examples=[{"text": "x"}], common_examples=[{"text": "y"}])
    assert [e.text for e in data.examples] == ["y", "x"]


def test_keys_that_are_not_used_are_warned_of() -> None:
    example = {
        "text": "x",
        "entities": [{"start": 0, "end": 1, "entity": "a", "extractor": "crf"}],
        "id": 3,
    }
    with pytest.warns(UserWarning, match=r"nlu\.json:1: keys that are not used: extractor, id"):
        parse(common_examples=[example])


ENTITY = {"start": 0, "end": 1, "entity": "a"}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"common_example": []}, "has the keys common_examples"),
        ({"common_examples": {}}, "'common_examples' must be a list"),
        ({"common_examples": ["x"]}, "items of 'common_examples' must be objects"),
        ({"common_examples": [{}]}, "'text' is missing"),
        ({"common_examples": [{"text": " "}]}, "needs a text"),
        ({"common_examples": [{"text": "x", "intent": 1}]}, "'intent' must be a text"),
        ({"common_examples": [{"text": "x", "intent": "a/b/c"}]}, "one '/' and a key"),
        (
            {"common_examples": [{"text": "x", "entities": [ENTITY | {"end": 2}]}]},
            "inside its text",
        ),
        (
            {"common_examples": [{"text": "x", "entities": [ENTITY | {"end": 0}]}]},
            "inside its text",
        ),
        (
            {"common_examples": [{"text": "x", "entities": [ENTITY | {"end": True}]}]},
            "'end' is miss",
        ),
        ({"common_examples": [{"text": "x", "entities": [ENTITY | {"role": 1}]}]}, "'role' is"),
        (
            {"common_examples": [{"text": "x", "entities": [ENTITY | {"entity": ""}]}]},
            "needs a name",
        ),
        ({"entity_synonyms": [{"value": "x", "synonyms": [1]}]}, "a synonym must be a text"),
        ({"entity_synonyms": [{"synonyms": []}]}, "'value' is missing"),
        ({"regex_features": [{"name": "x"}]}, "'pattern' is missing"),
        ({"lookup_tables": [{"name": "x", "elements": [1]}]}, "must be texts"),
        ({"lookup_tables": [{"name": "x", "elements": "gone.txt"}]}, "the name of a file"),
        ({"lookup_tables": [{"name": "x", "elements": "a, " * 99}]}, "the name of a file"),
    ],
)
def test_wrong_parts(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=r"^nlu\.json:1: ") as caught:
        parse(**parts)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{"rasa_nlu_data":\n{"common_examples": [}}', 2, "well-formed"),
        ('{"rasa_nlu_data":\n{"a": 1,\n"a": 2}}', 2, "must occur once"),
        ('{"rasa_nlu_data": [\n]}', None, "must have the key"),
        ("[]", None, "must have the key"),
    ],
)
def test_wrong_files(text: str, line: int | None, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        parse_rasa_json(text, PATH)
    assert caught.value.where is not None and caught.value.where.line == line


def test_lines_of_examples_in_braces_and_quotes() -> None:
    text = (
        '{"rasa_nlu_data": {"common_examples": [\n'
        '{"text": "a \\" { }"},\n'
        '{"metadata": {"b": {}},\n "text": "}{"}\n, {"text": "c"}]}}'
    )
    lines = [e.where.line for e in parse_rasa_json(text, PATH).examples if e.where is not None]
    assert lines == [2, 3, 5]


def test_which_files_are_nlu_data() -> None:
    assert is_nlu_json('{"rasa_nlu_data": {}}', PATH)
    assert not is_nlu_json('{"a": 1}', PATH)
    assert not is_nlu_json("[1]", PATH)
    assert not is_nlu_json("{ not json", PATH)
    with pytest.raises(DataError, match="well-formed"):
        is_nlu_json('{"rasa_nlu_data": ', PATH)
    with pytest.raises(DataError, match="that of LUIS is not read"):
        is_nlu_json('{"luis_schema_version": "2.0", "utterances": []}', PATH)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("[" * 101 + "]" * 101, "more than 100 levels deep"),
        ("[" * 100_000, "more than 100 levels deep"),
        ("9" * 5000, "must be readable"),
        (r'"\ud83d"', "half a surrogate pair"),
    ],
)
def test_values_that_nothing_can_hold(metadata: str, said: str) -> None:
    text = f'{{"rasa_nlu_data": {{"common_examples": [{{"text": "a", "metadata": {metadata}}}]}}}}'
    with pytest.raises(DataError, match=rf"^nlu\.json: .*{said}"):
        assert is_nlu_json(text, Path("nlu.json"))
        parse_rasa_json(text, Path("nlu.json"))
