from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data import DataError
from gossamer.data.nlu.formats.text_intent_csv import is_nlu_csv, parse_csv

PATH = Path("a.csv")


def test_rows() -> None:
    text = '\nIntent, Text\nask,"a, ""b""\nc"\n\n greet ,[hi](x)\n'
    data = parse_csv(text, PATH)
    assert [(e.text, e.intent, e.where and e.where.line) for e in data.examples] == [
        ('a, "b"\nc', "ask", 3),
        ("[hi](x)", "greet", 6),
    ]
    assert data.examples[1].entities == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("text,intent,more\na,b,c\n", 1, "columns text and intent only"),
        ("text,intent\na\n", 2, "a row must have a text and an intent"),
        ("text,intent\nx,a\na,b,c\n", 3, "quotes around a text with a comma"),
        ("text,intent\n ,a\n", 2, "needs a text"),
        ("text,intent\na,\n", 2, "an intent needs a name"),
        ('text,intent\n"a"b,c\n', 2, "well-formed"),
        ('text,intent\n"a,b\n', 2, "well-formed"),
    ],
)
def test_errors_name_the_line(text: str, line: int, said: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.csv:{line}: ") as caught:
        parse_csv(text, PATH)
    assert said in str(caught.value)


def test_which_files_are_nlu_data() -> None:
    assert is_nlu_csv('"text",intent\n')
    assert not is_nlu_csv("text;intent\n")
    assert not is_nlu_csv("")
