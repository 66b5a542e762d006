"""Reads vectors of words: text of word2vec, GloVe and fastText, and word2vec's binary files.

A text file has a word and its numbers on each line, separated by blanks; a first line with two
numbers says how many words there are, and how wide they are. A binary file has such a first line,
and then words, a blank behind each, and float32 numbers. Files are read as streams, and only the
rows that are asked for are kept.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from gossamer.data.errors import DataError, Location
from gossamer.nlu.featurizers.vectors.lookup import Floats, WordVectors, scale_of
from gossamer.nlu.featurizers.vectors.source_files import opened
from gossamer.nn.ops.rounding import ByteRows

_LONGEST_LINE = 2**20
_LONGEST_WORD = 2**12
_MOST_COLUMNS = 10_000
_ROWS_AT_A_TIME = 1024
_FLOAT = 4
_NOT_READ = {
    ".zip": "unpacking it",
    ".ftz": "the .vec file of the same vectors",
    ".npy": "a text file of vectors",
    ".kv": "gensim's save_word2vec_format",
    ".magnitude": "the text file it was made of",
}


class WordFile(NamedTuple):
    """What was read of a file.

    Attributes:
        vectors: those that are kept.
        n_rows: of the file.
        n_repeated: rows of words that had one before; the first counts.
    """

    vectors: WordVectors
    n_rows: int
    n_repeated: int


class _Row(NamedTuple):
    word: str
    numbers: bytes | list[bytes]
    line: int | None


def check_word_file(path: Path) -> None:
    """Read the first row, to find out whether a file is one of vectors.

    Raises:
        DataError: it is not.
    """
    _read(path, frozenset(), 1, most_rows=1)


def read_word_file(path: Path, words: Collection[str], additional: int) -> WordFile:
    """Read a file of word vectors.

    Args:
        path: the file; `.gz` is unpacked, `.bin` is binary.
        words: whose rows are kept.
        additional: how many of the first other rows are kept.

    Raises:
        DataError: it is no such file, with the line of a text file that is not valid. Numbers are
            read of the rows that are kept only.
    """
    return _read(path, words, additional)


def _read(
    path: Path, words: Collection[str], additional: int, *, most_rows: int | None = None
) -> WordFile:
    hint = _NOT_READ.get(path.suffix)
    if hint is not None:
        raise DataError(
            "vectors must be in a text file or word2vec's binary format",
            got=path.name,
            hint=hint,
        )
    keeper = _Keeper(path)
    n_rows = n_repeated = 0
    is_binary = path.name.removesuffix(".gz").endswith(".bin")
    with opened(path) as file:
        for row in (_binary_rows if is_binary else _text_rows)(file, path):
            if row.word in keeper.names:
                n_repeated += 1
            elif row.word in words:
                keeper.add(row)
            elif additional > 0:
                additional -= 1
                keeper.add(row)
            n_rows += 1
            if n_rows == most_rows:
                break
    if n_rows == 0:
        raise DataError("a file of vectors must have a row", where=Location(path))
    return WordFile(keeper.vectors(), n_rows, n_repeated)


class _Keeper:
    """Collects rows, in bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.names: dict[str, None] = {}
        self._width = 0
        self._rows: list[Floats] = []
        self._values: list[ByteRows] = []

    def add(self, row: _Row) -> None:
        numbers = self._numbers(row)
        self._width = len(numbers)
        self._rows.append(numbers)
        self.names[row.word] = None
        if len(self._rows) == _ROWS_AT_A_TIME:
            self._pack()

    def vectors(self) -> WordVectors:
        self._pack()
        empty = ByteRows(np.zeros((0, self._width), np.int8), np.zeros(0, np.int16))
        values, exponents = map(np.concatenate, zip(empty, *self._values, strict=True))
        rows = ByteRows(values, exponents)
        return WordVectors(list(self.names), rows, scale=scale_of(rows))

    def _pack(self) -> None:
        if self._rows:
            self._values.append(ByteRows.nearest(np.array(self._rows)))
            self._rows = []

    def _numbers(self, row: _Row) -> Floats:
        where = Location(self._path, row.line)
        if isinstance(row.numbers, bytes):
            numbers = np.frombuffer(row.numbers, dtype="<f4").astype(np.float32)
        else:
            try:
                numbers = np.array([float(number) for number in row.numbers], dtype=np.float64)
            except ValueError as problem:
                raise DataError(
                    f"a vector must be numbers: that of '{row.word}' is not",
                    got=str(problem).removeprefix("could not convert string to float: b"),
                    where=where,
                ) from None
        if not np.isfinite(numbers).all() or np.abs(numbers).max() > np.finfo(np.float32).max:
            raise DataError(
                f"numbers of a vector must be finite: those of '{row.word}' are not", where=where
            )
        return numbers.astype(np.float32)


