"""Examples in a YAML file of NLU data: where each is, and how one comes, goes or changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Example
from gossamer.data.nlu.formats.annotations import annotate
from gossamer.data.nlu.formats.rasa_yaml_writer import fits_line, listed_text
from gossamer.data.text.yaml_writer import double_quoted, yaml_entry, yaml_text
from gossamer.teach.files.places import (
    append_item,
    block_lines,
    entries,
    indented,
    is_block,
    is_null,
    last_line,
    refuse_shared,
    remove_items,
)
from gossamer.teach.files.source import SourceFile, Splice

_BLANKS: Final = " \r\n"
_DASH = re.compile(r" *-[ ]*")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an example is.

    Attributes:
        example: the example.
        number: which of the file's examples it is, from 0.
        item: which item of `nlu` it is in.
        line: its line, in a block of lines; else None.
        entry: which entry it is of a list of examples; None in a block or in a quoted text.
    """

    example: Example
    number: int
    item: int
    line: int | None
    entry: int | None


@dataclass(slots=True)
class NluEdits:
    """Changes of a file's examples that are collected and then done together.

    Attributes:
        file: the file; its NLU data are YAML.
        splices: what changes in its text.
        removed: numbers of the examples that go.
        changed: numbers of those that change, and what they become.
        added: examples that come, by the number of the one that they follow (-1: none).
    """

    file: SourceFile
    splices: list[Splice] = field(default_factory=list)
    removed: set[int] = field(default_factory=set)
    changed: dict[int, Example] = field(default_factory=dict)
    added: dict[int, list[Example]] = field(default_factory=dict)
    _grown: set[int] = field(default_factory=set)
    _has_new_item: bool = False

    def expected(self) -> tuple[Example, ...]:
        """The examples that the file has when all is done."""
        result = list(self.added.get(-1, ()))
        for number, example in enumerate(_examples(self.file)):
            if number not in self.removed:
                result.append(self.changed.get(number, example))
            result += self.added.get(number, ())
        return tuple(result)

    def places(self) -> list[Place]:
        """Where each example is.

        Raises:
            DataError: the file's layout is not understood.
        """
        examples = _examples(self.file)
        found = list(self._places())
        if len(found) != len(examples):
            raise DataError(
                "the examples of a file must be in a layout that can be taught",
                where=self.file.where(self._nlu()[0].start_mark.index),
                hint="write them in lines: 'examples: |', and below it a dash before each",
            )
        return [
            Place(example=example, number=number, item=item, line=line, entry=entry)
            for number, (example, (item, line, entry)) in enumerate(
                zip(examples, found, strict=True)
            )
        ]

    def remove(self, gone: Sequence[Place]) -> None:
        """Takes out examples, after others have come or changed; an item that has none left goes.

        Raises:
            DataError: an example is in a place that cannot be changed.
        """
        key, items = self._nlu()
        places = self.places()
        going = {place.number for place in gone}
        whole: list[int] = []
        for number in sorted({place.item for place in gone}):
            own = [place for place in places if place.item == number]
            if number not in self._grown and all(place.number in going for place in own):
                whole.append(number)
            else:
                self._remove_from(number, [place for place in own if place.number in going])
        if whole:
            self.splices += remove_items(
                self.file, key, items, whole, others_come=self._has_new_item
            )
        self.removed |= going

    def _remove_from(self, number: int, gone: Sequence[Place]) -> None:
        """Takes examples out of an item that keeps others."""
        item = self._nlu()[1].value[number]
        key, examples = entries(item)["examples"]
        refuse_shared(self.file, item)
        refuse_shared(self.file, examples)
        numbers = [place.entry for place in gone if place.entry is not None]
        lines = [place.line for place in gone if place.line is not None]
        if len(numbers) + len(lines) < len(gone):
            raise self._refusal(examples)
        self.splices += (self.file.delete_lines(line, line) for line in lines)
        if numbers:
            self.splices += remove_items(self.file, key, examples, numbers, others_come=True)

    def change(self, place: Place, example: Example) -> bool:
        """Makes an example another one of the same intent, where it is; its metadata stay.

        Returns:
            Whether its place can hold it; if not, nothing is changed.

        Raises:
            DataError: the example is in a place that cannot be changed, or cannot be annotated.
        """
        text = annotate(example)
        item = self._nlu()[1].value[place.item]
        examples = entries(item)["examples"][1]
        refuse_shared(self.file, item)
        refuse_shared(self.file, examples)
        if place.line is not None:
            if not self._fits_line(text):
                return False
            start = self.file.line_start(place.line)
            dash = _DASH.match(self.file.line(place.line))
            assert dash is not None
            begin = dash[0] if dash[0].endswith(" ") else f"{dash[0]} "
            end = self.file.line_end(place.line)
            self.splices.append(Splice(start, end, begin + self._escaped(text)))
        elif place.entry is not None:
            entry = examples.value[place.entry]
            node = entries(entry)["text"][1]
            refuse_shared(self.file, node)
            end = node.end_mark.index
            if node.style in ("|", ">"):
                end = self.file.line_end(last_line(self.file, node))
            in_brackets = not is_block(examples) or not is_block(entry)
            written = self._escaped(listed_text(text, is_quoted=in_brackets))
            self.splices.append(Splice(node.start_mark.index, end, written))
        else:
            raise self._refusal(examples)
        self.changed[place.number] = replace(
            example,
            metadata=place.example.metadata,
            intent_metadata=place.example.intent_metadata,
        )
        return True

    def add(self, example: Example) -> None:
        """Adds an example to the block of its intent that has most of them, or as a new block.

        Raises:
            DataError: the block or the list of blocks cannot grow, or the text cannot be annotated.
        """
        text = annotate(example)
        key, items = self._nlu()
        places = self.places()
        sizes: dict[int, int] = {}
        for number, item in enumerate(_items(items)):
            own = [place.example.intent for place in places if place.item == number]
            if (own[0] if own else _intent(item)) == example.intent:
                sizes[number] = len(own)
        # First the largest block of the intent, then those whose form takes what it does not.
        numbers = sorted(sizes, key=lambda number: -sizes[number])
        if any(self._add_to(number, example, text, places) for number in numbers):
            return
        self._has_new_item = True
        new, flow = self._new_item(example, text), self._flow_item(example, text)
        # A new intent goes after the last one, before synonyms and the like that may follow.
        intents = [n for n, item in enumerate(_items(items)) if "intent" in entries(item)]
        after = numbers[0] if numbers else max(intents, default=None)
        self.splices.append(append_item(self.file, key, items, new, flow, after=after))
        self._follow(len(_items(items)) - 1 if after is None else after, example, places)

    def _add_to(self, number: int, example: Example, text: str, places: Sequence[Place]) -> bool:
        """Adds an example to an item, if its form allows."""
        item = self._nlu()[1].value[number]
        parts = entries(item)
        if "examples" not in parts:
            return False
        key, examples = parts["examples"]
        refuse_shared(self.file, item)
        refuse_shared(self.file, examples)
        metadata = next((p.example.intent_metadata for p in places if p.item == number), None)
        if metadata is None and "metadata" in parts and not is_null(parts["metadata"][1]):
            return False  # an item without examples, whose metadata are not known
        if examples.id == "scalar" and examples.style == "|":
            if not self._fits_line(text) or example.metadata is not None:
                return False
            lines = block_lines(self.file, examples)
            indent = self._line_indent(key, lines)
            last = lines[-1] if lines else self.file.line_of(examples.start_mark.index)
            self.splices.append(self.file.insert_after(last, [f"{indent}- {self._escaped(text)}"]))
        elif examples.id == "sequence" and examples.value:
            lines_of_entry = self._entry(example, text)
            quoted = self._escaped(listed_text(text, is_quoted=True))
            flow = None if example.metadata is not None else f"{{text: {quoted}}}"
            self.splices.append(append_item(self.file, key, examples, lines_of_entry, flow))
        else:
            return False
        self._grown.add(number)
        self._follow(number, replace(example, intent_metadata=metadata), places)
        return True

    def _line_indent(self, key: Any, lines: range) -> str:
        if lines:
            line = self.file.line(lines[-1])
            return line[: len(line) - len(line.lstrip(" "))]
        return " " * (self.file.column_of(key.start_mark.index) + 2)

    def _new_item(self, example: Example, text: str) -> list[str]:
        """The lines of an item with one example, laid out as the others of the file."""
        items = self._nlu()[1]
        gap, step = 2, 2
        for item in _items(items) if is_block(items) else ():
            column = self.file.column_of(item.start_mark.index)
            gap = column - self.file.column_of(items.start_mark.index)
            examples = entries(item).get("examples", (None, None))[1]
            if examples is not None and examples.id == "scalar" and examples.style == "|":
                lines = block_lines(self.file, examples)
                step = len(self._line_indent(item, lines)) - column if lines else step
        lead, indent = "-" + " " * (gap - 1), " " * gap
        assert example.intent is not None
        first = f"{lead}intent: {self._escaped(yaml_text(example.intent))}"
        if self._fits_line(text) and example.metadata is None:
            line = f"{indent}{' ' * step}- {self._escaped(text)}"
            return [first, f"{indent}examples: |", line]
        return [first, f"{indent}examples:", *indented(self._entry(example, text), indent)]

    def _entry(self, example: Example, text: str) -> list[str]:
        """The lines of an example in a list."""
        lines = [f"- text: {listed_text(text)}"]
        if example.metadata is not None:
            lines += indented(yaml_entry("metadata", example.metadata), "  ")
        return [self._escaped(line) for line in lines]

    def _flow_item(self, example: Example, text: str) -> str | None:
        """An item with one example in brackets; None if they cannot hold it."""
        if example.metadata is not None:
            return None
        assert example.intent is not None
        intent = double_quoted(example.intent)
        if self._fits_line(text):
            return self._escaped(f"{{intent: {intent}, examples: {double_quoted(f'- {text}')}}}")
        entry = f"{{text: {listed_text(text, is_quoted=True)}}}"
        return self._escaped(f"{{intent: {intent}, examples: [{entry}]}}")

    def _fits_line(self, text: str) -> bool:
        if self.file.has_ascii_escapes and not text.isascii() and "\\" in text:
            return False
        return fits_line(text)

    def _escaped(self, text: str) -> str:
        r"""A text with `\u00e9` where the file has that: one other sign would end its meaning."""
        if not self.file.has_ascii_escapes:
            return text
        return _NOT_ASCII.sub(lambda match: "".join(map(_escape, match[0])), text)

    def _follow(self, item: int, example: Example, places: Sequence[Place]) -> None:
        before = max((place.number for place in places if place.item <= item), default=-1)
        self.added.setdefault(before, []).append(example)

    def _nlu(self) -> tuple[Any, Any]:
        key, value = entries(self.file.root)["nlu"]
        return key, value

    def _places(self) -> Iterator[tuple[int, int | None, int | None]]:
        """Item, line and entry of each example."""
        items = self._nlu()[1]
        for number, item in enumerate(_items(items)):
            parts = entries(item)
            if "intent" not in parts or "examples" not in parts:
                continue
            examples = parts["examples"][1]
            if examples.id == "sequence":
                yield from ((number, None, entry) for entry in range(len(examples.value)))
            elif not is_null(examples):
                first = self.file.line_of(examples.start_mark.index) + 1
                for line, content in enumerate(examples.value.split("\n"), start=first):
                    if content.strip(_BLANKS):
                        yield number, line if examples.style == "|" else None, None

    def _refusal(self, examples: Any) -> DataError:
        return DataError(
            "an example that changes must be in a block of lines or in a list",
            where=self.file.where(examples.start_mark.index),
            hint="'examples: |', and below it a dash before each",
        )


def _examples(file: SourceFile) -> tuple[Example, ...]:
    return () if file.nlu is None else file.nlu.examples


def _items(node: Any) -> list[Any]:
    return list(node.value) if node.id == "sequence" else []


def _intent(item: Any) -> str | None:
    """The intent of an item without examples."""
    parts = entries(item)
    return str(parts["intent"][1].value).strip() if "intent" in parts else None


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
