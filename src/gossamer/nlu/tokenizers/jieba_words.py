"""Jieba with the words of a project, without its messages and its file of words."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from gossamer.data.errors import DataError, Location
from gossamer.data.text.text_files import read_text

_LINE = re.compile(r"(\S.*?)(?: +([0-9]+))?(?: +([a-z]+))?")
_LARGEST_COUNT = 10**9
_LONGEST = 200  # characters; jieba keeps each beginning of a word


class UserWord(NamedTuple):
    """A word of a dictionary.

    Attributes:
        text: the word.
        frequency: how often it occurs; None for as often as makes jieba keep it whole.
    """

    text: str
    frequency: int | None

    @classmethod
    def fits(cls, item: Any) -> bool:
        """Whether a stored item is the text and the count of a word."""
        return (
            isinstance(item, list)
            and len(item) == 2
            and isinstance(item[0], str)
            and 0 < len(item[0]) <= _LONGEST
            and (item[1] is None or (type(item[1]) is int and 0 <= item[1] <= _LARGEST_COUNT))
        )


def read_user_words(name: str | None, where: Location | None = None) -> tuple[UserWord, ...]:
    """The words of a dictionary, or of all dictionaries in a folder, by their names.

    Args:
        name: of the file or folder; None for no words.
        where: the place that names it.

    Raises:
        DataError: there is no such file, no file in the folder, or one cannot be read.
    """
    if name is None:
        return ()
    path = Path(name)
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        files = [file for file in files if file.is_file()]
    except OSError:  # a name too long
        files = []
    if not files:
        raise DataError(
            "dictionary_path must be a dictionary of jieba, or a folder of them",
            got=name,
            where=where,
            hint=f"is there a file {path.absolute()}? The path is relative to the folder in which "
            "training runs",
        )
    return tuple(word for file in files for word in _words_of(file))


def jieba_with(words: Sequence[UserWord]) -> Any:
    """A tokenizer of jieba that knows some words more."""
    standard = _standard_jieba()
    if not words:
        return standard
    known = type(standard)()
    known.FREQ, known.total, known.initialized = dict(standard.FREQ), standard.total, True
    for word in words:
        known.add_word(word.text, word.frequency)
    return known


@cache
def _standard_jieba() -> Any:
    """The tokenizer of jieba with its own words, read from its own file.

    `initialize` of jieba would look for them in the folder for temporary files first, where another
    user may have put a file that ends this process (`marshal`).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its patterns, and of the way it finds its file
        import jieba
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


def _words_of(path: Path) -> list[UserWord]:
    words = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None or _is_too_large(match[2]):
            raise DataError(
                "a line of a dictionary must have a word, its count and its part of speech",
                got=line,
                where=Location(path, number),
                hint=f"'云计算 5 n'; counts go up to {_LARGEST_COUNT:,}",
            )
        if len(match[1]) > _LONGEST:
            raise DataError(
                f"a word of a dictionary may have {_LONGEST} characters",
                got=f"{len(match[1])}: {match[1][:20]}...",
                where=Location(path, number),
                hint="a word a line",
            )
        words.append(UserWord(match[1], None if match[2] is None else int(match[2])))
    return words


def _is_too_large(count: str | None) -> bool:
    return count is not None and (len(count) > 10 or int(count) > _LARGEST_COUNT)
