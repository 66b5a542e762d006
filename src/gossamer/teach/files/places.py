"""Where the parts of a YAML file are, and how lists and mappings of it grow and shrink.

All of it works with nodes as `gossamer.data.text.yaml_nodes.read_nodes` gives them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from gossamer.data.errors import DataError
from gossamer.data.text.yaml_nodes import TAG
from gossamer.teach.files.source import SourceFile, Splice


def entries(mapping: Any) -> dict[str, tuple[Any, Any]]:
    """Keys and values of a mapping by the key's text, those that are merged (`<<`) included."""
    merged: dict[str, tuple[Any, Any]] = {}
    own: dict[str, tuple[Any, Any]] = {}
    for key, value in mapping.value:
        if key.tag == f"{TAG}merge":
            for part in value.value if value.id == "sequence" else [value]:
                merged = entries(part) | merged
        elif key.id == "scalar":
            own[key.value] = (key, value)
    return merged | own


def is_null(node: Any) -> bool:
    """Whether a node is a null."""
    return bool(node.id == "scalar" and node.tag == f"{TAG}null")


def is_block(node: Any) -> bool:
    """Whether a list or mapping is written in lines, not in brackets."""
    return node.id != "scalar" and not node.flow_style


def refuse_shared(file: SourceFile, node: Any) -> None:
    """Refuse to change what an anchor gives to another place, too.

    Raises:
        DataError: an alias stands for it.
    """
    if id(node) in file.shared:
        raise DataError(
            "what is taught cannot go into a part of a file that an anchor ('&') shares with "
            "another",
            where=file.where(node.start_mark.index),
            hint="write the part twice, without anchor and alias ('*')",
        )


def last_line(file: SourceFile, node: Any) -> int:
    """The last line that holds some of a node; comments and blank lines after it do not count."""
    if node.id == "scalar":
        if node.style in ("|", ">"):
            return _last_of_block(file, node)
        return file.line_of(max(node.start_mark.index, node.end_mark.index - 1))
    if node.flow_style:
        return file.line_of(node.end_mark.index - 1)
    first = file.line_of(node.start_mark.index)
    if node.id == "sequence":
        return max((last_line(file, item) for item in node.value), default=first)
    last = first
    for key, value in node.value:
        last = max(last, last_line(file, key))
        if not _is_left_out(value):  # readers differ on where it is
            last = max(last, last_line(file, value))
    return last


def _is_left_out(node: Any) -> bool:
    return node.id == "scalar" and node.value == "" and not node.style


def block_lines(file: SourceFile, node: Any) -> range:
    """The lines of a block text (`|`), its header left out, to the last that is not blank."""
    return range(file.line_of(node.start_mark.index) + 1, _last_of_block(file, node) + 1)


def _last_of_block(file: SourceFile, node: Any) -> int:
    first = file.line_of(node.start_mark.index)
    if node.style == "|":  # each line of the value is one of the file
        n_lines = len(node.value.removesuffix("\n").split("\n")) if node.value else 0
        last = min(first + n_lines, file.n_lines - 1)
    else:
        last = file.line_of(node.end_mark.index)
        if last > first and file.column_of(node.end_mark.index) == 0:
            last -= 1
    while last > first and not file.line(last).strip(" "):
        last -= 1
    return last


def dash_line(file: SourceFile, items: Any, item: Any) -> int:
    """The line with the dash of an item of a list."""
    column = file.column_of(items.start_mark.index)
    line = file.line_of(item.start_mark.index)
    while line > 0 and file.line(line)[column : column + 1] != "-":
        line -= 1
    return line


