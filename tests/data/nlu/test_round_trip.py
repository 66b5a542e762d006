"""Reading what was written gives the same data, for any data a format can carry."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.data import (
    DataError,
    Entity,
    Example,
    LookupTable,
    RegexPattern,
    Synonym,
    TrainingData,
    dump_yaml,
    read_training_data,
    write_training_data,
    write_yaml,
)
from gossamer.data.nlu.formats.rasa_json import parse_rasa_json
from gossamer.data.nlu.formats.rasa_markdown import parse_rasa_markdown
from gossamer.data.nlu.formats.rasa_markdown_writer import dump_markdown
from gossamer.data.nlu.formats.rasa_yaml import parse_rasa_yaml
from gossamer.data.nlu.formats.text_intent_csv import parse_csv
from gossamer.data.nlu.writing import dump_csv, dump_json
from gossamer.data.text.yaml_tree import parse_yaml_tree
from gossamer.data.text.yaml_writer import yaml_lines

PATH = Path("written")
CHARACTERS = st.one_of(
    st.sampled_from("-- []{}(),:#'\"|>&*!%@`\\/\n\r\t=~<?.0159uUabyn\u2028\x85\x07\ufeffé$"),
    st.characters(exclude_categories=["Cs"]),
)
TEXT = st.one_of(
    st.sampled_from(["yes", "404", "null", "- x", "-", " x ", "${HOME}", "\\u0041", "a: b", "#"]),
    st.text(CHARACTERS, max_size=12),
)
SOMETHING = TEXT.filter(lambda text: text.strip() != "")
NAME = SOMETHING.map(str.strip)
INTENT = st.one_of(
    NAME.filter(lambda text: "/" not in text), st.sampled_from(["a", "b", "faq/x", "faq/y"])
)
LINE = NAME.filter(lambda text: "\n" not in text)
NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUE = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
# Without brackets in the text every annotation can be written.
OPEN_TEXT = SOMETHING.map(lambda text: text.replace("[", "").replace("]", "")).filter(
    lambda text: text.strip() != ""
)

# Texts with any brackets look like broken annotations now and then.
BRACKETS = pytest.mark.filterwarnings("ignore::gossamer.data.errors.MistakeWarning")


@st.composite
def examples(draw: st.DrawFn, texts: st.SearchStrategy[str] = OPEN_TEXT) -> Example:
    text = draw(texts)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
    entities: list[Entity] = []
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        entities += (
            Entity(
                start=start,
                end=end,
                entity=draw(TEXT.filter(bool)),
                value=draw(st.just(text[start:end]) | TEXT | NUMBER),
                role=draw(st.none() | TEXT),
                group=draw(st.none() | TEXT),
            )
            for _ in range(draw(st.integers(1, 2)))
        )
    return Example(
        text=text,
        intent=draw(INTENT),
        entities=tuple(entities),
        metadata=draw(st.none() | VALUE),
        intent_metadata=draw(st.none() | st.just({"a": 1}) | VALUE),
    )


@st.composite
def datasets(draw: st.DrawFn, texts: st.SearchStrategy[str] = OPEN_TEXT) -> TrainingData:
    return TrainingData(
        examples=tuple(draw(st.lists(examples(texts), max_size=4))),
        synonyms=tuple(draw(st.lists(st.builds(Synonym, text=LINE, value=SOMETHING), max_size=3))),
        regexes=tuple(
            draw(st.lists(st.builds(RegexPattern, name=SOMETHING, pattern=LINE), max_size=3))
        ),
        lookups=tuple(
            draw(
                st.lists(
                    st.builds(
                        LookupTable, name=SOMETHING, elements=st.lists(LINE, max_size=3).map(tuple)
                    ),
                    max_size=3,
                    unique_by=lambda table: table.name,
                )
            )
        ),
        responses=MappingProxyType(
            draw(
                st.dictionaries(
                    TEXT,
                    st.lists(st.dictionaries(TEXT, VALUE, max_size=3), max_size=2).map(tuple),
                    max_size=2,
                )
            )
        ),
    )


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types all the way down (True is not 1 here)."""
    return repr(left) == repr(right)


@pytest.mark.slow
@BRACKETS
@given(datasets())
def test_yaml_carries_everything(data: TrainingData) -> None:
    read_back = parse_rasa_yaml(dump_yaml(data), PATH)
    assert read_back == data
    assert same(read_back, data)


@BRACKETS
@given(datasets(SOMETHING))
def test_yaml_carries_texts_with_brackets_or_refuses(data: TrainingData) -> None:
    try:
        text = dump_yaml(data)
    except DataError as error:
        assert "annotations" in str(error)
        return
    assert parse_rasa_yaml(text, PATH) == data


@BRACKETS
@given(datasets(SOMETHING))
def test_json_and_markdown_carry_all_or_refuse(data: TrainingData) -> None:
    for dump, parse in (
        (dump_json, parse_rasa_json),
        (dump_markdown, parse_rasa_markdown),
        (dump_csv, parse_csv),
    ):
        try:
            text = dump(data)
        except DataError:
            continue
        assert parse(text, PATH) == data


