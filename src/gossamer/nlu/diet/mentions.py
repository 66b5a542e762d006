"""Mentions of entities, put in each other's places while a network trains.

Mention replacement (Dai and Adel 2020, arXiv:2010.11683, section 3): "to Berlin tomorrow" is also
seen as "to New York tomorrow" where another text has that city, so that a network learns from the
words around a mention, and from each mention in many surroundings. Departure from the paper: each
batch draws again, where the paper adds texts once; and the features of the tokens are exchanged,
not the words, so that features of neighbours still describe what was next to a mention before.
The features of the whole text stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from gossamer.nlu.diet.features import Indices, TokenChoice, runs_of_numbers
from gossamer.nlu.diet.tags import TagKind

if TYPE_CHECKING:
    from gossamer.nlu.diet.batches import DIETBatch, DIETData

_BEGIN, _LAST, _UNIT = 0, 2, 3  # (tag - 1) % 4; see `TagSet`


class Mentions:
    """Where the mentions are, and which may replace each other.

    Those of one entity type, role and group may.

    Args:
        tags: of each token, per kind, as `TagSet.encode` gives them, so that what begins ends too;
            those of entities among them. *Shape:* of each (n_tokens,).
        lengths: tokens of each text. *Shape:* (n_texts,).
        is_bilou: whether tags distinguish first, inner, last and only tokens.
        rate: share of the mentions that are replaced, each by one that is drawn from all of its
            kind, itself included.
    """

    def __init__(
        self, tags: Mapping[TagKind, Indices], lengths: Indices, *, is_bilou: bool, rate: float
    ) -> None:
        self._rate = rate
        entity = tags[TagKind.ENTITY]
        if is_bilou:
            place = np.where(entity > 0, (entity - 1) % 4, -1)
            is_first = (place == _BEGIN) | (place == _UNIT)
            is_last = (place == _LAST) | (place == _UNIT)
        else:  # neighbours of one type are one mention
            edge = np.zeros(len(entity) + 1, dtype=bool)
            edge[np.concatenate([[0], np.cumsum(lengths)])] = True
            edge[1:-1] |= entity[1:] != entity[:-1]
            is_first, is_last = (entity > 0) & edge[:-1], (entity > 0) & edge[1:]
        self._first: Indices = np.flatnonzero(is_first)
        self._behind: Indices = np.flatnonzero(is_last) + 1
        width = 4 if is_bilou else 1
        names = [(tags[kind][self._first] - 1) // width for kind in TagKind if kind in tags]
        _, group = np.unique(np.stack(names, axis=1), axis=0, return_inverse=True)
        self._group: Indices = group.reshape(-1)
        self._by_group: Indices = np.argsort(self._group, kind="stable")
        self._group_size: Indices = np.bincount(self._group)
        self._group_start: Indices = np.cumsum(self._group_size) - self._group_size
        self._text_behind: Indices = np.cumsum(lengths)
        self._text_start: Indices = self._text_behind - lengths
        of_text = np.searchsorted(self._text_behind, self._first, side="right")
        self._number: Indices = np.bincount(of_text, minlength=len(lengths))
        self._start: Indices = np.cumsum(self._number) - self._number

    def __len__(self) -> int:
        return len(self._first)

    def replaced(self, texts: Indices, rng: np.random.Generator) -> TokenChoice:
        """Tokens of texts in which some mentions are replaced by others.

        Args:
            texts: their numbers. *Shape:* (n_chosen,).
            rng: to draw with.
        """
        number = self._number[texts]
        mentions = runs_of_numbers(self._start[texts], number)
        group = self._group[mentions]
        drawn = self._group_start[group] + rng.integers(self._group_size[group])
        is_replaced = rng.random(len(mentions)) < self._rate
        shown = np.where(is_replaced, self._by_group[drawn], mentions)
        # A text is what comes before its first mention, that mention, what comes after it, ...
        pieces = 2 * number + 1
        end = np.cumsum(pieces)
        places = 2 * np.arange(len(mentions)) + 1 + np.repeat(np.arange(len(texts)), number)
        first, behind = (np.empty(int(pieces.sum()), dtype=np.int64) for _ in range(2))
        first[end - pieces] = self._text_start[texts]
        behind[end - 1] = self._text_behind[texts]
        behind[places - 1] = self._first[mentions]
        first[places + 1] = self._behind[mentions]
        first[places], behind[places] = self._first[shown], self._behind[shown]
        sizes = behind - first
        lengths: Indices = np.add.reduceat(sizes, end - pieces)
        return TokenChoice(runs_of_numbers(first, sizes), lengths)


def replacing(
    data: DIETData, mentions: Mentions, rng: np.random.Generator
) -> Callable[[Indices], DIETBatch]:
    """Makes batches as `DIETData.batch` does, some of the mentions replaced.

    Args:
        data: the training set.
        mentions: its mentions.
        rng: the draws are those of a generator of its own that is made from this one.
    """
    (draws,) = rng.spawn(1)
    return lambda chosen: data.batch(chosen, mentions.replaced(chosen, draws))
