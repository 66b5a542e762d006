"""What looks like an annotation but is not: a bracket is missing, misplaced or of another kind.

The grammar has no escape, so plain brackets must stay possible: "np0[0] and (this)" is no attempt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gossamer.data.errors import Location, warn_of_mistake

ANNOTATION_FORMS = '[text](entity), [text](entity:value) or [text]{"entity": "name", "role": "x"}'
DONE = "\x00"
"""What `warn_of_broken` gets in place of each annotation; no text file contains it."""

# Each class of characters ends at the bracket that a pattern begins with, so that searching takes
# time in proportion to the length of the text.
_NAME = r"[^\W\d][\w.-]*(?::[^()\[\]]*)?"
_ASCII_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*(?:[:：][^()\[\]（）]*)?"
_ATTEMPT = re.compile(
    "|".join(
        (
            r"\]\[?[({]",  # [](city), [Rome](city, [Rome](), Rome](city), [Rome]{"entity": "c")
            rf"{DONE}[({{]",  # [Rome](city)(to), [Rome](city){{"role": "to"}}
            rf"\[[^\[\]]+\]\s+\({_NAME}\)",  # [Rome] (city)
            r"\[[^\[\]]+\]\s+\{\s*['\"]",  # [Rome] {"entity": "city"}
            rf"(?<!\w)\([^()\[\]]+\)\[{_NAME}\]",  # (Rome)[city]
            rf"\[[^\[\](){DONE}]*\w\({_NAME}\)(?![^\[]*\])",  # [Rome(city)
            rf"\[[^\[\](){{}}]+[)}}]\s*\({_NAME}\)",  # [Rome}(city)
            rf"\{{[^{{}}()\[\]]+\}}\({_NAME}\)",  # {Rome}(city)
            rf"[\[［【][^\[\]［］【】]+[\]］】]\s*[(（]{_ASCII_NAME}[)）]",  # full-width ones
            r"[\]］】]\s*[{｛]\s*[\"“”＂]",
        )
    )
)
_BRACKETS = re.compile(rf"[\[\]{{［］【】{DONE}]")
_NOT_IN_NAMES = re.compile(r"[\"(\[{]")


def is_plain_name(name: str) -> bool:
    """Whether this name in round brackets is certainly an entity's."""
    return bool(name.strip()) and _NOT_IN_NAMES.search(name) is None


def warn_of_broken(
    rest: str, annotated: str, annotations: Iterable[tuple[str, str]], where: Location | None
) -> None:
    """Warn (`MistakeWarning`) where part of a text looks like a broken annotation.

    Args:
        rest: the text, `DONE` for each annotation.
        annotated: the text as written.
        annotations: for each in round brackets, its span of text and the name of its entity.
        where: where it was read.
    """
    problem = None
    if _BRACKETS.search(rest) is not None and _ATTEMPT.search(rest) is not None:
        problem = "what looks like an annotation must be one; what is not is read as plain text"
    for stretch, name in annotations:
        if "[" in stretch:
            problem = f"an annotation must not hold another one; here it is of '{stretch}'"
        elif not is_plain_name(name):
            problem = f"the name of an entity must have no brackets; here it is '{name}'"
    if problem is not None:
        warn_of_mistake(problem, got=annotated, where=where, hint=ANNOTATION_FORMS)
