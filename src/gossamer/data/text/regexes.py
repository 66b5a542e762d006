r"""Regular expressions that users write, with a limit on the time they may take.

The syntax is that of Python's `re`, which refuses what it does not know. Expressions that could
take exponential time are searched by the `regex` package, which can be stopped, written so that
they match as with `re`: for `regex`, combining marks and joiners are letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import regex

#: Seconds that one expression may take on one text, unless an option says otherwise.
REGEX_SECONDS = 0.5

#: As often as `{n}`s may repeat a part; `regex` writes repetitions out when it compiles.
_MOST_REPETITIONS = 20_000
#: Expressions that can only go on or fail: no group, no alternative, at most `{n}` repetitions and
#: a few optional characters.
_SIMPLE = re.compile(r"(?:[^*+|(){}\\?]|\\.|\{\d+\}|\?(?![*+?])){0,200}", re.DOTALL)
_MOST_OPTIONAL = 4
#: Words joined by `|`, their common beginnings written once, as in `\b(?:ba(?:ll|r)|cup)\b`: no
#: repetition, and groups only where an alternative ends.
_WORDS = re.compile(
    r"(?:\\b|\(\?<!(?:\\w|\[\\w[^\]\\]*\])\))?\(\?:"
    r"(?:\\\W|[^\\()*+?{}\[\].^$]|\(\?:|\)(?=[|)]|(?:\\b|\(\?!(?:\\w|\[\\w[^\]\\]*\])\))?$))*"
    r"(?:\\b|\(\?!(?:\\w|\[\\w[^\]\\]*\])\))?",
    re.DOTALL,
)

_WORD, _NO_WORD = r"[\p{L}\p{N}_]", r"[^\p{L}\p{N}_]"
_IN_RE = {
    r"\w": _WORD,
    r"\W": _NO_WORD,
    r"\b": rf"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))",
    r"\B": rf"(?:(?<={_WORD})(?={_WORD})|(?<!{_WORD})(?!{_WORD}))",
}
_ASCII = re.compile(r"\(\?[iLmsux]*a")
_ESCAPE_IN_CLASS = re.compile(r"\\.", re.DOTALL)

_PARTS = re.compile(
    r"\\."
    r"|\[\^?\]?(?:\\.|[^\]\\])*\]"  # a class
    r"|\(\?(?:#[^)]*|[aiLmsux-]+|P=\w+)\)"  # a comment, flags, a reference
    r"|(?P<opens>\((?:\?(?:P<\w+>|[aiLmsux-]*:|<?[=!]|>))?)"
    r"|(?P<closes>\))"
    r"|\{(?P<least>\d*)(?:,\d*)?\}"
    r"|.",
    re.DOTALL,
)


class RegexError(ValueError):
    """An expression is not valid, or too large."""


class RegexTimeout(TimeoutError):
    """An expression took too long on a text."""


@dataclass(frozen=True, slots=True)
class Regex:
    """A compiled expression.

    Attributes:
        pattern: its source.
        n_groups: how many groups it has.
    """

    pattern: str
    n_groups: int
    _compiled: re.Pattern[str]
    _stoppable: regex.Pattern[str] | None

    @classmethod
    def compile(cls, pattern: str, *, ignore_case: bool = False) -> Regex:
        """Compile an expression.

        Args:
            pattern: its source.
            ignore_case: "a" matches "A".

        Raises:
            RegexError: it is not valid, or its `{n}`s repeat parts more than 20,000 times.
        """
        try:
            compiled = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
            if _is_simple(pattern):
                return cls(pattern, compiled.groups, compiled, None)
            if _size(pattern) > _MOST_REPETITIONS + len(pattern):
                raise RegexError(f"it repeats parts more than {_MOST_REPETITIONS:,} times")
            flags = regex.VERSION0 | (regex.IGNORECASE if ignore_case else 0)
            return cls(pattern, compiled.groups, compiled, regex.compile(_as_in_re(pattern), flags))
        except (re.error, regex.error, RecursionError, OverflowError, MemoryError) as error:
            raise RegexError(str(error)) from error

    @property
    def may_take_long(self) -> bool:
        """Whether a search could take exponential time, so that it has to be stopped."""
        return self._stoppable is not None

    def spans(
        self, text: str, seconds: float = REGEX_SECONDS, *, group: int = 0
    ) -> list[tuple[int, int]]:
        """Where the matches of the expression, or of one of its groups, start and end.

        `regex` counts the processor time of the whole process, so other threads and garbage
        collection can use up the limit. A search that ran out of time is therefore tried once more.

        Raises:
            RegexTimeout: it takes longer than `seconds`, twice.
        """
        if self._stoppable is None:
            return [match.span(group) for match in self._compiled.finditer(text)]
        try:
            return _spans(self._stoppable, text, seconds, group)
        except TimeoutError:
            try:
                return _spans(self._stoppable, text, seconds, group)
            except TimeoutError as error:
                raise RegexTimeout(f"it takes longer than {seconds:g} s") from error


def _spans(
    pattern: regex.Pattern[str], text: str, seconds: float, group: int
) -> list[tuple[int, int]]:
    return [match.span(group) for match in pattern.finditer(text, timeout=seconds)]


def _is_simple(pattern: str) -> bool:
    if _WORDS.fullmatch(pattern):
        return True
    return pattern.count("?") <= _MOST_OPTIONAL and _SIMPLE.fullmatch(pattern) is not None


def _as_in_re(pattern: str) -> str:
    """The expression for `regex` that means what this one means to `re`."""
    if _ASCII.search(pattern):
        return pattern
    return "".join(
        _class_as_in_re(part[0]) if part[0][0] == "[" else _IN_RE.get(part[0], part[0])
        for part in _PARTS.finditer(pattern)
    )


def _class_as_in_re(part: str) -> str:
    escapes = set(_ESCAPE_IN_CLASS.findall(part))
    if not escapes & {r"\w", r"\W"}:
        return part
    is_negated = part.startswith("[^")
    body = part[2:-1] if is_negated else part[1:-1]
    others = {r"\w": _WORD[1:-1], r"\W": ""}
    body = _ESCAPE_IN_CLASS.sub(lambda escape: others.get(escape[0], escape[0]), body)
    if r"\W" not in escapes:
        return f"[^{body}]" if is_negated else f"[{body}]"
    if is_negated:
        return f"(?:(?![{body}]){_WORD})" if body else _WORD
    return f"(?:[{body}]|{_NO_WORD})" if body else _NO_WORD


def _size(pattern: str) -> float:
    """How large an expression is with its `{n}`s written out."""
    sizes: list[float] = [0]  # of the groups that are open, each up to its last part
    last: list[float] = [0]  # that part's
    for part in _PARTS.finditer(pattern):
        if part["least"] is not None:
            more = last[-1] * max(0, int(part["least"] or 0) - 1)
            sizes[-1], last[-1] = sizes[-1] + more, last[-1] + more
        elif part["opens"]:
            sizes.append(0)
            last.append(0)
        elif part["closes"] and len(sizes) > 1:
            last.pop()
            size = sizes.pop()
            sizes[-1], last[-1] = sizes[-1] + size, size
        elif part[0] not in "*+?":
            sizes[-1], last[-1] = sizes[-1] + 1, 1
    return sum(sizes)
