"""Reads clusters of words: Brown clusters as paths of bits, spaCy's tables, and plain lists.

Four kinds of files, recognised by their names and first lines; `.gz` is unpacked:

- Brown's `paths`: path of bits, word and count on each line, with tabs between them.
- word and cluster on each line, with a tab between them; a cluster is any text, without a path.
- `.json` of spaCy's lookups data: words and numbers, whose bits from the lowest on are the path;
  0 is no cluster.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from gossamer.data.errors import DataError, Location
from gossamer.nlu.featurizers.vectors.source_files import opened

PATH_BITS = 20
"""Bits of the paths of spaCy's numbers, which have lost the zeros at their end."""
_LONGEST_LINE = 2**16
_MOST_JSON = 2**29
_BROWN, _PLAIN = 3, 2  # fields


class Clusters(NamedTuple):
    """Clusters by word, the most frequent words first.

    Attributes:
        of_word: a path of bits, or any other name.
        are_paths: whether prefixes of paths mean something.
        n_rows: words of the file.
    """

    of_word: dict[str, str]
    are_paths: bool
    n_rows: int


def check_cluster_file(path: Path) -> None:
    """Read the first line. Raises `DataError` where a file is none of clusters."""
    if not _is_json(path):
        next(_lines(path), None)


def read_cluster_file(path: Path, words: Collection[str], additional: int) -> Clusters:
    """Read clusters.

    Args:
        path: the file.
        words: whose clusters are kept.
        additional: of how many other words, the most frequent ones: those with the highest counts,
            or the first ones of a file without counts.

    Raises:
        DataError: it is no such file, with the line that is not valid.
    """
    if _is_json(path):
        rows, are_paths = list(_json_rows(path)), True
    else:
        found = list(_lines(path))
        are_paths = all(row.n_seen is not None for row in found[:1])
        found.sort(key=lambda row: -(row.n_seen or 0))  # stable
        rows = [(row.word, row.cluster) for row in found]
    if not rows:
        raise DataError("a file of clusters must have a row", where=Location(path))
    kept: dict[str, str] = {}
    for word, cluster in rows:
        if word not in kept and (word in words or additional > 0):
            additional -= word not in words
            kept[word] = cluster
    return Clusters(kept, are_paths, len(rows))


class _Row(NamedTuple):
    word: str
    cluster: str
    n_seen: int | None


def _is_json(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith(".json")


def _json_rows(path: Path) -> Iterator[tuple[str, str]]:
    with opened(path) as file:
        raw = file.read(_MOST_JSON)
    try:
        table = json.loads(raw)
    except (ValueError, RecursionError) as problem:
        raise DataError(
            "a file of clusters must be JSON, as its name says",
            got=str(problem),
            where=Location(path),
        ) from None
    if not isinstance(table, dict):
        raise DataError(
            "the JSON of clusters must be an object of words and numbers", where=Location(path)
        )
    for word, number in table.items():
        if type(number) is not int or not 0 <= number < 2**PATH_BITS:
            raise DataError(
                f"the cluster of '{word}' must be a number below 2 to the power {PATH_BITS}",
                got=number,
                where=Location(path),
            )
        if number > 0:
            yield word, f"{number:0{PATH_BITS}b}"[::-1]


def _lines(path: Path) -> Iterator[_Row]:
    n_fields, number = 0, 0
    with opened(path) as file:
        while line := file.readline(_LONGEST_LINE):
            number += 1
            where = Location(path, number)
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError:
                raise DataError("a file of clusters must be UTF-8", got=line, where=where) from None
            if not text.strip():
                continue
            fields = text.split("\t")
            n_fields = n_fields or len(fields)
            if n_fields not in (_BROWN, _PLAIN) or len(fields) != n_fields:
                raise DataError(
                    "lines of clusters must have path, word and count, or word and cluster, all "
                    "lines the same, with tabs between them",
                    got=text[:60],
                    where=where,
                )
            yield _brown_row(fields, where) if n_fields == _BROWN else _plain_row(fields, where)


def _plain_row(fields: list[str], where: Location) -> _Row:
    word, cluster = fields[0], fields[1].strip()
    if not cluster:
        raise DataError(f"'{word}' must have a cluster", where=where)
    return _Row(word, cluster, None)


def _brown_row(fields: list[str], where: Location) -> _Row:
    path, word, count = fields
    if not path or set(path) - {"0", "1"}:
        raise DataError("a path must be bits, 0 and 1", got=path, where=where)
    if not (count.strip().isascii() and count.strip().isdigit()):
        raise DataError(f"the count of '{word}' must be a number", got=count, where=where)
    return _Row(word, path, int(count))
