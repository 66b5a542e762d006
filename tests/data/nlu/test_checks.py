from __future__ import annotations

from pathlib import Path
from typing import Any

from gossamer.data import (
    Entity,
    Example,
    Finding,
    Location,
    LookupTable,
    RegexPattern,
    Severity,
    Synonym,
    TrainingData,
    parse_annotated,
    read_training_data,
    validate,
)


def example(text: str, intent: str | None, line: int = 1) -> Example:
    plain, entities = parse_annotated(text)
    return Example(
        text=plain, intent=intent, entities=entities, where=Location(Path("a.yml"), line)
    )


GOOD = (
    example("hello", "greet"),
    example("good day", "greet"),
    example("bye", "leave"),
    example("see you", "leave"),
)


def found(*examples: Example, **parts: Any) -> list[str]:
    return [str(finding) for finding in validate(TrainingData(examples=GOOD + examples, **parts))]


def test_good_data() -> None:
    assert found() == []


def test_intents() -> None:
    assert found(example("buy", "shop", 5)) == [
        "a.yml:5: warning: intent 'shop' has only one example; it needs at least two"
    ]
    assert found(example("x", None, 5)) == ["a.yml:5: warning: example 'x' has no intent"]
    assert found(example("x", "greet/a"), example("y", "greet/a")) == [
        "a.yml:1: warning: intent 'greet' is used both alone and with a key ('greet/a')"
    ]
    assert [f.message for f in validate(TrainingData())] == [
        "there are 0 intents; a classifier needs two"
    ]


def test_texts() -> None:
    assert found(example("hello", "leave", 9)) == [
        "a.yml:9: error: 'hello' is an example of 'leave' and of 'greet' at a.yml:1"
    ]
    assert found(example("hello", "greet", 9)) == [
        "a.yml:9: warning: 'hello' is repeated at a.yml:1; it counts once"
    ]
    two_ways = found(example("[hello](x)", "greet", 9), example("[x](x)", "greet"))
    assert two_ways == ["a.yml:9: warning: 'hello' is annotated in two ways, the other at a.yml:1"]


def test_entities() -> None:
    assert found(example("[Rome](city)", "greet", 4)) == [
        "a.yml:4: warning: entity 'city' has only one example; it needs at least two"
    ]
    twice = (example("to [Rome](city)", "greet"), example("to [Bonn](city)", "greet"))
    assert found(*twice, example("to [ Oslo](city)", "greet", 8)) == [
        "a.yml:8: warning: the annotation ' Oslo' (city) includes blanks"
    ]
    assert found(*twice, example("to [Os](city)lo", "greet", 8)) == [
        "a.yml:8: warning: the annotation 'Os' (city) cuts a word in 'to Oslo'"
    ]
    assert found(*twice, example("to [Oslo](city), x", "greet", 8)) == []
    assert "a.yml:1: warning: the entity name ' a' has blanks around it" in found(
        example("x [y]( a)", "greet")
    )


def test_overlaps() -> None:
    entities = (
        Entity(start=0, end=7, entity="a", value="one two"),
        Entity(start=4, end=7, entity="a", value="two"),
    )
    assert found(
        Example(text="one two", intent="greet", entities=entities),
        example("[one](a)", "greet"),
    ) == ["error: the annotation 'two' (a) overlaps another one"]


def test_synonyms() -> None:
    where = Location(Path("a.yml"), 6)
    assert found(
        synonyms=(Synonym(text="A", value="x"), Synonym(text="a", value="y", where=where))
    ) == ["a.yml:6: warning: 'a' is a synonym of 'x' and of 'y'; the later one counts"]
    assert found(synonyms=(Synonym(text="[a](b)", value=" x"),)) == [
        "warning: the synonym '[a](b)' holds an annotation, which is not read there",
        "warning: the synonym value ' x' has blanks around it",
    ]


def test_annotations_in_lookups_are_doubtful() -> None:
    data = TrainingData(lookups=(LookupTable(name="city", elements=("Oslo", "[Rome](city)")),))
    said = "the element '[Rome](city)' of lookup table 'city' holds an annotation"
    assert any(said in str(finding) for finding in validate(data))


def test_patterns_and_lookups() -> None:
    messages = found(
        regexes=(
            RegexPattern(name="a", pattern="(x"),
            RegexPattern(name="b", pattern="x*"),
            RegexPattern(name="c", pattern="x+"),
        ),
        lookups=(
            LookupTable(name="d", elements=()),
            LookupTable(name="e", elements=("x", "x", "y", "y", "z")),
        ),
    )
    assert len(messages) == 4
    assert messages[0].startswith("error: regex 'a' cannot be compiled (missing )")
    assert messages[1:] == [
        "warning: regex 'b' matches the empty text: x*",
        "warning: lookup table 'd' has no elements",
        "warning: lookup table 'e' repeats 'x' and 1 more",
    ]


def test_responses() -> None:
    faq = (example("x", "faq/a", 7), example("y", "faq/a"))
    assert found(*faq) == []  # responses may stand in the domain
    assert found(*faq, responses={"utter_faq/a": ()}) == []
    assert found(*faq, responses={"utter_faq/b": ()}) == [
        "a.yml:7: warning: retrieval intent 'faq/a' has no response 'utter_faq/a'"
    ]


def test_all_findings_of_a_project_at_once(travel: Path) -> None:
    findings = validate(read_training_data(travel))
    assert all(isinstance(finding, Finding) for finding in findings)
    assert {f.severity for f in findings} == {Severity.WARNING}
    assert any("intent '404' has only one example" in f.message for f in findings)
    assert any("regex" not in f.message for f in findings)
