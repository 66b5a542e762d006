"""What a model says of a message, as an example that it can learn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from typing import Final

from gossamer.data.entities import Entity
from gossamer.data.nlu.direct_message import parse_direct_message
from gossamer.data.nlu.examples import Example
from gossamer.data.nlu.intents import FALLBACK_INTENT
from gossamer.nlu.pipeline.parse import IntentPrediction, Parse
from gossamer.nlu.pipeline.response_selection import DEFAULT_SELECTOR
from gossamer.teach.inbox.messages import StoredMessage

_MOST_SENDERS: Final = 20
_NOT_LEARNT: Final = frozenset(
    {"DucklingEntityExtractor", "RegexEntityExtractor", "SpacyEntityExtractor"}
)


def accepted_example(parse: Parse, intents: Collection[str] = ()) -> Example | None:
    """The example that a message is when the model is right.

    Args:
        parse: what the model says of it.
        intents: of the project, retrieval intents with their keys.

    Returns:
        The text with its intent and entities. None where there is nothing to learn: no intent was
        found, or that of the fallback; the message names its intent itself (/greet); or it is
        a retrieval intent and no response was picked.
    """
    if parse_direct_message(parse.text) is not None or not parse.text.strip():
        return None
    intent = _whole_intent(parse, intents)
    if intent is None or intent == FALLBACK_INTENT:
        return None
    return example_of(parse.text, intent, parse.entities)


def example_of(text: str, intent: str, entities: Iterable[Entity] = ()) -> Example:
    """An example of what annotations can say: entities with places that do not overlap.

    Left out are entities that a model finds without learning them from examples (by Duckling, spaCy
    or a regex), and values that a synonym gave.

    Args:
        text: the message; blanks around it do not count.
        intent: the intent.
        entities: in any order; of those that overlap the first one stays, then the longest.
    """
    n_dropped = len(text) - len(text.lstrip())
    kept: list[Entity] = []
    plain = text.strip()
    found = [entity for entity in entities if entity.has_place]
    for entity in sorted(found, key=lambda each: (each.span[0], -each.span[1])):
        start, end = (place - n_dropped for place in entity.span)
        if entity.extractor in _NOT_LEARNT or not 0 <= start < end <= len(plain):
            continue
        if kept and start < kept[-1].span[1]:
            continue
        is_given = not entity.processors and isinstance(entity.value, str | int | float)
        kept.append(
            Entity(
                start=start,
                end=end,
                entity=entity.entity,
                value=entity.value if is_given else plain[start:end],
                role=entity.role,
                group=entity.group,
            )
        )
    return Example(text=plain, intent=intent, entities=tuple(kept))


def senders_of(text: str, messages: Iterable[StoredMessage], known: Iterable[str] = ()) -> set[str]:
    """Who wrote a text, for the record of who a correction comes from.

    Args:
        text: as it was written.
        messages: stored ones.
        known: who wrote it for certain.

    Returns:
        Ids of conversations; none where more than 20 people wrote it: then it is nobody's own.
    """
    senders = {message.sender_id for message in messages if message.text == text} | {*known}
    return senders if len(senders) <= _MOST_SENDERS else set()


def corrected(parse: Parse, example: Example) -> Parse:
    """What should have been understood of a message.

    Args:
        parse: what was understood.
        example: what it means.
    """
    intent = IntentPrediction(name=example.base_intent, confidence=1.0)
    others = [each for each in parse.intent_ranking if each.name != intent.name]
    return dataclasses.replace(
        parse,
        text=example.text,
        intent=intent,
        intent_ranking=[intent, *others],
        entities=list(example.entities),
        source=None,
    )


def annotated(example: Example) -> str:
    """The text of an example with its annotations, those left out that the grammar cannot say."""
    from gossamer.data.errors import DataError
    from gossamer.data.nlu.formats.annotations import annotate

    while True:
        try:
            return annotate(example)
        except DataError:
            if not example.entities:
                return example.text
            example = dataclasses.replace(example, entities=example.entities[:-1])


def _whole_intent(parse: Parse, intents: Collection[str]) -> str | None:
    """The intent, of a retrieval intent with the key of the response that was picked."""
    intent = parse.intent.name
    if intent is None or "/" in intent:
        return intent
    for name in (intent, DEFAULT_SELECTOR):
        picked = parse.response_selector.get(name)
        if picked is not None and picked.best.intent_response_key.startswith(f"{intent}/"):
            return picked.best.intent_response_key
    is_retrieval = any(each.startswith(f"{intent}/") for each in intents)
    return None if is_retrieval and intent not in intents else intent
