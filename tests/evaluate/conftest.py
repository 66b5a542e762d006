"""A tiny world to evaluate: tokens by white space, parses made by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest

from gossamer.data.examples import Entity, Example
from gossamer.nlu.messages import NO_INTENT, EntityPrediction, IntentPrediction, Parse, Token


def _tokens(text: str) -> list[Token]:
    return [Token(m.group(), m.start(), m.end()) for m in re.finditer(r"\S+", text)]


def _parse(
    text: str,
    intent: str | None = None,
    confidence: float = 0.9,
    entities: Sequence[EntityPrediction] = (),
    ranking: Sequence[tuple[str, float]] | None = None,
) -> Parse:
    best = NO_INTENT if intent is None else IntentPrediction(name=intent, confidence=confidence)
    ranked = [(intent, confidence)] if ranking is None and intent is not None else ranking or []
    return Parse(
        text=text,
        intent=best,
        intent_ranking=[IntentPrediction(name=n, confidence=c) for n, c in ranked],
        entities=list(entities),
        tokens=_tokens(text),
    )


def _found(
    text: str,
    part: str,
    entity: str,
    *,
    role: str | None = None,
    group: str | None = None,
    extractor: str = "DIETClassifier",
    confidence: float | None = 0.8,
) -> EntityPrediction:
    start = text.index(part)
    return EntityPrediction(
        start=start,
        end=start + len(part),
        entity=entity,
        value=part,
        extractor=extractor,
        confidence=confidence,
        role=role,
        group=group,
    )


def _annotated(
    text: str, part: str, entity: str, *, role: str | None = None, group: str | None = None
) -> Entity:
    start = text.index(part)
    return Entity(
        start=start, end=start + len(part), entity=entity, value=part, role=role, group=group
    )


@pytest.fixture
def make_parse() -> Callable[..., Parse]:
    return _parse


@pytest.fixture
def found() -> Callable[..., EntityPrediction]:
    return _found


@pytest.fixture
def annotated() -> Callable[..., Entity]:
    return _annotated


@pytest.fixture
def travel() -> tuple[list[Example], list[Parse]]:
    """Three intents, two extractors, right and wrong answers; figures are worked out by hand.

    Intents: 4 of 5 right (a fallback undone); "bye" is once taken for "greet".
    Tokens of DIETClassifier: see `test_entities`.
    """
    fly, hi, bye, hello, train = (
        "fly from Rome to New York",
        "hi",
        "bye",
        "hello there",
        "a train to Rome",
    )
    examples = [
        Example(
            text=fly,
            intent="travel",
            entities=(
                _annotated(fly, "Rome", "city", role="from"),
                _annotated(fly, "New York", "city", role="to"),
            ),
        ),
        Example(text=hi, intent="greet"),
        Example(text=bye, intent="bye"),
        Example(text=hello, intent="greet"),
        Example(
            text=train,
            intent="travel/train",
            entities=(_annotated(train, "Rome", "city", role="to"),),
        ),
    ]
    parses = [
        _parse(
            fly,
            "travel",
            0.99,
            [
                _found(fly, "Rome", "city", role="from"),
                _found(fly, "York", "city", role="to", confidence=0.4),
                _found(fly, "Rome", "place", extractor="RegexEntityExtractor", confidence=None),
            ],
        ),
        _parse(hi, "greet", 0.8),
        _parse(bye, "greet", 0.6),
        _parse(
            hello,
            "nlu_fallback",
            0.3,
            ranking=[("nlu_fallback", 0.3), ("greet", 0.25), ("bye", 0.2)],
        ),
        _parse(train, "travel", 0.7, [_found(train, "Rome", "city", role="from")]),
    ]
    return examples, parses
