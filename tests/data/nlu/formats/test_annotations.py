from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.data import DataError, Entity, Example, Location, annotate, parse_annotated
from gossamer.data.errors import MistakeWarning

WHERE = Location(Path("nlu.yml"), 7)


def entity(start: int, end: int, name: str, value: Any, **more: Any) -> Entity:
    return Entity(start=start, end=end, entity=name, value=value, **more)


@pytest.mark.parametrize(
    ("text", "plain", "entities"),
    [
        ("hello", "hello", []),
        ("to [Rome](city)", "to Rome", [entity(3, 7, "city", "Rome")]),
        ("[NYC](city:New York)!", "NYC!", [entity(0, 3, "city", "New York")]),
        ("[a](x.y)[b](z)", "ab", [entity(0, 1, "x.y", "a"), entity(1, 2, "z", "b")]),
        (
            '[Rome]{"entity": "city", "role": "to", "group": "1", "value": 5}',
            "Rome",
            [entity(0, 4, "city", 5, role="to", group="1")],
        ),
        (
            '[x][{"entity": "a"}, {"entity": "b", "value": 1.5}] y',
            "x y",
            [entity(0, 1, "a", "x"), entity(0, 1, "b", 1.5)],
        ),
        ('[x]{"entity": "a", "value": "}"}', "x", [entity(0, 1, "a", "}")]),
        ("[über](ä:ö)", "über", [entity(0, 4, "ä", "ö")]),
        ("[\U0001f600](face) b", "\U0001f600 b", [entity(0, 1, "face", "\U0001f600")]),
        ('[x]{"entity": "a(b"}', "x", [entity(0, 1, "a(b", "x")]),
        # Brackets that annotate nothing.
        ("[0-9]", "[0-9]", []),
        ("[x][", "[x][", []),
        ("np0[0] and (this) are plain", "np0[0] and (this) are plain", []),
        ("see [1] (page 2), or f(x)[i]", "see [1] (page 2), or f(x)[i]", []),
        ("a list [of f(x)] and 3(a)(b)", "a list [of f(x)] and 3(a)(b)", []),
        ("[two] (2) {name} :( :[ ]", "[two] (2) {name} :( :[ ]", []),
        ("to [Rome](city) (please)", "to Rome (please)", [entity(3, 7, "city", "Rome")]),
        ("【标题】（说明） ［1］", "【标题】（说明） ［1］", []),
    ],
)
def test_parse(text: str, plain: str, entities: list[Entity]) -> None:
    assert parse_annotated(text, WHERE) == (plain, tuple(entities))


@pytest.mark.parametrize(
    "text",
    [
        '[Pat]{"entity": "name", "value": "Pat")',
        '[Pat]{"entity": "name"',
        '[Pat][{"entity": "name"',
        '[Pat] {"entity": "name"}',
        "[Ann](name",
        "[Ann](name:",
        "[Ann](name:)",
        "[Ann](:name)",
        "[Ann]( )",
        "[Bob] (name)",
        "[Bob]  (name:Robert)",
        "[](name)",
        "[Bob]()",
        "[Bob]{}",
        "Bob](name)",
        "(Bob)[name]",
        "[Bob(name)",
        "[Bob}(name)",
        "[Bob)(name)",
        "{Bob}(name)",
        "［Bob］（name）",
        "[Bob]（name）",
        "［Bob］(name)",
        "【Bob】 (name)",
        "[Bob]｛“entity”: “name”｝",
    ],
)
def test_what_looks_like_a_broken_annotation_is_plain_text_with_a_warning(text: str) -> None:
    text = f"I am {text}, hello"
    with pytest.warns(MistakeWarning, match=r"^nlu\.yml:7: what looks like an annotation must"):
        assert parse_annotated(text, WHERE) == (text, ())


@pytest.mark.parametrize(
    ("text", "plain", "found", "said"),
    [
        ("[x](a)(b)", "x(b)", [entity(0, 1, "a", "x")], "looks like an annotation"),
        ('[x](a){"role": "b"}', 'x{"role": "b"}', [entity(0, 1, "a", "x")], "looks like"),
        ("[[x](a)", "[x", [entity(0, 2, "a", "[x")], "must not hold another one"),
        ("[[x](a)](b)", "[x](b)", [entity(0, 2, "a", "[x")], "must not hold another one"),
        ("[x]((a)", "x", [entity(0, 1, "(a", "x")], "must have no brackets"),
        ('[x]("a")', "x", [entity(0, 1, '"a"', "x")], "must have no brackets"),
        ("[x](a b [y](c)", "x", [entity(0, 1, "a b [y](c", "x")], "must have no brackets"),
    ],
)
def test_what_is_read_otherwise_than_meant(
    text: str, plain: str, found: list[Entity], said: str
) -> None:
    with pytest.warns(MistakeWarning, match=said):
        assert parse_annotated(text, WHERE) == (plain, tuple(found))


