from __future__ import annotations

import json

import pytest

from gossamer.data.domain.domain import Domain, EntityType, Intent
from gossamer.data.errors import ModelFileError
from gossamer.data.nlu.examples import Entity, Example, TrainingData
from gossamer.nlu.pipeline.direct_message import DirectMessageHandler
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    EntityPrediction,
    IntentPrediction,
    MessageBatch,
    Parse,
    TrainingBatch,
)

ENTITY = Entity(start=0, end=1, entity="size", value="x")
DATA = TrainingData(
    examples=(
        Example(text="x", intent="order", entities=(ENTITY,)),
        Example(text="y", intent="faq/price"),
    )
)
EARLIER = IntentPrediction(name="other", confidence=0.7)


def trained() -> DirectMessageHandler:
    handler = DirectMessageHandler()
    handler.train(DATA, TrainingBatch(texts=[], examples=[], labels=[]))
    return handler


def parse(text: str, handler: DirectMessageHandler | None = None) -> Parse:
    batch = MessageBatch(texts=[text])
    result = batch.parses[0]
    result.intent = EARLIER
    result.intent_ranking = [EARLIER]
    result.entities = [EntityPrediction(start=0, end=1, entity="e", value="v", extractor="E")]
    (trained() if handler is None else handler).process(batch)
    return result


@pytest.mark.parametrize(
    ("text", "name", "confidence", "entities"),
    [
        ("/order", "order", 1.0, []),
        ("  /order  ", "order", 1.0, []),
        ("/order@0.9", "order", 0.9, []),
        ("/order@1", "order", 1.0, []),
        ('/order{"size": "large"}', "order", 1.0, [("size", 6, 23, "large")]),
        ('/order@.5 {"size": 3} and more', "order", 0.5, [("size", 10, 21, 3)]),
        ('/order{"size": ["a", 2]}', "order", 1.0, [("size", 6, 24, "a"), ("size", 6, 24, 2)]),
        ("/order please", "order", 1.0, []),
        ("/order{}", "order", 1.0, []),
        ("/faq", "faq", 1.0, []),
        ("/restart", "restart", 1.0, []),
        ("/nlu_fallback", "nlu_fallback", 1.0, []),
    ],
)
def test_replaces_what_was_predicted(
    text: str, name: str, confidence: float, entities: list[tuple[str, int, int, object]]
) -> None:
    result = parse(text)
    assert result.intent == IntentPrediction(name=name, confidence=confidence)
    assert result.intent_ranking == [result.intent]
    assert [(e.entity, e.start, e.end, e.value) for e in result.entities] == entities
    assert all(e.extractor == "RegexMessageHandler" for e in result.entities)


@pytest.mark.parametrize("text", ["order", "/", "/ order", "/{}", "/@0.9", "a /order"])
def test_other_messages_stay(text: str) -> None:
    result = parse(text)
    assert result.intent == EARLIER
    assert len(result.entities) == 1


@pytest.mark.parametrize("text", ["/unknown", "/faq/price", "//order"])
def test_an_unknown_intent_is_told_and_the_prediction_stays(text: str) -> None:
    with pytest.warns(UserWarning, match="names the intent"):
        result = parse(text)
    assert result.intent == EARLIER
    assert len(result.entities) == 1


def test_unknown_entities_are_told_and_dropped() -> None:
    with pytest.warns(UserWarning, match="names the entity 'colour'"):
        result = parse('/order{"colour": "red", "size": "s"}')
    assert [entity.entity for entity in result.entities] == ["size"]


def test_bad_json_is_told_and_the_intent_counts() -> None:
    with pytest.warns(UserWarning, match="not valid JSON"):
        result = parse('/order{"size": }')
    assert result.intent.name == "order"
    assert result.entities == []


def test_state_round_trips_through_json() -> None:
    other = DirectMessageHandler()
    other.restore(ComponentState(json=json.loads(json.dumps(trained().state().json))))
    assert parse('/order{"size": 1}', other) == parse('/order{"size": 1}')


@pytest.mark.parametrize("stored", [{}, {"intents": [1], "entity_types": []}])
def test_damaged_state_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(ModelFileError, match="lists of names"):
        trained().restore(ComponentState(json=stored))


def test_names_of_the_domain_are_known_too() -> None:
    """A button may name what no training text has."""
    handler = trained()
    handler.take_domain(
        Domain(intents=(Intent(name="choose"),), entities=(EntityType(name="colour"),))
    )
    found = parse('/choose{"colour": "red", "size": "x"}', handler)
    assert found.intent.name == "choose"
    assert [(each.entity, each.value) for each in found.entities] == [
        ("colour", "red"), ("size", "x"),
    ]  # fmt: skip
    assert parse("/order", handler).intent.name == "order"
    again = DirectMessageHandler()
    again.restore(handler.state())
    with pytest.warns(UserWarning, match="names the intent 'choose', which the assistant does not"):
        parse("/choose", again)


def test_a_confidence_is_one_at_most() -> None:
    with pytest.warns(UserWarning, match="names the confidence 7; it is 1"):
        assert parse("/order@7").intent.confidence == 1.0