def _text_rows(file: IO[bytes], path: Path) -> Iterator[_Row]:
    width, n_told = 0, None
    number = n_rows = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        where = Location(path, number)
        if len(line) == _LONGEST_LINE or b"\0" in line:
            raise DataError(
                "a text file of vectors must have one word and its numbers on each line",
                got=line[:20],
                where=where,
                hint="a name that ends in .bin where it is word2vec's binary format",
            )
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
            n_told, width = _header(line, where)
            if n_told is not None:
                continue
        fields = line.split() if b"\t" in line else line.rstrip().split(b" ")
        if fields in ([], [b""]):  # a blank line
            continue
        if not _fits(fields, width):
            raise DataError(
                f"every row must have a word and {width} numbers, as the first line says",
                got=f"{len(fields)} parts: {line[:40]!r}",
                where=where,
            )
        n_rows += 1
        yield _Row(_decoded(b" ".join(fields[:-width]), where), fields[-width:], number)
    if n_told is not None and n_rows != n_told:
        raise DataError(
            f"there must be as many words as the first line says, {n_told}",
            got=n_rows,
            where=Location(path),
            hint="the whole file",
        )


def _fits(fields: list[bytes], width: int) -> bool:
    """Whether a row has this width; the words of some rows of GloVe hold blanks."""
    if len(fields) <= width + 1:
        return len(fields) == width + 1
    try:
        float(fields[-width - 1])
    except ValueError:
        return True
    return False


def _header(line: bytes, where: Location) -> tuple[int | None, int]:
    """How many words the first line says there are, None where it is one; the width of rows."""
    fields = line.split()
    if len(fields) == 2 and all(map(bytes.isdigit, fields)):
        n_words, width = map(int, fields)
    else:
        n_words, width = None, len(fields) - 1
    if not 1 <= width <= _MOST_COLUMNS:
        raise DataError(
            f"a file of vectors must begin with a word and its numbers, at most {_MOST_COLUMNS}, "
            "or with the number of words and their width",
            got=line[:40],
            where=where,
        )
    return n_words, width


def _binary_rows(file: IO[bytes], path: Path) -> Iterator[_Row]:
    where = Location(path)
    first = file.readline(_LONGEST_LINE)
    fields = first.split()
    if len(fields) != 2 or not all(map(bytes.isdigit, fields)):
        raise DataError(
            "a binary file of vectors must begin with the number of words and their width, as "
            "word2vec's do; those of fastText cannot be read",
            got=first[:20],
            where=where,
            hint="the .vec file of the same vectors",
        )
    n_words, width = _header(first, where)
    for number in range(1, (n_words or 0) + 1):
        word = bytearray()
        while (sign := file.read(1)) not in (b" ", b"") and len(word) < _LONGEST_WORD:
            word += sign
        numbers = file.read(_FLOAT * width)
        if sign != b" " or len(numbers) < _FLOAT * width:
            raise DataError(
                f"the first line says that there are {n_words} words of {width} numbers",
                got=f"the end of the file in word {number}",
                where=where,
                hint="the whole file",
            )
        yield _Row(_decoded(bytes(word).lstrip(b"\n"), where), numbers, None)


def _decoded(word: bytes, where: Location) -> str:
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(
            "words must be in UTF-8", got=word, where=where, hint="saving the file as UTF-8"
        ) from None