@pytest.mark.parametrize("text", ["[" * 300_000, "[a](" * 50_000, "](" * 100_000, "[a " * 100_000])
@pytest.mark.filterwarnings("ignore::gossamer.data.errors.MistakeWarning")
def test_many_brackets_take_no_time(text: str) -> None:
    assert parse_annotated(text) == (text, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[x]{"entity": ' + '{"a": ' * 100_000 + "}", "must be valid JSON"),
        ("[x]{entity: a}", "must be valid JSON"),
        ("[x][y](a)", "must be valid JSON"),
        ("[x][]", "must name an entity"),
        ("[x][1]", "must be a JSON object"),
        ('[x]{"role": "a"}', "'entity' must be a text"),
        ('[x]{"entity": ""}', "'entity' must be a text"),
        ('[x]{"entity": 1}', "'entity' must be a text"),
        ('[x]{"entity": "a", "role": 1}', "'role' must be a text"),
        ('[x]{"entity": "a", "group": null}', "'group' must be a text"),
        ('[x]{"entity": "a", "value": true}', "'value' must be a text or a number"),
        ('[x]{"entity": "a", "value": null}', "'value' must be a text or a number"),
        ('[x]{"entity": "a", "value": NaN}', "'value' must be a text or a number"),
        ('[x]{"entity": "a", "rolle": "b"}', "unknown key 'rolle'"),
        ('[x]{"entity": "a", "entity": "b"}', "a key occurs twice"),
    ],
)
def test_broken_json_names_the_line(text: str, said: str) -> None:
    with pytest.raises(DataError, match=r"^nlu\.yml:7: ") as caught:
        parse_annotated(text, WHERE)
    assert said in str(caught.value)
    assert "'x'" in str(caught.value)


@pytest.mark.parametrize(
    ("entities", "annotated"),
    [
        ([], "to Rome now"),
        ([entity(3, 7, "city", "Rome")], "to [Rome](city) now"),
        ([entity(3, 7, "city", "Roma")], "to [Rome](city:Roma) now"),
        ([entity(3, 7, "city", "a)b")], 'to [Rome]{"entity": "city", "value": "a)b"} now'),
        ([entity(3, 7, "city", "")], 'to [Rome]{"entity": "city", "value": ""} now'),
        ([entity(3, 7, "ci(ty", "Rome")], 'to [Rome]{"entity": "ci(ty"} now'),
        ([entity(3, 7, "ci:ty", "Rome")], 'to [Rome]{"entity": "ci:ty"} now'),
        ([entity(3, 7, "city", 3)], 'to [Rome]{"entity": "city", "value": 3} now'),
        (
            [entity(3, 7, "city", "Rome", role="to")],
            'to [Rome]{"entity": "city", "role": "to"} now',
        ),
        (
            [entity(3, 7, "a", "Rome"), entity(3, 7, "b", 2)],
            'to [Rome][{"entity": "a"}, {"entity": "b", "value": 2}] now',
        ),
    ],
)
def test_annotate_takes_the_shortest_form(entities: list[Entity], annotated: str) -> None:
    example = Example(text="to Rome now", entities=tuple(entities))
    assert annotate(example) == annotated


@pytest.mark.parametrize(
    ("text", "entities", "said"),
    [
        ("abc", [entity(0, 2, "a", "ab"), entity(1, 3, "b", "bc")], "without overlap"),
        ("abc", [entity(1, 2, "a", "b"), entity(0, 1, "b", "a")], "in order"),
        ("abc", [entity(1, 1, "a", "")], "inside the text"),
        ("abc", [entity(1, 4, "a", "bc")], "inside the text"),
        ("a]c", [entity(0, 3, "a", "a]c")], "brackets"),
        ("[a](b)", [], "brackets"),
        ("[ab", [entity(1, 2, "x", "a")], "brackets"),
        ("[a]{b}", [], "brackets"),
        ("abc", [entity(0, 1, "x", None)], "'value' must be"),
        ("abc", [entity(0, 1, "x", ["list"])], "'value' must be"),
        ("abc", [entity(0, 1, "x", float("inf"))], "'value' must be"),
        ("abc", [entity(0, 1, "", "a")], "'entity' must be"),
    ],
)
def test_annotate_refuses_what_cannot_be_read_back(
    text: str, entities: list[Entity], said: str
) -> None:
    example = Example(text=text, entities=tuple(entities), where=WHERE)
    with pytest.raises(DataError, match=r"^nlu\.yml:7: .*rasa_nlu_data") as caught:
        annotate(example)
    assert said in str(caught.value)


@pytest.mark.filterwarnings("ignore::gossamer.data.errors.MistakeWarning")
@given(st.text(alphabet='ab[](){}:",\\ \n1é', max_size=30))
def test_any_text_is_read_or_refused_and_what_is_read_can_be_written(text: str) -> None:
    try:
        plain, entities = parse_annotated(text)
    except DataError:
        return
    example = Example(text=plain, entities=entities)
    try:
        again = annotate(example)
    except DataError:
        # Taking annotations out may leave brackets that look like one: "[[a](b)](c)".
        return
    assert parse_annotated(again) == (plain, entities)
