from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data import DataError, Entity
from gossamer.data.nlu.formats.rasa_markdown import is_nlu_markdown, parse_rasa_markdown

PATH = Path("nlu.md")


def test_everything(travel: Path) -> None:
    path = travel / "older" / "nlu.md"
    data = parse_rasa_markdown(path.read_text(encoding="utf-8"), path)
    assert [(e.text, e.intent, e.where and e.where.line) for e in data.examples] == [
        ("bye", "leave", 5),
        ("see you tomorrow", "leave", 6),
        ("ciao", "leave", 7),
    ]
    assert data.examples[1].entities == (
        Entity(start=8, end=16, entity="date.day", value="tomorrow"),
    )
    assert [(s.text, s.value) for s in data.synonyms] == [("the day after", "tomorrow")]
    assert [(r.name, r.pattern) for r in data.regexes] == [("zip", "[0-9]{5}")]
    assert [(t.name, t.elements) for t in data.lookups] == [
        ("drink", ("tea",)),
        ("airline", ("Blue Wing", "Red Tail")),
    ]


def test_escapes_are_decoded_in_examples_only() -> None:
    text = "## intent:a\n- one\\n[two\\t](x) [three](y:\\n)\n## regex:r\n- \\bword\\b\n"
    data = parse_rasa_markdown(text, PATH)
    (example,) = data.examples
    assert example.text == "one\ntwo\t three"
    assert example.entities == (
        Entity(start=4, end=8, entity="x", value="two\t"),
        Entity(start=9, end=14, entity="y", value="\\n"),
    )
    assert data.regexes[0].pattern == "\\bword\\b"


def test_windows_line_ends_and_blanks() -> None:
    data = parse_rasa_markdown("  ## intent: a/b \r\n-  x \r\n\r\n", PATH)
    assert [(e.text, e.intent) for e in data.examples] == [("x", "a/b")]


def test_tables_of_one_name_are_one() -> None:
    data = parse_rasa_markdown("## lookup:a\n- x\n## lookup:b\n## lookup:a\n- y\n", PATH)
    assert [(t.name, t.elements) for t in data.lookups] == [("a", ("x", "y")), ("b", ())]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("## story:a\n- x\n", 1, "a section must be one of intent, synonym, regex, lookup"),
        ("\n### intent:a\n", 2, "a section must be one of"),
        ("## intent\n", 1, "a section must be one of"),
        ("## intent:\n- x\n", 1, "needs a name"),
        ("## intent:a/b/c\n- x\n", 1, "one '/' and a key"),
        ("- x\n", 1, "must be in a section"),
        ("## intent:a\n- x\nwords\n", 3, "section 'intent:a' must be '-' and a text"),
        ("## intent:a\n-x\n", 2, "must be '-' and a text"),
        ("## intent:a\n-\n", 2, "must be '-' and a text"),
        ("## lookup:a\n-\n", 2, "must be '-' and a text"),
        ("## intent:a\n<!-- 1\n2\n-->\n- [x]{y}\n", 5, "must be valid JSON"),
        ("## lookup:a\nno/such/file.txt\n", 2, "or the name of a file"),
        (f"## lookup:a\n{'tea, ' * 99}\n", 2, "or the name of a file"),
        ("## intent:a\n<!-- not closed\n- x\n", 2, "must be '-' and a text"),
        ("## intent:a\n- \\n\n", 2, "needs a text"),
    ],
)
def test_errors_name_the_line(text: str, line: int, said: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_rasa_markdown(text, PATH)
    assert str(caught.value).startswith(f"nlu.md:{line}: ")
    assert said in str(caught.value)


def test_an_empty_section_is_read_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"^nlu\.md:1: intent 'a' has no examples$"):
        parse_rasa_markdown("## intent:a\n## lookup:b\n", PATH)


def test_which_files_are_nlu_data() -> None:
    assert is_nlu_markdown("# x\n##   regex: y\n")
    assert not is_nlu_markdown("## story one\n* greet\n  - utter_greet\n")
