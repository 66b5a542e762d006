"""What the conditional random field sees of a token and its neighbours.

An attribute is a name with a value, 1 for nearly all: "-1:low:to" says that the token before this
one is "to". Names are those that Rasa hands to CRFsuite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

Attributes: TypeAlias = dict[str, float]

_OF_TEXT: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "low": str.lower,
        "prefix2": lambda text: text[:2],
        "prefix5": lambda text: text[:5],
        "suffix1": lambda text: text[-1:],
        "suffix2": lambda text: text[-2:],
        "suffix3": lambda text: text[-3:],
        "suffix5": lambda text: text[-5:],
    }
)
_TESTS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {"title": str.istitle, "upper": str.isupper, "digit": str.isdigit}
)
FEATURES = (*_OF_TEXT, *_TESTS, "bias", "pos", "pos2", "pattern", "text_dense_features")
"""What the option `features` may name."""


@dataclass(slots=True)
class SeenToken:
    """A token with all that features may be made of.

    Attributes:
        text: the word.
        pos: its part of speech; "" where it is not known.
        patterns: names of the regexes and lookup tables that match it.
        vector: dense features.
        entity_tag: its tag, for the fields that find roles and groups; None for the one that
            finds the tags.
    """

    text: str
    pos: str = ""
    patterns: Sequence[str] = ()
    vector: Sequence[float] = ()
    entity_tag: str | None = None


class Window:
    """Makes the attributes of tokens.

    Args:
        features: for each token of the window, the current one in the middle.
    """

    def __init__(self, features: Sequence[Sequence[str]]) -> None:
        first = -(len(features) // 2)
        self._lists = [(first + number, own) for number, own in enumerate(features)]

    def __call__(self, tokens: Sequence[SeenToken]) -> list[Attributes]:
        """The attributes of each token of a text."""
        return [self._of(tokens, current) for current in range(len(tokens))]

    def _of(self, tokens: Sequence[SeenToken], current: int) -> Attributes:
        found: Attributes = {}
        for offset, features in self._lists:
            index = current + offset
            if index < 0:
                found["BOS"] = 1.0
            elif index >= len(tokens):
                found["EOS"] = 1.0
            else:
                found.update(_own(tokens[index], offset, features))
        return found


def _own(token: SeenToken, offset: int, features: Sequence[str]) -> Iterator[tuple[str, float]]:
    for feature in features:
        name = f"{offset}:{feature}"
        if feature in _OF_TEXT:
            yield f"{name}:{_OF_TEXT[feature](token.text)}", 1.0
        elif feature in _TESTS:
            if _TESTS[feature](token.text):
                yield name, 1.0
        elif feature == "bias":
            yield f"{name}:bias", 1.0
        elif feature == "pattern":
            for pattern in token.patterns:
                yield f"{name}:{pattern}", 1.0
        elif feature == "text_dense_features":
            for number, value in enumerate(token.vector):
                yield f"{name}:{number}", value
        elif token.pos:
            yield f"{name}:{token.pos if feature == 'pos' else token.pos[:2]}", 1.0
    if token.entity_tag is not None:
        yield f"{offset}:entity:{token.entity_tag}", 1.0
