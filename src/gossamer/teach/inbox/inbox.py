"""Groups of stored messages that are worth an answer of a person, most useful first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final

import numpy as np

from gossamer.data.nlu.examples import TrainingData
from gossamer.data.text.wording import counted
from gossamer.teach.inbox.doubt import Guess, guess_of
from gossamer.teach.inbox.messages import StoredMessage
from gossamer.teach.inbox.ranking import Picks
from gossamer.teach.inbox.vectors import largest_cosines, plain, text_vectors

NEAR_DUPLICATES: Final = 0.9
"""Texts of one group have at least this cosine with its first, and its intent."""

LOW_CONFIDENCE: Final = 0.5
SMALL_MARGIN: Final = 0.2
NOTABLE_DISAGREEMENT: Final = 0.3
UNLIKE: Final = 0.35
"""With a smaller cosine to all of the training data, a message is unlike them."""

LEAST_DOUBT: Final = 0.05
"""A message with less doubt is not asked about."""

ALIKE: Final = 0.6
"""Cosine from which reasons call a message like another one."""

IN_DOUBT: Final = 0.5
"""Doubt from which a message is called doubtful, in reasons."""

FALLBACK_DOUBT: Final = 0.9
"""Least doubt about a message that the assistant fell back on."""


class ReasonKind(StrEnum):
    """Why a message is in the inbox."""

    FALLBACK = "fallback"
    LOW_CONFIDENCE = "low_confidence"
    SMALL_MARGIN = "small_margin"
    DISAGREEMENT = "disagreement"
    UNLIKE_TRAINING = "unlike_training"
    OFTEN = "often"
    TYPICAL = "typical"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message is in the inbox: what it is, and in words."""

    kind: ReasonKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxGroup:
    """Near-duplicates, one of which a person is asked about.

    Attributes:
        text: the one to ask about.
        messages: all of the group, those of `text` first, newer before older.
        reasons: why it is worth an answer, weightiest first; may be empty at the inbox's end.
        usefulness: what an answer would bring: about how many doubtful messages it settles, after
            the groups before it.
        parse: what was understood of `text`, JSON of Rasa's "parse_data".
    """

    text: str
    messages: tuple[StoredMessage, ...]
    reasons: tuple[Reason, ...]
    usefulness: float
    parse: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """All attributes; of the messages also how many there are, and their different texts."""
        return {
            "text": self.text,
            "n_messages": len(self.messages),
            "texts": list(dict.fromkeys(message.text for message in self.messages)),
            "messages": [message.to_json() for message in self.messages],
            "reasons": [
                {"kind": reason.kind.value, "text": reason.text} for reason in self.reasons
            ],
            "usefulness": self.usefulness,
            "parse": dict(self.parse),
        }


@dataclass(frozen=True, slots=True)
class _Item:
    """Messages of one text, newest first, and what the newest parse says."""

    messages: tuple[StoredMessage, ...]
    guess: Guess

    @property
    def newest(self) -> StoredMessage:
        return self.messages[0]

    def doubt(self, known_cosine: float) -> float:
        """About what was understood, in [0, 1].

        It is 1 less the margin between the two likeliest intents. The margin counts less where
        policies disagreed, and where the text is unlike everything that is known.
        """
        sure = (
            self.guess.margin * (1.0 - self.newest.disagreement) * min(1.0, known_cosine / UNLIKE)
        )
        return max(1.0 - sure, FALLBACK_DOUBT) if self.newest.is_fallback else 1.0 - sure


