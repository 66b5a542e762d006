"""What libyaml reads is what ruamel.yaml reads; the rest is left to it."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from gossamer.data.errors import DataError
from gossamer.data.text import yaml_nodes
from gossamer.data.text.yaml_nodes import by_libyaml
from gossamer.data.text.yaml_tree import parse_yaml_tree

STARTER = Path(__file__).parents[3] / "src/gossamer/starter"


def tree(text: str) -> str:
    """The tree with all lines and styles, or the error."""
    try:
        return repr(parse_yaml_tree(text, Path("a.yml")))
    except DataError as error:
        return str(error)


def tree_by_ruamel(text: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_nodes, "by_libyaml", lambda _: None)
        return tree(text)


ORDINARY = [
    "a: 1\nb: two words  # a remark\n\n# another\nc:\n  d: x\n",
    "- a\n- b: 1\n  c: 2\n-\n  d: 3\n- - e\n  - f\n- # a remark\n  g: 1\n",
    "a:\n- b\n- c:\n  - d\n  -\n-\ne:\n\nf:",
    "a: |\n  - one\n\n    two # no remark\n  three\n\n\nb: |-\n   x\n # a remark\n\nc: |\n  no end",
    "a: >\n  b\n  c\n\n   d\nb: |+\n  c\n\nc: |2\n   d\nd: >-\n\n  e\n",
    "a: \"x: '#\"\nb: 'it''s # \"so\"'  # a remark\n\"c d\": ''\n'e: f': \"\"\n",
    'a: "\\"\\\\\\n\\u00e9\\x41\\\n  b\n\n  c"\nb: c\n  d\n',
    "a: [b, c d, 1, true, null]\nb: []\nc: {}\nd: [ e ,f,\n ]\ne: {a: b, 'c': [d], e}\n",
    "1: 1\n-1: +1\n2.5: -0.\ntrue: FALSE\nnull: ~\nyes: no\nx: 12:30\ny: 9am\nz: -z\non: off\n",
    "[017, 0o17, 0x1F, 0b11, 1_0, _1, 1e3, 1.e3, .5, .5e+1, .5e1, -.inf, .NaN, -.nan, 1__, -_]\n",
    "[2020-01-01, =, 0o8, 0x, '', \"1\", 1:2:3, 08, ., +, 1e, 1.2.3, tRue]",
    "http://a.b/c#d: e:f\ng[h]: i{j}\nk : l, m\né\xa0ö: 😀\n",
    "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2\nf:\n  <<: [*x, {g: 3}]\n",
    "? a\n: b\n? c\n",
    "a: &x\nb: *x\n",
    "&x a: *x\n",
    "a: &x [*x]\n",
    "a: 1\na: 2\n",
    "[a]: 1\n",
    "a: ${NOT_SET_ANYWHERE}\n",
    "a: '\\u00e9'\n",
    "---\na: b\n...\n",
    f"{'k' * 1000}: 1\n",
    "- " * 99 + "a\n",
]
"""Files that libyaml must read, or reading is slow."""

OTHERS = [
    "",
    "# nothing\n",
    "a\n",
    "---\n",
    "a: b: c\n",
    "a: 'b\n",
    "a: *b\n",
    "a: &x 1\nb: &x 2\nc: *x\n",
    "- &a:b c\n",
    "a: !!str 1\n",
    "a: !b 1\n",
    "a: !\n",
    "[!!str,\n true]\n",
    "['a':b]\n",
    "a: |# b\n  c\n",
    "a: |\n  \n    b\n",
    'a: "\\ud83d\\ude00"\n',
    "a:\tb\n",
    "a: b\r\n",
    "a: b\x07\n",
    "a: b\x85c\n",
    "a: b\u2028c\n",
    "\ufeffa: b\n",
    "a: \ud800\n",
    "a: b\n---\nc: d\n",
    "%YAML 1.1\n---\na: yes\n",
    f"{'k' * 1100}: 1\n",
    "- " * 120 + "a: 1\n",
]
"""Everything else, errors too."""


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_ordinary(text: str) -> None:
    assert by_libyaml(text) is not None
    assert tree(text) == tree_by_ruamel(text)


@pytest.mark.parametrize("path", sorted(STARTER.rglob("*.yml")), ids=lambda path: path.name)
def test_the_starter_project_is_ordinary(path: Path) -> None:
    test_what_is_ordinary(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", OTHERS)
def test_everything_else_is_left(text: str) -> None:
    assert by_libyaml(text) is None


def test_a_value_that_is_left_out_is_in_the_line_of_its_key() -> None:
    for read in (tree, tree_by_ruamel):
        assert "line=2" not in read("a:\n\n\n")


# What is put into the files above, at any place.
PIECES = (
    *(" ", "  ", "\n", "\n  ", "\n\n", ":", ": ", "- ", "-", "#", " #", '"', "'", "\\", "|", ">"),
    *("|\n", ">-\n", "|+\n", "|2\n", "[", "]", "{", "}", ",", "? ", "?", "&a ", "*a ", "<<: "),
    *("!", "=", "@", "%", "~", "1", ".5", "---\n", "...", "é", "\\n", "[a, b]", "{a: b}", "a:"),
)


def test_changed_files_are_read_as_ruamel_reads_them() -> None:
    chance, n_read = random.Random(1), 0
    for _ in range(300):
        text = chance.choice(ORDINARY[:-3])
        for _ in range(chance.randint(1, 2)):
            place = chance.randint(0, len(text))
            text = text[:place] + chance.choice(PIECES) + text[place + chance.randint(0, 2) :]
        if by_libyaml(text) is not None:
            n_read += 1
            assert tree(text) == tree_by_ruamel(text), text
    assert n_read > 50


def test_without_libyaml_ruamel_reads_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert by_libyaml("a: 1\n") is None
    assert tree("a: 1\n") == tree_by_ruamel("a: 1\n")


def test_ruamel_is_not_imported_for_an_ordinary_file() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from gossamer.data.text.yaml_tree import parse_yaml_tree\n"
        "parse_yaml_tree('a: 1', Path('a.yml'))\n"
        "assert 'ruamel' not in {name.partition('.')[0] for name in sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


LONG = {
    "brackets": "[" * 50_000,
    "words": "a: [" + "b, " * 20_000 + "[",
    "plain": "a" * 50_000,
    "spaces": "a" + " " * 50_000 + "b",
    "spaces in a value": "a: b" + " " * 50_000 + "b: ",
    "quotes": "'" * 50_001,
    "lines": "|" + "\n" * 50_000 + "a",
    "anchors": " &a" * 20_000,
    "digits": "1" * 50_000 + "x",
}


@pytest.mark.parametrize("line", LONG.values(), ids=LONG)
def test_long_lines_take_no_long_time(line: str) -> None:
    start = time.process_time()
    assert by_libyaml(f"{line}\n") is None
    assert time.process_time() - start < 1
