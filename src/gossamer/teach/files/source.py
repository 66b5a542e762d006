r"""A file of a project: its text as it is on the disk, as readers see it, and edits between both.

Readers drop a byte order mark and make `\r\n` to `\n`. An edit is found in that text and done in
the text of the disk, whose other characters stay.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.nlu.formats.rasa_yaml import parse_rasa_yaml
from gossamer.data.nlu.reading import NLU_FILES
from gossamer.data.stories.reading import STORY_FILES
from gossamer.data.stories.steps import StoryData
from gossamer.data.text.text_files import decoded_text
from gossamer.data.text.yaml_nodes import read_nodes
from gossamer.data.text.yaml_tree import ESCAPE, YamlMapping, parse_yaml_tree


@dataclass(frozen=True, slots=True)
class Splice:
    r"""Characters `start` to `end` of the text are replaced by `new`, whose lines end in `\n`."""

    start: int
    end: int
    new: str


@dataclass(frozen=True)
class SourceFile:
    """A text file of a project.

    Attributes:
        path: where it was found.
        raw: its text as it is on the disk.
    """

    path: Path
    raw: str

    @functools.cached_property
    def text(self) -> str:
        r"""As readers see it: without byte order mark, lines ending in `\n`."""
        return decoded_text(self.raw.encode("utf-8"), self.path)

    @functools.cached_property
    def nlu(self) -> TrainingData | None:
        """Its NLU data; None where it has none."""
        parser = NLU_FILES.parser(self.text, self.path)
        return None if parser is None else parser(self.text, self.path)

    @functools.cached_property
    def is_nlu_yaml(self) -> bool:
        """Whether its NLU data are YAML."""
        return NLU_FILES.parser(self.text, self.path) is parse_rasa_yaml

    @functools.cached_property
    def stories(self) -> StoryData | None:
        """Its stories and rules; None where it has none."""
        parser = STORY_FILES.parser(self.text, self.path)
        return None if parser is None else parser(self.text, self.path)

    @functools.cached_property
    def tree(self) -> YamlMapping:
        """The whole YAML file.

        Raises:
            DataError: it is not a mapping.
        """
        tree = parse_yaml_tree(self.text, self.path)
        if not isinstance(tree, YamlMapping):
            raise DataError("a YAML file must be a mapping", where=Location(self.path))
        return tree

    @functools.cached_property
    def root(self) -> Any:
        """The node of the whole YAML file, with positions, as `read_nodes` gives it."""
        return read_nodes(self.text, self.path, DataError)

    @functools.cached_property
    def shared(self) -> frozenset[int]:
        """The `id` of each node that an alias stands for, and of the nodes in it."""
        seen: set[int] = set()
        shared: set[int] = set()

        def walk(node: Any, *, is_shared: bool) -> None:
            is_shared = is_shared or id(node) in seen
            if is_shared and id(node) in shared:
                return
            seen.add(id(node))
            if is_shared:
                shared.add(id(node))
            if node.id == "sequence":
                for item in node.value:
                    walk(item, is_shared=is_shared)
            elif node.id == "mapping":
                for key, value in node.value:
                    walk(key, is_shared=is_shared)
                    walk(value, is_shared=is_shared)

        walk(self.root, is_shared=False)
        return frozenset(shared)

    @functools.cached_property
    def has_ascii_escapes(self) -> bool:
        r"""Whether `\u00e9` in it means a character: readers decode that in pure ASCII only."""
        return self.text.isascii() and ESCAPE.search(self.text) is not None

    @functools.cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        position = self.text.find("\n")
        while position >= 0:
            starts.append(position + 1)
            position = self.text.find("\n", position + 1)
        return starts

    @property
    def n_lines(self) -> int:
        """Number of lines; what follows the last line end is one, if only an empty one."""
        return len(self._starts)

    def line_of(self, index: int) -> int:
        """The line (from 0) of a character."""
        return bisect_right(self._starts, index) - 1

    def column_of(self, index: int) -> int:
        """The column (from 0) of a character."""
        return index - self._starts[self.line_of(index)]

    def line_start(self, line: int) -> int:
        """Index of a line's first character; that of the end for a line after the last."""
        return self._starts[line] if line < self.n_lines else len(self.text)

    def line_end(self, line: int) -> int:
        """Index after a line's last character, where its line end is."""
        return len(self.text) if line + 1 >= self.n_lines else self._starts[line + 1] - 1

    def line(self, number: int) -> str:
        """A line without its end."""
        return self.text[self.line_start(number) : self.line_end(number)]

    def where(self, index: int) -> Location:
        """The place of a character, for errors."""
        return Location(self.path, self.line_of(index) + 1)

    def insert_after(self, line: int, lines: Sequence[str]) -> Splice:
        """Adds lines after a line; what ends the file without a line end, still does."""
        if line + 1 < self.n_lines:
            start = self.line_start(line + 1)
            return Splice(start, start, "".join(f"{new}\n" for new in lines))
        end = len(self.text)
        return Splice(end, end, "".join(f"\n{new}" for new in lines))

    def delete_lines(self, first: int, last: int) -> Splice:
        """Takes out lines, with their ends."""
        return Splice(self.line_start(first), self.line_start(last + 1), "")

    def edited(self, splices: Sequence[Splice]) -> str:
        """The text for the disk with all splices done; they must not overlap.

        Splices at one place are done in their order.
        """
        shift = 1 if self.raw.startswith("\ufeff") else 0
        kept = _Offsets(self.raw, shift)
        pieces: list[str] = []
        done = 0
        for splice in sorted(splices, key=lambda splice: (splice.start, splice.end)):
            start, end = kept.offset(splice.start), kept.offset(splice.end)
            if start < done:
                raise DataError(
                    "what is taught must change places of a file that are apart",
                    where=self.where(splice.start),
                )
            pieces += (self.raw[done:start], splice.new.replace("\n", kept.line_end(start)))
            done = end
        pieces.append(self.raw[done:])
        return "".join(pieces)


class _Offsets:
    r"""From characters of the text, in which `\r\n` is one, to those of the disk."""

    def __init__(self, raw: str, shift: int) -> None:
        self._raw = raw
        self._shift = shift
        self._breaks: list[int] = []  # where in the text a `\n` was `\r\n`
        position = raw.find("\r\n")
        while position >= 0:
            self._breaks.append(position - shift - len(self._breaks))
            position = raw.find("\r\n", position + 2)
        self._usual = "\r\n" if 2 * len(self._breaks) > raw.count("\n") else "\n"

    def offset(self, index: int) -> int:
        return index + self._shift + bisect_right(self._breaks, index - 1)

    def line_end(self, offset: int) -> str:
        """The end of lines that are added at an offset: the one before it, else that of most."""
        if self._raw.endswith("\n", 0, offset):
            return "\r\n" if self._raw.endswith("\r\n", 0, offset) else "\n"
        return self._usual