class Inbox:
    """Stored messages that are worth an answer, most useful first.

    Messages of one text, but for case and blanks, count as one, with the newest parse. Texts that
    training data have, or that were dismissed, are left out. Messages about which there is
    no doubt are not asked about. How the order is found: see
    `gossamer.teach.inbox.ranking`. It is the same for the same data.

    Args:
        known: what the project teaches now.
        messages: stored messages; best with what the present model understands, `parsed_anew`.
        dismissed: texts that nobody wants to be asked about again.
    """

    def __init__(
        self,
        known: TrainingData,
        messages: Iterable[StoredMessage],
        *,
        dismissed: Collection[str] = frozenset(),
    ) -> None:
        self._known = list(dict.fromkeys(plain(e.text) for e in known.examples if e.intent))
        left_out = {*self._known, *map(plain, dismissed)}
        by_text: dict[str, list[StoredMessage]] = {}
        for message in messages:
            key = plain(message.text)
            if key and key not in left_out:
                by_text.setdefault(key, []).append(message)
        self._items = [
            _Item(tuple(found), guess_of(found[0].parse))
            for found in (
                sorted(group, key=lambda m: -m.when) for _, group in sorted(by_text.items())
            )
        ]

    @property
    def n_messages(self) -> int:
        """How many messages are neither taught nor dismissed."""
        return sum(len(item.messages) for item in self._items)

    def groups(self, limit: int = 50) -> list[InboxGroup]:
        """The most useful groups.

        Args:
            limit: how many at most.
        """
        return list(islice(self._groups(), max(0, limit)))

    def _groups(self) -> Iterator[InboxGroup]:
        items = self._items
        if not items:
            return
        vectors = text_vectors([*self._known, *(item.newest.text for item in items)])
        known, vectors = vectors[: len(self._known)], vectors[len(self._known) :]
        known_cosines = largest_cosines(vectors, known)
        doubts = np.array(
            [item.doubt(float(c)) for item, c in zip(items, known_cosines, strict=True)]
        )
        counts = np.array([float(len(item.messages)) for item in items])
        is_shown = np.zeros(len(items), dtype=bool)
        for number, usefulness in Picks(vectors, known_cosines, doubts, counts):
            if is_shown[number] or doubts[number] < LEAST_DOUBT:
                continue
            first, cosines = items[number], vectors @ vectors[number]
            is_near = (cosines >= NEAR_DUPLICATES) & ~is_shown
            is_near[number] = False
            near = [
                item
                for item in map(int, np.flatnonzero(is_near))
                if items[item].guess.intent == first.guess.intent
            ]
            is_shown[[number, *near]] = True
            messages = [message for item in (number, *near) for message in items[item].messages]
            n_like = int(((cosines >= ALIKE) & (doubts >= IN_DOUBT) & ~is_shown).sum())
            yield InboxGroup(
                text=first.newest.text,
                messages=tuple(messages),
                reasons=_reasons(first, len(messages), float(known_cosines[number]), n_like),
                usefulness=usefulness,
                parse=first.newest.parse,
            )


def similar(text: str, messages: Iterable[StoredMessage], limit: int = 10) -> list[StoredMessage]:
    """Stored messages that are like a text, most alike first, each text once, the newest of it.

    The same text is the first, where it was said. Those that share nothing with it are left out.

    Args:
        text: what to compare with.
        messages: stored messages.
        limit: how many at most.
    """
    newest: dict[str, StoredMessage] = {}
    for message in messages:
        key = plain(message.text)
        if key and (key not in newest or message.when > newest[key].when):
            newest[key] = message
    texts = sorted(newest)
    vectors = text_vectors([plain(text), *texts])
    cosines = vectors[1:] @ vectors[0]
    order = np.argsort(-cosines, kind="stable")
    return [newest[texts[i]] for i in order[: max(0, limit)] if cosines[i] > 0.1]


def _reasons(item: _Item, n_messages: int, known_cosine: float, n_like: int) -> tuple[Reason, ...]:
    guess, newest = item.guess, item.newest
    found: list[Reason] = []

    def because(kind: ReasonKind, text: str) -> None:
        found.append(Reason(kind, text))

    if newest.is_fallback:
        done = f": {newest.action}" if newest.action else ""
        because(ReasonKind.FALLBACK, f"the assistant fell back{done}")
    if guess.confidence < LOW_CONFIDENCE:
        said = guess.intent or "no intent"
        because(ReasonKind.LOW_CONFIDENCE, f"not sure: {said}, {guess.confidence:.0%}")
    if guess.second is not None and guess.margin < SMALL_MARGIN:
        because(ReasonKind.SMALL_MARGIN, f"{guess.intent} or {guess.second}")
    if newest.disagreement >= NOTABLE_DISAGREEMENT:
        because(ReasonKind.DISAGREEMENT, f"policies disagree by {newest.disagreement:.0%}")
    if known_cosine < UNLIKE:
        because(ReasonKind.UNLIKE_TRAINING, "unlike everything in training")
    if n_messages > 1:
        because(ReasonKind.OFTEN, f"said {counted(n_messages, 'time')} in this or nearly this form")
    if n_like:
        because(ReasonKind.TYPICAL, f"like {counted(n_like, 'other doubtful text')}")
    return tuple(found)
