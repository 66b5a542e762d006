"""The regular expressions and lookup tables of training data, as patterns to search with."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gossamer.data.errors import DataError, Location, ModelFileError, place_prefix
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.data.text.regexes import Regex, RegexError, RegexTimeout
from gossamer.nlu.words import word_letter

_DEEPEST_SHARED_PREFIX = 24
_ALL_PATTERNS = 4  # as long as one pattern may take on a text, all of them may
_WORD = re.compile(r"\w")
_NOTHING = r"(?!)"  # matches nothing


@dataclass(frozen=True, slots=True)
class NamedPattern:
    """A regular expression with the name its author gave it.

    Attributes:
        name: of the regex or lookup table; several patterns may share one.
        pattern: source text of the expression.
        regex: ready to search.
        where: the place it was read from.
    """

    name: str
    pattern: str
    regex: Regex
    where: Location | None = None


class PatternSearch:
    """Searches for patterns, with a limit on the time each may take on a text.

    Answers have two limits more, so that texts which are made to take long cannot hang a server:
    all patterns together may take four times as long on a text as one may, and one that took too
    long before gets a tenth of the time.

    Args:
        owner: the component that searches, for messages.
        seconds: that a pattern may take on one text.
    """

    def __init__(self, owner: str, seconds: float) -> None:
        self._owner = owner
        self._seconds = seconds
        self._told: set[tuple[str, str]] = set()
        self._text: str | None = None  # the one that is searched, and the time that took so far
        self._spent = 0.0
        self._has_told_of_all = False

    def spans(
        self, pattern: NamedPattern, text: str, example: Example | None = None, *, group: int = 0
    ) -> list[tuple[int, int]]:
        """Where matches start and end. None where the search takes too long, with one warning.

        Args:
            pattern: what to search for.
            text: where to search.
            example: the text's training example: then it is an error.
            group: which group of the expression is meant; 0 is the whole match.

        Raises:
            DataError: the search of a training example takes too long.
        """
        try:
            if example is not None or not pattern.regex.may_take_long:
                return pattern.regex.spans(text, self._seconds, group=group)
            return self._spans_in_time(pattern, text, group)
        except RegexTimeout as error:
            too_long = f"search a text in {self._seconds:g} s, but '{pattern.name}' does not"
            if example is not None:
                place = "" if example.where is None else f" at {example.where}"
                raise DataError(
                    f"{self._owner}: a regex must {too_long} in the training example{place}, "
                    f"{text[:60]!r}",
                    got=pattern.pattern,
                    where=pattern.where,
                    hint="repeat no part that repeats something itself, as (a+)+ does, or a larger "
                    "regex_timeout",
                ) from error
            if (pattern.name, pattern.pattern) not in self._told:
                self._told.add((pattern.name, pattern.pattern))
                place = place_prefix(pattern.where)
                warnings.warn(
                    f"{place}{self._owner}: a regex must {too_long} ({pattern.pattern[:120]!r}); "
                    "it counts as not found. Said once for each regex",
                    stacklevel=4,
                )
            return []

    def _spans_in_time(self, pattern: NamedPattern, text: str, group: int) -> list[tuple[int, int]]:
        if text is not self._text:
            self._text, self._spent = text, 0.0
        left = _ALL_PATTERNS * self._seconds - self._spent
        if left <= 0:
            self._tell_of_all()
            return []
        was_slow = (pattern.name, pattern.pattern) in self._told
        own = self._seconds / 10 if was_slow else self._seconds
        started = time.perf_counter()
        try:
            return pattern.regex.spans(text, min(own, left), group=group)
        except RegexTimeout:
            if left < own:  # it is not its own fault
                self._tell_of_all()
                return []
            raise
        finally:
            self._spent += time.perf_counter() - started

    def _tell_of_all(self) -> None:
        if not self._has_told_of_all:
            self._has_told_of_all = True
            warnings.warn(
                f"{self._owner}: all regexes together must search a text in "
                f"{_ALL_PATTERNS * self._seconds:g} s; the last of them count as not found. "
                "Said once",
                stacklevel=6,
            )


def collect_patterns(
    data: TrainingData,
    *,
    use_regexes: bool,
    use_lookup_tables: bool,
    use_word_boundaries: bool,
    case_sensitive: bool,
    names: Collection[str] | None = None,
) -> list[NamedPattern]:
    """The regexes, sorted by name and pattern and without repetitions, then the lookup tables.

    Args:
        data: the training data.
        use_regexes: include regexes.
        use_lookup_tables: include lookup tables, in the order they were read.
        use_word_boundaries: an element of a lookup table matches whole words only.
        case_sensitive: "a" does not match "A".
        names: only patterns of these names; None for all.

    Raises:
        DataError: an expression is not valid.
    """
    patterns: list[NamedPattern] = []
    if use_regexes:
        unique = {f"{item.name}+{item.pattern}": item for item in data.regexes}
        for _, item in sorted(unique.items()):
            if names is None or item.name in names:
                patterns.append(
                    compile_pattern(item.name, item.pattern, case_sensitive, item.where)
                )
    if use_lookup_tables:
        for table in data.lookups:
            if names is None or table.name in names:
                source = lookup_pattern(
                    table.elements,
                    use_word_boundaries=use_word_boundaries,
                    case_sensitive=case_sensitive,
                )
                patterns.append(compile_pattern(table.name, source, case_sensitive, table.where))
    return patterns


def grown_patterns(
    before: Sequence[NamedPattern], now: Sequence[NamedPattern]
) -> list[NamedPattern]:
    """Patterns in the places they had before, new ones after them.

    One that has changed keeps the place of its name; in the place of one that is gone is a pattern
    that matches nothing.
    """
    left = {(item.name, item.pattern): item for item in now}
    places = [left.pop((item.name, item.pattern), None) for item in before]
    for place, item in enumerate(before):
        if places[place] is None:
            key = next((key for key in left if key[0] == item.name), None)
            empty = compile_pattern(item.name, _NOTHING, case_sensitive=True)
            places[place] = empty if key is None else left.pop(key)
    return [*(item for item in places if item is not None), *left.values()]


def compile_pattern(
    name: str, pattern: str, case_sensitive: bool, where: Location | None = None
) -> NamedPattern:
    """Compile one expression. Raises `DataError` when it is not valid."""
    try:
        compiled = Regex.compile(pattern, ignore_case=not case_sensitive)
    except RegexError as error:
        raise DataError(
            f"a regex must be a valid regular expression, but '{name}' is not: {error}",
            got=pattern,
            where=where,
            hint="escape characters that are meant literally, such as \\( or \\?",
        ) from error
    return NamedPattern(name, pattern, compiled, where)


def patterns_to_json(patterns: Iterable[NamedPattern]) -> list[dict[str, str]]:
    """Plain JSON values to store patterns with."""
    return [{"name": item.name, "pattern": item.pattern} for item in patterns]


def patterns_from_json(stored: Any, *, case_sensitive: bool, owner: str) -> list[NamedPattern]:
    """The reverse of `patterns_to_json`.

    Raises:
        ModelFileError: the value was not written by it; `owner` names the component.
    """
    if not isinstance(stored, list) or not all(
        isinstance(item, dict)
        and isinstance(item.get("name"), str)
        and isinstance(item.get("pattern"), str)
        for item in stored
    ):
        raise ModelFileError(f"{owner} must be stored with a list of named patterns", got=stored)
    try:
        return [compile_pattern(item["name"], item["pattern"], case_sensitive) for item in stored]
    except DataError as error:
        raise ModelFileError(f"{owner}: {error.must_hold}", got=error.got) from error


def lookup_pattern(
    elements: Sequence[str], *, use_word_boundaries: bool, case_sensitive: bool
) -> str:
    r"""One expression that finds the elements of a lookup table, trying them in their order.

    It matches what the plain alternation of the elements matches, but shares their common
    beginnings, so that the cost of a search hardly grows with the table. With word boundaries there
    is no letter, digit or underscore before or after a match, whatever an element begins and ends
    with: "c++" is found in "c++ or c", not in "abc++" or "c++x". Departure from Rasa, whose `\b`
    finds an element that begins or ends with another character only within words. Combining marks
    are letters where the elements are of a script that has them: "नमस" is not found in "नमस्ते".
    """
    words = [element for element in dict.fromkeys(elements) if element]
    if not words:
        return _NOTHING  # the table keeps its feature column
    # Which letters match each other regardless of case is only plain in ASCII.
    can_share = case_sensitive or all(word.isascii() for word in words)
    if can_share:
        body = _shared_prefixes(words, case_sensitive=case_sensitive, depth=0)
    else:
        body = "|".join(map(re.escape, words))
    if not use_word_boundaries:
        return f"(?:{body})"
    # Next to the + of "c++", \b would ask for a letter. Where it means the same it is faster.
    letter = word_letter(*words)
    start = r"\b" if all(_WORD.match(word[0]) for word in words) else rf"(?<!{letter})"
    end = r"\b" if all(_WORD.match(word[-1]) for word in words) else rf"(?!{letter})"
    if letter != r"\w":
        start, end = rf"(?<!{letter})", rf"(?!{letter})"
    return f"{start}(?:{body}){end}"


def _shared_prefixes(words: Sequence[str], *, case_sensitive: bool, depth: int) -> str:
    """Alternatives grouped by first letter; the order in which they are tried stays the same.

    Alternatives with different first letters never match at the same place, so they may change
    places. The empty alternative matches everywhere and therefore keeps its place.
    """
    if depth >= _DEEPEST_SHARED_PREFIX:
        return "|".join(map(re.escape, words))
    parts: list[str] = []
    groups: dict[str, list[str]] = {}
    for word in words:
        if word:
            key = word[0] if case_sensitive else word[0].lower()
            groups.setdefault(key, []).append(word)
        else:
            parts.extend(_join_groups(groups, case_sensitive, depth))
            parts.append("")
            groups = {}
    parts.extend(_join_groups(groups, case_sensitive, depth))
    return "|".join(parts)


def _join_groups(groups: dict[str, list[str]], case_sensitive: bool, depth: int) -> list[str]:
    parts: list[str] = []
    for key, members in groups.items():
        if len(members) == 1:
            parts.append(re.escape(members[0]))
            continue
        rests = [member[1:] for member in members]
        inner = _shared_prefixes(rests, case_sensitive=case_sensitive, depth=depth + 1)
        parts.append(f"{re.escape(key)}(?:{inner})")
    return parts
