r"""The YAML that most files are written in, read line by line.

Blocks of keys and of dashes; one-line scalars, plain or quoted; block texts (`|`); lists of words
in brackets; remarks. ruamel.yaml reads all of YAML, character by character, and much slower. So
`read_lines` gives its nodes where it is certain of them, and None for everything else, errors
included: that is left to ruamel.yaml, whose result is what counts.
`tests/data/text/test_yaml_lines.py` compares the two.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from gossamer.data.text.limits import MAX_DEPTH

TAG = "tag:yaml.org,2002:"

# Tabs, other line breaks, a byte order mark, what YAML does not allow.
_UNUSUAL = re.compile(
    "[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_CONTENT = re.compile(r"( *)([^ #].*)")
_DASH = re.compile(r"-(?: +|$)")
_REST = "(?: *| +#.*)"  # of a line, after what counts
# What a plain scalar may begin with: no indicator of YAML.
_FIRST = r"""(?:(?!\.\.\.)[^ \-?:,\[\]{}#&*!|>'"%@`<=]|-(?=\w))"""
_WORD = r" *\w[\w .-]*"
_QUOTED = (
    r'"(?P<double>(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*)"' r"|'(?P<single>(?:[^']|'')*)'"
)
# It ends at ": " and " #". Possessive (*+), so that no line takes long.
_PLAIN = rf"(?P<plain>{_FIRST}(?:[^:#]|:(?! |$)|(?<! )#)*+)"
_KEY = re.compile(rf"(?:(?:{_QUOTED}) *|{_PLAIN}):(?: +|$)")
_VALUE = re.compile(
    rf"{_PLAIN}(?:#.*)?"
    rf"|(?:{_QUOTED}|\[(?P<words> *|{_WORD}(?:,{_WORD})*)\]|(?P<mapping>\{{ *\}})){_REST}"
)
_BLOCK = re.compile(r"\|(-?) *")
_LONGEST_KEY = 1000

_NULLS = frozenset({"~", "null", "Null", "NULL"})
_BOOLEANS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_WHOLE = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?[0-9]+\.[0-9]*")
# Other numbers have these characters only: exponents, digits of other bases, infinity, dates.
_MAYBE_NUMBER = re.compile(r"[-+.0-9][-+.0-9a-fA-FinINxXoO_]*")


class Line(NamedTuple):
    """Where a node begins.

    Attributes:
        line: its number, from 0.
    """

    line: int


class LineNode(NamedTuple):
    """A node, with those attributes of ruamel.yaml's that are read.

    Attributes:
        id: "scalar", "sequence" or "mapping".
        tag: what it is in YAML 1.2.
        value: a text, nodes, or pairs of nodes.
        start_mark: where it begins.
        style: of a scalar: None (plain), "'", '"' or "|".
    """

    id: str
    tag: str
    value: Any
    start_mark: Line
    style: str | None = None


class _Unsure(Exception):
    """Something else than what is read here, or an error."""


def read_lines(text: str) -> LineNode | None:
    """Read a file of ordinary YAML.

    Args:
        text: the whole file.

    Returns:
        The node of all of it; None where ruamel.yaml must read it.
    """
    if _UNUSUAL.search(text) is not None:
        return None
    try:
        return _Lines(text).document()
    except _Unsure:
        return None


class _Lines:
    """Goes through the lines; `column` and `rest` are of what is read next."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.depth = 0
        self.line, self.column, self.rest = -1, -1, ""
        self.advance()

    def advance(self) -> None:
        """Go to the next line that holds something; at the end the column is -1."""
        for line in range(self.line + 1, len(self.lines)):
            match = _CONTENT.match(self.lines[line])
            if match is not None:
                self.line, self.column, self.rest = line, match.end(1), match[2]
                return
        self.line, self.column, self.rest = len(self.lines), -1, ""

    def document(self) -> LineNode:
        if self.column != 0:
            raise _Unsure
        node = self.block()
        if self.column != -1:
            raise _Unsure
        return node

    def block(self) -> LineNode:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Unsure
        is_list = _DASH.match(self.rest) is not None
        node = self.sequence(self.column) if is_list else self.mapping(self.column)
        self.depth -= 1
        return node

    def sequence(self, column: int) -> LineNode:
        start, items = Line(self.line), []
        while self.column == column and (dash := _DASH.match(self.rest)) is not None:
            line, rest = self.line, self.rest[dash.end() :]
            if rest == "" or rest[0] == "#":
                self.advance()
                items.append(self.block() if self.column > column else _nothing(line))
            elif _DASH.match(rest) is not None or _KEY.match(rest) is not None:
                self.column, self.rest = column + dash.end(), rest
                items.append(self.block())
            else:
                items.append(self.value(rest, column))
        if self.column > column:
            raise _Unsure
        return LineNode("sequence", f"{TAG}seq", items, start)

    def mapping(self, column: int) -> LineNode:
        start, pairs = Line(self.line), []
        while self.column == column:
            match = _KEY.match(self.rest)
            if match is None or match.end() > _LONGEST_KEY:
                raise _Unsure
            line, rest = self.line, self.rest[match.end() :]
            key = _scalar(match, line)
            if rest != "" and rest[0] != "#":
                value = self.value(rest, column)
            else:
                self.advance()
                if self.column > column:
                    value = self.block()
                elif self.column == column and _DASH.match(self.rest) is not None:
                    value = self.sequence(column)  # may be as little indented as its key
                else:  # ruamel.yaml puts what is not there where the next thing is
                    value = _nothing(min(self.line, len(self.lines) - 1))
            pairs.append((key, value))
        if self.column > column:
            raise _Unsure
        return LineNode("mapping", f"{TAG}map", pairs, start)

    def value(self, text: str, column: int) -> LineNode:
        """What stands behind a key or a dash in `column`."""
        line = self.line
        block = _BLOCK.fullmatch(text)
        if block is not None:
            return self.literal(column, keeps_end=block[1] == "")
        match = _VALUE.fullmatch(text)
        if match is None:
            raise _Unsure
        self.advance()
        if match["mapping"] is not None:
            return LineNode("mapping", f"{TAG}map", [], Line(line))
        words = match["words"]
        if words is None:
            return _scalar(match, line)
        items = (
            [_plain(word.strip(" "), line) for word in words.split(",")] if words.strip() else []
        )
        return LineNode("sequence", f"{TAG}seq", items, Line(line))

    def literal(self, column: int, *, keeps_end: bool) -> LineNode:
        """A block text; its lines stand further right than `column`."""
        begin = self.line
        first = begin + 1
        while first < len(self.lines) and not self.lines[first].strip(" "):
            first += 1
        if first == len(self.lines):
            raise _Unsure
        indent = len(self.lines[first]) - len(self.lines[first].lstrip(" "))
        if indent <= column or any(self.lines[begin + 1 : first]):
            raise _Unsure
        margin, end = " " * indent, first
        for line in range(first, len(self.lines)):
            if self.lines[line].startswith(margin):
                if len(self.lines[line]) > indent:
                    end = line + 1
            elif self.lines[line].strip(" "):
                break
        text = "\n".join(each[indent:] for each in self.lines[begin + 1 : end])
        if keeps_end and end < len(self.lines):  # the last line of a file may lack its break
            text += "\n"
        self.line = end - 1
        self.advance()
        return LineNode("scalar", f"{TAG}str", text, Line(begin), "|")


def _scalar(match: re.Match[str], line: int) -> LineNode:
    text = match["plain"]
    if text is not None:
        return _plain(text.rstrip(" "), line)
    text = match["double"]
    if text is not None:
        text = json.loads(f'"{text}"') if "\\" in text else text
        return LineNode("scalar", f"{TAG}str", text, Line(line), '"')
    return LineNode("scalar", f"{TAG}str", match["single"].replace("''", "'"), Line(line), "'")


def _plain(text: str, line: int) -> LineNode:
    if text in _BOOLEANS:
        kind = "bool"
    elif text in _NULLS:
        kind = "null"
    elif text[0] not in "-+.0123456789":
        kind = "str"
    elif _WHOLE.fullmatch(text) is not None:
        kind = "int"
    elif _DECIMAL.fullmatch(text) is not None:
        kind = "float"
    elif _MAYBE_NUMBER.fullmatch(text) is not None:
        raise _Unsure
    else:
        kind = "str"
    return LineNode("scalar", f"{TAG}{kind}", text, Line(line))


def _nothing(line: int) -> LineNode:
    return LineNode("scalar", f"{TAG}null", "", Line(line))
