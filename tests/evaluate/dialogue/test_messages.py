"""Test stories whose messages are understood by a parser, and retrieval intents."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gossamer.data.domain.domain import Domain
from gossamer.evaluate import MessageOutcome, evaluate_dialogue
from gossamer.evaluate.dialogue.tables import dialogue_summary_text
from gossamer.nlu.pipeline.messages import Parse
from gossamer.nlu.pipeline.response_selection import RankedResponse, ResponseSelection

Make = Callable[..., Any]

BOOK = """
- story: book
  steps:
  - user: |
      a train to [the capital](city:Rome) please
    intent: book
  - action: utter_book
  - user: bye
    intent: bye
  - action: utter_bye
"""


class Parser:
    """Knows its parses by their text; remembers what it was asked."""

    def __init__(self, *parses: Parse) -> None:
        self._parses = {parse.text: parse for parse in parses}
        self.asked: list[list[str]] = []

    def parse_many(self, texts: Sequence[str], /) -> list[Parse]:
        self.asked.append(list(texts))
        return [self._parses[text] for text in texts]


TEXT = "a train to the capital please"


@pytest.fixture
def book(make_parse: Make, found: Make) -> Callable[..., Parse]:
    def make(part: str = "the capital", entity: str = "city", value: Any = "Rome") -> Parse:
        predicted = dataclasses.replace(found(TEXT, part, entity), value=value)
        parse: Parse = make_parse(TEXT, "book", entities=[predicted])
        return parse

    return make


def test_messages_are_understood_once_and_compared(
    scripted: Make,
    by_heart: Make,
    stories: Make,
    small_domain: Domain,
    make_parse: Make,
    book: Make,
) -> None:
    parser = Parser(book(), make_parse("bye", "bye"))
    twice = BOOK + BOOK.replace("story: book", "story: again").replace("bye", "bye", 1)
    evaluation = evaluate_dialogue(
        scripted(by_heart()), stories(twice), small_domain, parser=parser, end_to_end=True
    )
    assert parser.asked == [[TEXT, "bye"]]
    assert evaluation.failed == []
    assert evaluation.is_end_to_end
    assert [m.position for m in evaluation.message_outcomes] == [0, 2]
    assert evaluation.headline()["message accuracy"] == 1.0
    assert set(evaluation.labels.labels) == {
        "action_listen",
        "utter_book",
        "utter_bye",
        "book",
        "bye",
        "[the capital](city:Rome)",
    }
    assert "book" not in evaluation.actions.labels


@pytest.mark.parametrize(
    ("changes", "label", "remark"),
    [
        ({"part": "capital"}, "[capital](city:Rome)", "a train to the [capital](city:Rome) please"),
        ({"entity": "place"}, "[the capital](place:Rome)", None),
        ({"value": "Paris"}, "[the capital](city:Paris)", None),
    ],
)
def test_entities_must_have_place_type_and_value(
    changes: dict[str, str],
    label: str,
    remark: str | None,
    scripted: Make,
    by_heart: Make,
    stories: Make,
    small_domain: Domain,
    make_parse: Make,
    book: Make,
) -> None:
    chooser = scripted(by_heart())
    evaluation = evaluate_dialogue(
        chooser,
        stories(BOOK),
        small_domain,
        parser=Parser(book(**changes), make_parse("bye", "bye")),
        end_to_end=True,
    )
    (failed,) = evaluation.failed
    (error,) = failed.errors
    assert isinstance(error, MessageOutcome)
    expected = remark or f"a train to {label} please"
    assert error.remark == f"predicted: book: {expected}"
    assert label in evaluation.labels.confusion_labels
    assert evaluation.actions.accuracy == 1.0
    assert evaluation.headline()["message accuracy"] == 0.5
    # The conversation goes on with what the story says.
    assert chooser.seen[0].slots["city"] == "Rome"


def test_a_missed_entity_is_told_with_what_was_expected(
    scripted: Make, by_heart: Make, stories: Make, small_domain: Domain, make_parse: Make
) -> None:
    evaluation = evaluate_dialogue(
        scripted(by_heart()),
        stories(BOOK),
        small_domain,
        parser=Parser(make_parse(TEXT, "book"), make_parse("bye", "bye")),
        end_to_end=True,
    )
    expected = "book: a train to [the capital](city:Rome) please"
    told = f"    expected: {expected}; predicted: book: {TEXT}"
    assert told in dialogue_summary_text(evaluation).splitlines()


def test_roles_do_not_count_and_values_are_texts(make_parse: Make, annotated: Make) -> None:
    target = annotated("3 seats", "3", "number", role="seats")
    predicted = dataclasses.replace(target, role=None, value=3)
    outcome = MessageOutcome(
        text="3 seats",
        target="book",
        prediction="book",
        target_entities=(target,),
        predicted_entities=(predicted,),
        position=0,
    )
    assert outcome.is_right
    assert outcome.remark is None


def test_labels_of_entities_that_only_one_side_has(annotated: Make) -> None:
    text = "from Rome to Oslo"
    outcome = MessageOutcome(
        text=text,
        target="book",
        prediction=None,
        target_entities=(annotated(text, "Oslo", "city"), annotated(text, "Rome", "city")),
        predicted_entities=(
            annotated(text, "Rome", "place"),
            annotated(text, "Rome", "city"),
            annotated(text, "from", "word"),
        ),
        position=0,
    )
    true, predicted = outcome.labels()
    assert true == ["book", "None", "[Rome](city)", "None", "[Oslo](city)"]
    assert predicted == ["None", "[from](word)", "[Rome](place)", "[Rome](city)", "None"]
    # What lies on top of another entity cannot be shown beside it.
    assert outcome.remark == "predicted: None: [from](word) [Rome](place) to Oslo"


def test_a_wrong_intent(
    scripted: Make,
    by_heart: Make,
    stories: Make,
    small_domain: Domain,
    make_parse: Make,
    book: Make,
) -> None:
    chooser = scripted(by_heart())
    evaluation = evaluate_dialogue(
        chooser,
        stories(BOOK),
        small_domain,
        parser=Parser(book(), make_parse("bye", "nlu_fallback")),
        end_to_end=True,
    )
    (failed,) = evaluation.failed
    assert [error.remark for error in failed.errors] == ["predicted: nlu_fallback: bye"]
    assert chooser.seen[2].latest_message is not None
    assert chooser.seen[2].latest_message.intent == "bye"


def test_messages_without_text_or_intent_are_taken_as_given(
    scripted: Make, by_heart: Make, stories: Make, small_domain: Domain
) -> None:
    text = """
