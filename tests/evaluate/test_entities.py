from __future__ import annotations

from collections.abc import Callable

import pytest

from gossamer.data.nlu.examples import Entity, Example
from gossamer.evaluate import evaluate_entities
from gossamer.evaluate.entities import NO_ENTITY, label_tokens
from gossamer.nlu.pipeline.messages import EntityPrediction, Parse, Token

Annotate = Callable[..., Entity]


def test_token_labels_join_type_group_and_role(annotated: Annotate) -> None:
    text = "one pizza with ham"
    tokens = [Token("one", 0, 3), Token("pizza", 4, 9), Token("with", 10, 14), Token("ham", 15, 18)]
    entities = [
        annotated(text, "one", "count"),
        annotated(text, "pizza", "dish", group="1"),
        annotated(text, "ham", "dish", role="topping", group="1"),
    ]
    assert label_tokens(tokens, entities) == ["count", "dish.1", NO_ENTITY, "dish.1.topping"]


def test_a_token_across_the_border_belongs_to_the_entity(annotated: Annotate) -> None:
    text = "Rome's sun"
    tokens = [Token("Rome's", 0, 6), Token("sun", 7, 10)]
    assert label_tokens(tokens, [annotated(text, "Rome", "city")]) == ["city", NO_ENTITY]


def test_larger_coverage_wins_and_the_first_of_equals() -> None:
    token = Token("abcdef", 0, 6)

    def entity(start: int, end: int, name: str) -> Entity:
        return Entity(start=start, end=end, entity=name, value=name)

    assert label_tokens([token], [entity(0, 2, "small"), entity(2, 6, "large")]) == ["large"]
    assert label_tokens([token], [entity(0, 3, "first"), entity(3, 6, "second")]) == ["first"]
    assert label_tokens([token], [entity(6, 9, "beside")]) == [NO_ENTITY]


def test_scores_worked_out_by_hand(travel: tuple[list[Example], list[Parse]]) -> None:
    evaluation = evaluate_entities(*travel, "DIETClassifier")
    # True: Rome city.from; New, York, Rome city.to. Found: Rome city.from, York city.to, and the
    # last Rome as city.from.
    assert evaluation.tokens.labels == ("city.from", "city.to")
    assert evaluation.tokens.micro_precision == pytest.approx(2 / 3)
    assert evaluation.tokens.micro_recall == pytest.approx(2 / 4)
    assert evaluation.tokens.report["city.to"]["precision"] == 1.0
    assert evaluation.tokens.report["city.to"]["recall"] == pytest.approx(1 / 3)
    assert evaluation.tokens.report["city.to"]["confused_with"] == {"city.from": 1, NO_ENTITY: 1}
    # 14 tokens, two of them wrong; accuracy counts those without an entity.
    assert evaluation.tokens.accuracy == pytest.approx(12 / 14)
    # Strictly, "York" is not "New York" and the role of the last Rome is wrong.
    assert evaluation.spans.total.right == 1
    assert evaluation.spans.total.precision == pytest.approx(1 / 3)
    assert evaluation.spans.total.recall == pytest.approx(1 / 3)
    assert [o.text for o in evaluation.errors] == [travel[0][0].text, travel[0][4].text]
    assert evaluation.successes == []


def test_one_extractor_at_a_time(travel: tuple[list[Example], list[Parse]]) -> None:
    evaluation = evaluate_entities(*travel, "RegexEntityExtractor")
    assert [len(o.predictions) for o in evaluation.outcomes] == [1, 0, 0, 0, 0]
    # "place" is only predicted, so it has no row; its tokens are lost to city.from.
    assert "place" not in evaluation.tokens.report
    assert evaluation.tokens.micro_f1 == 0.0
    assert evaluation.outcomes[0].confidences == (None,) * 6


def test_successes_need_an_annotated_entity(
    make_parse: Callable[..., Parse],
    found: Callable[..., EntityPrediction],
    annotated: Annotate,
) -> None:
    examples = [
        Example(text="to Rome", entities=(annotated("to Rome", "Rome", "city"),)),
        Example(text="hello"),
    ]
    parses = [
        make_parse("to Rome", entities=[found("to Rome", "Rome", "city")]),
        make_parse("hello"),
    ]
    evaluation = evaluate_entities(examples, parses, "DIETClassifier")
    assert [o.text for o in evaluation.successes] == ["to Rome"]
    assert evaluation.errors == []
    assert evaluation.tokens.micro_f1 == 1.0
    assert evaluation.spans.total.f1 == 1.0


def test_a_label_is_as_sure_as_its_least_sure_part(make_parse: Callable[..., Parse]) -> None:
    entity = EntityPrediction(
        start=3,
        end=7,
        entity="city",
        value="Rome",
        extractor="DIETClassifier",
        confidence=0.9,
        role="to",
        role_confidence=0.5,
    )
    parse = make_parse("to Rome", entities=[entity])
    evaluation = evaluate_entities([Example(text="to Rome")], [parse], "DIETClassifier")
    assert evaluation.outcomes[0].confidences == (None, 0.5)
