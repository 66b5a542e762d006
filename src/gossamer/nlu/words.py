r"""Which characters belong to a word, in all scripts.

`\w` of Python's `re` leaves out combining marks, so that it cuts Hindi words at their vowel signs.
For the `regex` package they belong to the word, as Unicode has it (UTS #18, annex C), and so do
the joiners within words.
"""

from __future__ import annotations

from functools import cache
from unicodedata import category

import regex

#: Signs that are not seen and part no words: the soft hyphen, marks of direction, the word joiner.
INVISIBLE = (
    "\u00ad\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
#: Non-joiner and joiner: within words, and within emoji.
JOINERS = "\u200c\u200d"

# More than \w of `re`: that has numbers such as ½, which `regex` leaves out.
_WORDS = regex.compile(r"[\w\p{N}]+")
_INVISIBLE = dict.fromkeys(map(ord, INVISIBLE))
# Where marks are written as a matter of course.
_MARKED_SCRIPTS = (range(0x0300, 0x0370), range(0x0590, 0x2000))


def words_of(text: str) -> list[str]:
    """The words of a text, marks and joiners kept."""
    return _WORDS.findall(text)


def without_invisible(text: str) -> str:
    """A text without the signs of `INVISIBLE`."""
    return text if text.isascii() else text.translate(_INVISIBLE)


def word_letter(*texts: str) -> str:
    r"""An expression of `re` for a character that goes on with a word.

    `\w`, and combining marks where a text is of a script that has them.
    """
    has_marks = any(
        ord(char) in part
        for text in texts
        if not text.isascii()
        for char in text
        for part in _MARKED_SCRIPTS
    )
    return rf"[\w{_marks()}]" if has_marks else r"\w"


@cache
def _marks() -> str:
    """All combining marks of such scripts and the joiners, for a character class."""
    points = {point for part in _MARKED_SCRIPTS for point in part if category(chr(point))[0] == "M"}
    starts = sorted(point for point in points if point - 1 not in points)
    ends = sorted(point for point in points if point + 1 not in points)
    return JOINERS + "".join(f"{chr(a)}-{chr(b)}" for a, b in zip(starts, ends, strict=True))
