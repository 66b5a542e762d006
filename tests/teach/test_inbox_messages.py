"""Messages of stored conversations, as the inbox reads them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gossamer.dialogue.history.events import (
    ActionExecuted,
    Event,
    Restarted,
    UserUtteranceReverted,
    UserUttered,
)
from gossamer.dialogue.history.tracker import Tracker
from gossamer.nlu.pipeline.parse import IntentPrediction, Parse
from gossamer.teach.inbox import StoredMessage, parsed_anew, stored_messages


def parse_of(text: str, intent: str | None, confidence: float = 0.8) -> Parse:
    found = IntentPrediction(name=intent, confidence=confidence)
    return Parse(text=text, intent=found, intent_ranking=[found])


def message(text: str, intent: str | None = "greet", **more: object) -> UserUttered:
    return UserUttered.of(parse_of(text, intent), **more)


def listened() -> ActionExecuted:
    return ActionExecuted(name="action_listen")


def stored(*events: Event) -> list[StoredMessage]:
    tracker = Tracker((), "ada", events)
    # As conversations are kept: in JSON.
    return list(stored_messages([Tracker.from_dict((), tracker.to_dict())]))


def test_a_message_with_what_was_done() -> None:
    (found,) = stored(
        listened(),
        message("hello", timestamp=5.0),
        ActionExecuted(
            name="utter_greet",
            policy="TEDPolicy",
            confidence=0.7,
            metadata={"disagreement": 0.4},
        ),
        ActionExecuted(name="utter_more", metadata={"disagreement": 0.6}),
        listened(),
    )
    assert (found.text, found.sender_id, found.when) == ("hello", "ada", 5.0)
    assert found.intent == "greet"
    assert found.parse["intent_ranking"] == [{"name": "greet", "confidence": 0.8}]
    assert (found.action, found.policy, found.action_confidence) == (
        "utter_greet",
        "TEDPolicy",
        0.7,
    )
    assert found.disagreement == 0.6
    assert not found.is_fallback


def test_what_nobody_typed_is_left_out() -> None:
    found = stored(
        message("/greet"),
        message('/inform{"city": "Rome"}'),
        message("EXTERNAL: remind", metadata={"is_external": True}),
        message("  "),
        UserUttered(intent="greet"),
        message("hi / hello"),
    )
    assert [each.text for each in found] == ["hi / hello"]


def test_all_sessions_count_and_messages_that_were_taken_back() -> None:
    found = stored(message("one"), Restarted(), message("two"), UserUtteranceReverted())
    assert [each.text for each in found] == ["one", "two"]
    assert all(each.action is None for each in found)


@pytest.mark.parametrize(
    "events",
    [
        (message("hm", "nlu_fallback"),),
        (message("hm"), ActionExecuted(name="action_default_fallback")),
        (message("hm"), ActionExecuted(name="a"), ActionExecuted(name="action_two_stage_fallback")),
    ],
)
def test_fallbacks(events: tuple[Event, ...]) -> None:
    (found,) = stored(*events)
    assert found.is_fallback


@pytest.mark.parametrize("noted", ["much", None, -1, 7, True, float("nan")])
def test_a_disagreement_that_is_none_is_not_read(noted: object) -> None:
    done = ActionExecuted(name="a", metadata={"disagreement": noted})
    tracker = Tracker((), "ada", [message("hm"), done])
    assert [each.disagreement for each in stored_messages([tracker])] == [0.0]


def test_messages_as_another_model_understands_them() -> None:
    asked = []

    def parse_many(texts: Sequence[str]) -> list[Parse]:
        asked.append(list(texts))
        return [parse_of(text, "greet" if text == "hello" else "leave", 0.9) for text in texts]

    done = ActionExecuted(name="action_default_fallback", policy="RulePolicy", confidence=0.3)
    before = stored(message("hello"), done, message("bye"), done, message("bye"))
    hello, bye, again = parsed_anew(before, parse_many)
    assert asked == [["hello", "bye"]]
    assert hello.parse["intent"] == {"name": "greet", "confidence": 0.9}
    assert (hello.is_fallback, hello.action) == (True, "action_default_fallback")
    assert (bye.intent, bye.is_fallback, bye.action, again.intent) == (
        "leave",
        False,
        None,
        "leave",
    )
