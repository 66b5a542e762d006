"""Where vectors come from: the files of the option `vectors`, and the reader for them."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from gossamer.nlu.featurizers.vectors.lookup import Vectors, wanted
from gossamer.nlu.featurizers.vectors.piece_files import (
    PieceFiles,
    check_piece_files,
    piece_files,
    read_piece_files,
)
from gossamer.nlu.featurizers.vectors.source_files import existing
from gossamer.nlu.featurizers.vectors.word_files import check_word_file, read_word_file


class Source(NamedTuple):
    """The files that vectors are in: one of words, or the two of pieces of words."""

    files: tuple[Path, ...]

    @classmethod
    def of(cls, name: str) -> Source:
        """What the option `vectors` names.

        Raises:
            ConfigError: there is no such file, folder or package, or a folder lacks a file.
        """
        path = existing(name, option="vectors")
        return cls(tuple(piece_files(path)) if path.is_dir() else (path,))

    def check(self) -> None:
        """Find out whether the files are what they should be, without reading large ones.

        Raises:
            DataError: they are not.
        """
        if len(self.files) == 1:
            check_word_file(self.files[0])
        else:
            check_piece_files(PieceFiles(*self.files))

    def read(self, words: Collection[str], *, additional: int, owner: str) -> Vectors:
        """The vectors of these words and of others; warns where the file has few of them.

        Args:
            words: of the training data.
            additional: how many other words, the first of the file; all pieces are read.
            owner: whose they are, for warnings.

        Raises:
            DataError: a file cannot be read.
        """
        if len(self.files) != 1:
            return read_piece_files(PieceFiles(*self.files))
        (path,) = self.files
        found = read_word_file(path, wanted(words), additional)
        n_known = sum(bool(found.vectors.found(word)) for word in words)
        if n_known * 2 < len(words):
            warnings.warn(
                f"{owner}: {path} has vectors for {n_known} of the {len(words)} words of the "
                f"training data, among {found.n_rows}; is it of their language?",
                stacklevel=2,
            )
        if found.n_repeated:
            warnings.warn(
                f"{owner}: {path} has {found.n_repeated} rows of words that had one before; the "
                "first counts",
                stacklevel=2,
            )
        return found.vectors