@BRACKETS
@given(st.lists(st.builds(Example, text=SOMETHING, intent=INTENT), min_size=1, max_size=4))
def test_plain_examples_in_every_format_that_can(items: list[Example]) -> None:
    data = TrainingData(examples=tuple(items))
    assert parse_rasa_json(dump_json(data), PATH) == data
    if not any("\r" in example.text + str(example.intent) for example in items):
        assert parse_csv(dump_csv(data), PATH) == data


@given(VALUE)
def test_yaml_values(value: Any) -> None:
    text = "\n".join(yaml_lines({"key": value})) + "\n"
    tree = parse_yaml_tree(text, PATH)
    assert tree is not None
    assert same(tree.to_python(), {"key": value})


def test_the_written_text_is_what_a_person_would_write() -> None:
    data = TrainingData(
        examples=(
            Example(text="hello", intent="greet"),
            Example(
                text="to Rome",
                intent="book",
                entities=(Entity(start=3, end=7, entity="city", value="Rome"),),
            ),
            Example(text="- dash", intent="greet"),
            Example(text=" two\nlines", intent="no", intent_metadata={"by": ["me", "you"]}),
            Example(text="hi", intent="no", metadata={"n": 1}),
        ),
        synonyms=(Synonym(text="NYC", value="New York"),),
        regexes=(RegexPattern(name="zip", pattern=r"\d{5}"),),
        lookups=(LookupTable(name="city", elements=("Bonn", "Rome")),),
        responses={"utter_greet": ({"text": "Hello\nyou"},)},
    )
    assert dump_yaml(data) == (
        'version: "3.1"\n'
        "nlu:\n"
        "- intent: greet\n"
        "  examples: |\n"
        "    - hello\n"
        "- intent: book\n"
        "  examples: |\n"
        "    - to [Rome](city)\n"
        "- intent: greet\n"
        "  examples: |\n"
        "    - - dash\n"
        '- intent: "no"\n'
        "  metadata:\n"
        "    by:\n"
        "    - me\n"
        "    - you\n"
        "  examples:\n"
        '  - text: " two\\nlines"\n'
        '- intent: "no"\n'
        "  examples:\n"
        "  - text: hi\n"
        "    metadata:\n"
        '      "n": 1\n'
        "- synonym: New York\n"
        "  examples: |\n"
        "    - NYC\n"
        "- regex: zip\n"
        "  examples: |\n"
        "    - \\d{5}\n"
        "- lookup: city\n"
        "  examples: |\n"
        "    - Bonn\n"
        "    - Rome\n"
        "responses:\n"
        "  utter_greet:\n"
        "  - text: |-\n"
        "      Hello\n"
        "      you\n"
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (TrainingData(examples=(Example(text="x"),)), "must have an intent"),
        (TrainingData(examples=(Example(text="x", intent=" a"),)), "must have an intent"),
        (TrainingData(examples=(Example(text="x", intent="a/b/c"),)), "one '/' and a key"),
        (TrainingData(examples=(Example(text=" ", intent="a"),)), "needs a text"),
        (TrainingData(examples=(Example(text="[x](y)", intent="a"),)), "brackets"),
        (TrainingData(examples=(Example(text="\ud800", intent="a"),)), "surrogate"),
        (TrainingData(examples=(Example(text="x", intent="a", metadata={1, 2}),)), "to be written"),
        (TrainingData(synonyms=(Synonym(text="x", value=5),)), "have a text as its value"),
        (TrainingData(synonyms=(Synonym(text=" x", value="y"),)), "without blanks"),
        (TrainingData(regexes=(RegexPattern(name="a", pattern="x\ny"),)), "one line"),
        (TrainingData(regexes=(RegexPattern(name="", pattern="x"),)), "needs a name"),
        (TrainingData(lookups=(LookupTable(name="a", elements=("",)),)), "one line"),
    ],
)
def test_yaml_refuses_what_it_cannot_carry(data: TrainingData, said: str) -> None:
    with pytest.raises(DataError, match=said):
        dump_yaml(data)


def test_lookup_tables_of_one_name_go_to_files_of_their_own(tmp_path: Path) -> None:
    tables = tuple(
        LookupTable(name=name, elements=(f"{name}{number}",))
        for number, name in enumerate(["a", "b", "a", "c", "c"])
    )
    data = TrainingData(examples=(Example(text="x", intent="i"),), lookups=tables)
    with pytest.raises(DataError, match=r"different names \(got 'a'\).*write_yaml"):
        dump_yaml(data)
    files = write_yaml(data, tmp_path / "nlu.yml")
    assert [file.name for file in files] == ["nlu.yml", "nlu.2.yml", "nlu.3.yml"]
    assert read_training_data(files) == data
    assert write_yaml(data, tmp_path / "nlu.yml") == files
    files[1].write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="must not exist yet"):
        write_yaml(data, tmp_path / "nlu.yml")
    assert files[1].read_text(encoding="utf-8") == "mine"


def test_a_project_in_every_format_comes_back(travel: Path, tmp_path: Path) -> None:
    data = read_training_data(travel)
    files = write_training_data(data, tmp_path / "nlu.yml")
    assert len(files) == 2
    assert read_training_data(files) == data
