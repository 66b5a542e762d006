"""What is read line by line is what ruamel.yaml reads."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gossamer.data.text.yaml_lines import TAG, read_lines

STARTER = Path(__file__).parents[3] / "src/gossamer/starter"
TEXTS = {f"{TAG}{name}" for name in ("str", "timestamp", "value")}


def by_ruamel(text: str) -> Any:
    return YAML(typ="safe", pure=True).compose(text)


def plain(node: Any) -> Any:
    """A node of either reader: what it is, its line, what is in it."""
    line, value = node.start_mark.line, node.value
    tag = "text" if str(node.tag) in TEXTS else str(node.tag)
    if node.id == "sequence":
        return tag, line, [plain(item) for item in value]
    if node.id == "mapping":
        return tag, line, [(plain(key), plain(item)) for key, item in value]
    whole = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return tag, line, node.style or "", whole


ORDINARY = [
    "a: 1\nb: two words  # a remark\n\n# another\nc:\n  d: x\n",
    "- a\n- b: 1\n  c: 2\n-\n  d: 3\n- - e\n  - f\n- # a remark\n  g\n"[:-4] + "  g: 1\n",
    "a:\n- b\n- c:\n  - d\n  -\n-\ne:\n\nf:",
    "a: |\n  - one\n\n    two # no remark\n  three\n\n\nb: |-\n   x\n # a remark\n\nc: |\n  no end",
    "a: \"x: '#\"\nb: 'it''s # \"so\"'  # a remark\n\"c d\": ''\n'e: f': \"\"\n",
    'a: "\\"\\\\\\n\\u00e9\\ud83d\\ude00\\/"\n',
    "a: [b, c d, 1, true, null]\nb: []\nc: {}\nd: [ e ,f ]\n",
    "1: 1\n-1: +1\n2.5: -0.\ntrue: FALSE\nnull: ~\nyes: no\nx: 12:30\ny: 9am\nz: -z\n",
    "http://a.b/c#d: e:f\ng[h]: i{j}\nk : l, m\né\xa0ö: 😀\n",
]
"""Files that must be read line by line, or reading is slow."""

OTHERS = [
    "",
    "# nothing\n",
    "a\n",
    " a: 1\n",
    "a: b: c\n",
    "a: b\n  c\n",
    "a: 1\n  b: 2\n",
    "a: 1\n- b\n",
    "- a\nb: 1\n",
    "- a\n - b\n",
    "a:\n    b: 1\n  c: 2\n",
    "a: - b\n",
    "a: 'b\n",
    "a: 'b' c\n",
    'a: "\\x41"\n',
    "a: &b 1\n",
    "a: *b\n",
    "a: !!str 1\n",
    "<<: {}\n",
    "? a\n: b\n",
    "a: >\n  b\n",
    "a: |+\n  b\n",
    "a: |2\n  b\n",
    "a: |\n\nb: 1\n",
    "a: |\n  \n    b\n",
    "a: {b: c}\n",
    "a: [b\n",
    "a: [b]]\n",
    "a: ['b']\n",
    "a: [b,]\n",
    "a: 0x1F\n",
    "a: 1e3\n",
    "a: .inf\n",
    "a: 2020-01-01\n",
    "a:\tb\n",
    "a: b\r\n",
    "a: b\u2028c\n",
    "\ufeffa: b\n",
    "---\na: b\n",
    "a: b\n...\n",
    "... : b\n",
    "%YAML 1.2\n",
    f"{'k' * 1100}: 1\n",
    "- " * 120 + "a: 1\n",
]
"""Everything else, errors too."""


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_ordinary(text: str) -> None:
    node = read_lines(text)
    assert node is not None
    assert plain(node) == plain(by_ruamel(text))


@pytest.mark.parametrize("path", sorted(STARTER.rglob("*.yml")), ids=lambda path: path.name)
def test_the_starter_project_is_ordinary(path: Path) -> None:
    test_what_is_ordinary(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", OTHERS)
def test_everything_else_is_left(text: str) -> None:
    assert read_lines(text) is None


PIECES = (
    *(
        " ",
        "  ",
        "\n",
        "\n  ",
        "\n    ",
        ":",
        ": ",
        "- ",
        "-",
        "#",
        " #",
        '"',
        "'",
        "''",
        "\\",
        "|",
    ),
    *("a", "a:", "a: b", "- a: b", "a: |\n", "- |-\n", "[", "]", "{}", "[a, b]", ",", "1", "1.5"),
    *(
        "~",
        "true",
        ".",
        "...",
        "---",
        "?",
        "<<",
        "é",
        "\\n",
        "\\u00e9",
        ">",
        "*",
        "&a",
        "!",
        "=",
        "@",
    ),
)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_is_read_is_what_ruamel_reads(text: str) -> None:
    node = read_lines(text)
    if node is not None:
        try:
            expected = by_ruamel(text)
        except YAMLError as error:
            pytest.fail(f"{text!r} is no YAML: {error}")
        assert plain(node) == plain(expected)


LONG = {
    "word": "a: [" + "b" * 50_000,
    "words": "a: [" + "b, " * 20_000 + "[",
    "plain": "a" * 50_000,
    "spaces": "a" + " " * 50_000 + "b",
    "spaces in a value": "a: b" + " " * 50_000 + "b: ",
    "quotes": "'" * 50_001,
}


@pytest.mark.parametrize("line", LONG.values(), ids=LONG)
def test_long_lines_take_no_long_time(line: str) -> None:
    start = time.process_time()
    assert read_lines(f"{line}\n") is None
    assert time.process_time() - start < 1
