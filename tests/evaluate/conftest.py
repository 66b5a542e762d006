"""A tiny world to evaluate: tokens by white space, parses made by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from gossamer.data.domain.domain import Domain, Form, Intent
from gossamer.data.domain.slots import MappingType, Slot, SlotMapping, SlotType
from gossamer.data.nlu.examples import Entity, Example
from gossamer.data.stories.steps import StoryData
from gossamer.data.stories.yaml import parse_story_yaml
from gossamer.dialogue.history.events import Event
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import Prediction
from gossamer.nlu.pipeline.messages import (
    NO_INTENT,
    EntityPrediction,
    IntentPrediction,
    Parse,
    Token,
)


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


@dataclass(kw_only=True)
class Choice:
    """What a scripted ensemble says; see `ChosenAction`."""

    action: str
    policy: str = "RulePolicy"
    confidence: float = 0.9
    events: tuple[Event, ...] = ()
    hide_rule_turn: bool = False

    @property
    def prediction(self) -> Prediction:
        return Prediction(
            policy=self.policy,
            priority=1,
            scores=np.array([self.confidence], dtype=np.float32),
            hide_rule_turn=self.hide_rule_turn,
        )


@dataclass
class Scripted:
    """An ensemble that does what a function says, and remembers the conversations it saw."""

    script: Callable[[Tracker], str | Choice]
    seen: list[Tracker] = field(default_factory=list)

    def predict(self, tracker: Tracker) -> Choice:
        self.seen.append(tracker.fork())
        said = self.script(tracker)
        return said if isinstance(said, Choice) else Choice(action=said)


def _by_heart() -> Callable[[Tracker], str | Choice]:
    """Answers each intent with `utter_<intent>`, then listens."""

    def script(tracker: Tracker) -> str | Choice:
        if tracker.latest_action_name != "action_listen" or tracker.latest_message is None:
            return "action_listen"
        return f"utter_{tracker.latest_message.intent}"

    return script


@pytest.fixture
def choice() -> type[Choice]:
    return Choice


@pytest.fixture
def scripted() -> type[Scripted]:
    return Scripted


@pytest.fixture
def by_heart() -> Callable[..., Callable[[Tracker], str | Choice]]:
    return _by_heart


@pytest.fixture
def stories() -> Callable[[str], StoryData]:
    """Reads the YAML below `stories:`."""

    def read(text: str) -> StoryData:
        return parse_story_yaml(f"stories:\n{text}", Path("test_stories.yml"))

    return read


@pytest.fixture
def small_domain() -> Domain:
    city = SlotMapping(type=MappingType.FROM_ENTITY, entity="city")
    responses = ("utter_greet", "utter_bye", "utter_book", "utter_faq", "utter_ask_city")
    return Domain(
        intents=tuple(Intent(name=name) for name in ("book", "bye", "faq", "greet", "inform")),
        slots=(
            Slot(name="city", type=SlotType.TEXT, mappings=(city,)),
            Slot(name="requested_slot", type=SlotType.TEXT, influence_conversation=False),
        ),
        responses=dict.fromkeys(responses, ()),
        forms={"trip_form": Form(name="trip_form", required_slots=("city",))},
    )
