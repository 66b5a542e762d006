"""Stored messages that are like a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from gossamer.teach.inbox.messages import StoredMessage
from gossamer.teach.inbox.vectors import TextIndex, plain

LEAST_ALIKE: Final = 0.1
"""Messages with a smaller cosine are not like a text."""


class SimilarMessages:
    """Finds stored messages that are like a text, at once: n-grams are counted beforehand.

    Args:
        messages: stored messages; of one text, but for case and blanks, the newest counts.
    """

    def __init__(self, messages: Iterable[StoredMessage]) -> None:
        newest: dict[str, StoredMessage] = {}
        for message in messages:
            key = plain(message.text)
            if key and (key not in newest or message.when > newest[key].when):
                newest[key] = message
        texts = sorted(newest)
        self._messages = [newest[text] for text in texts]
        self._index = TextIndex(texts)

    def to(self, text: str, limit: int = 10) -> list[StoredMessage]:
        """Messages like a text, most alike first; the same text, where it was said, is the first.

        Args:
            text: what to compare with.
            limit: how many at most.
        """
        cosines = self._index.cosines(text)
        order = np.argsort(-cosines, kind="stable")[: max(0, limit)]
        return [self._messages[place] for place in order if cosines[place] >= LEAST_ALIKE]


def similar(text: str, messages: Iterable[StoredMessage], limit: int = 10) -> list[StoredMessage]:
    """See `SimilarMessages`, which is quicker for several texts."""
    return SimilarMessages(messages).to(text, limit)