- story: given
  steps:
  - intent: book
    entities:
    - city: Rome
  - action: utter_book
  - user: good bye
  - action: utter_None
"""
    parser = Parser()
    chooser = scripted(by_heart())
    evaluation = evaluate_dialogue(
        chooser, stories(text), small_domain, parser=parser, end_to_end=True
    )
    assert parser.asked == []
    assert evaluation.message_outcomes == []
    assert evaluation.failed == []
    assert chooser.seen[2].latest_message is not None
    assert chooser.seen[2].latest_message.text == "good bye"


def test_a_parser_is_not_asked_when_intents_are_given(
    scripted: Make, by_heart: Make, stories: Make, small_domain: Domain
) -> None:
    parser = Parser()
    evaluation = evaluate_dialogue(scripted(by_heart()), stories(BOOK), small_domain, parser=parser)
    assert parser.asked == []
    assert evaluation.failed == []


# -- retrieval intents ---------------------------------------------------------------------------

FAQ = """
- story: price
  steps:
  - user: what does it cost
    intent: faq/price
  - action: utter_faq/price
"""


def _selected(parse: Parse, key: str, *, selector: str = "default") -> Parse:
    ranked = RankedResponse(intent_response_key=key, confidence=0.9)
    parse.response_selector[selector] = ResponseSelection(ranking=(ranked,), responses=())
    parse.retrieval_intents = ["faq"]
    return parse


def test_keys_are_given_with_the_intents(
    scripted: Make, by_heart: Make, stories: Make, small_domain: Domain
) -> None:
    chooser = scripted(by_heart())
    evaluation = evaluate_dialogue(chooser, stories(FAQ), small_domain)
    assert evaluation.failed == []
    assert [action.prediction for action in evaluation.action_outcomes] == [
        "utter_faq/price",
        "action_listen",
    ]
    # Policies know the action by its short name.
    assert chooser.seen[1].latest_action_name == "utter_faq"


@pytest.mark.parametrize("selector", ["default", "faq"])
def test_keys_are_those_that_the_selector_picked(
    selector: str,
    scripted: Make,
    by_heart: Make,
    stories: Make,
    small_domain: Domain,
    make_parse: Make,
) -> None:
    text = "what does it cost"
    for key, n_wrong in (("faq/price", 0), ("faq/luggage", 2)):
        parser = Parser(_selected(make_parse(text, "faq"), key, selector=selector))
        evaluation = evaluate_dialogue(
            scripted(by_heart()), stories(FAQ), small_domain, parser=parser, end_to_end=True
        )
        (outcome,) = evaluation.outcomes
        assert len(outcome.errors) == n_wrong
        assert outcome.actions[0].prediction == f"utter_{key}"
        assert outcome.messages[0].prediction == key


def test_a_story_may_leave_the_key_open(
    scripted: Make, by_heart: Make, stories: Make, small_domain: Domain, make_parse: Make
) -> None:
    text = FAQ.replace("faq/price", "faq")
    parser = Parser(_selected(make_parse("what does it cost", "faq"), "faq/luggage"))
    evaluation = evaluate_dialogue(
        scripted(by_heart()), stories(text), small_domain, parser=parser, end_to_end=True
    )
    assert evaluation.failed == []


def test_without_a_selector_the_key_is_not_known(
    scripted: Make, by_heart: Make, stories: Make, small_domain: Domain, make_parse: Make
) -> None:
    parser = Parser(make_parse("what does it cost", "faq"))
    evaluation = evaluate_dialogue(
        scripted(by_heart()), stories(FAQ), small_domain, parser=parser, end_to_end=True
    )
    (failed,) = evaluation.failed
    assert [error.remark for error in failed.errors] == [
        "predicted: faq: what does it cost",
        "predicted: utter_faq",
    ]