def append_item(
    file: SourceFile,
    key: Any,
    items: Any,
    lines: Sequence[str],
    flow: str | None,
    *,
    after: int | None = None,
) -> Splice:
    """Adds an item to a list.

    Args:
        file: the file.
        key: the list's key.
        items: the list, or a null.
        lines: the item with its dash, its first line at column 0.
        flow: the item as it is written in brackets; None where it must not be.
        after: the item that it follows; None: the last.

    Raises:
        DataError: the list cannot grow.
    """
    refuse_shared(file, items)
    if items.id == "sequence" and items.value:
        last = items.value[-1 if after is None else after]
        if is_block(items) and not _is_left_out(last):
            indent = " " * file.column_of(items.start_mark.index)
            blank = [""] if _is_spaced(file, items) else []
            return file.insert_after(last_line(file, last), [*blank, *indented(lines, indent)])
        if is_block(items) or flow is None:
            raise _unwritable(file, items)
        return Splice(last.end_mark.index, last.end_mark.index, f", {flow}")
    if not is_block_parent(file, key):
        raise _unwritable(file, key)
    indented_lines = indented(lines, " " * file.column_of(key.start_mark.index))
    if _is_left_out(items):
        return file.insert_after(file.line_of(key.end_mark.index - 1), indented_lines)
    if is_null(items) or (items.id == "sequence" and not items.value):
        text = "".join(f"\n{line}" for line in indented_lines)
        start = items.start_mark.index
        blanks = len(file.text[:start]) - len(file.text[:start].rstrip(" "))
        return Splice(start - blanks, items.end_mark.index, text)
    raise _unwritable(file, items)


def is_block_parent(file: SourceFile, key: Any) -> bool:
    """Whether nothing but blanks and dashes is before a key in its line."""
    before = file.text[file.line_start(file.line_of(key.start_mark.index)) : key.start_mark.index]
    return not before.strip(" -")


def _is_spaced(file: SourceFile, items: Any) -> bool:
    """Whether there are blank lines between the last two items of a list."""
    if len(items.value) < 2:
        return False
    before, last = items.value[-2:]
    end = last_line(file, before)
    return any(not file.line(n).strip() for n in range(end + 1, dash_line(file, items, last)))


def add_key(file: SourceFile, mapping: Any, lines: Sequence[str]) -> Splice:
    """Adds a key, with what is below it, after the last one of a mapping in lines.

    Raises:
        DataError: the mapping is written in brackets.
    """
    refuse_shared(file, mapping)
    if not is_block(mapping) or not mapping.value:
        raise _unwritable(file, mapping)
    indent = " " * file.column_of(mapping.start_mark.index)
    return file.insert_after(last_line(file, mapping), indented(lines, indent))


def indented(lines: Sequence[str], indent: str) -> list[str]:
    """Lines moved to the right, empty ones left empty."""
    return [f"{indent}{line}" if line else "" for line in lines]


def remove_items(
    file: SourceFile, key: Any, items: Any, numbers: Collection[int], *, others_come: bool = False
) -> list[Splice]:
    """Takes items out of a list; a list that would be empty is written `[]`.

    Args:
        file: the file.
        key: the list's key.
        items: the list.
        numbers: which items.
        others_come: whether other items are added at the same time.

    Raises:
        DataError: an anchor shares the list or an item.
    """
    refuse_shared(file, items)
    gone = sorted(set(numbers))
    for number in gone:
        refuse_shared(file, items.value[number])
    if not is_block(items):
        return _remove_from_brackets(items, gone)
    splices: list[Splice] = []
    is_empty = len(gone) == len(items.value) and not others_come
    if is_empty:
        colon = file.text.index(":", key.end_mark.index) + 1
        splices.append(Splice(colon, colon, " []"))
    for number in gone:
        item = items.value[number]
        first, last = dash_line(file, items, item), last_line(file, item)
        if not is_empty and _is_blank(file, first - 1) and _is_blank(file, last + 1):
            first -= 1
        splices.append(file.delete_lines(first, last))
    return splices


def _remove_from_brackets(items: Any, gone: Sequence[int]) -> list[Splice]:
    """With the comma after an item, or before it where an item that stays is before it."""
    splices: list[Splice] = []
    n_first = 0  # items that go, from the first one on
    for number in gone:
        item = items.value[number]
        start, end = item.start_mark.index, item.end_mark.index
        if number == n_first:
            n_first += 1
            if number + 1 < len(items.value):
                end = items.value[number + 1].start_mark.index
        else:
            start = items.value[number - 1].end_mark.index
        splices.append(Splice(start, end, ""))
    return splices


def _is_blank(file: SourceFile, line: int) -> bool:
    return line >= 0 and (line >= file.n_lines or not file.line(line).strip())


def _unwritable(file: SourceFile, node: Any) -> DataError:
    return DataError(
        "what is taught must be able to go into the list that it belongs to",
        where=file.where(node.start_mark.index),
        hint="write the list in lines, each item after a dash",
    )
