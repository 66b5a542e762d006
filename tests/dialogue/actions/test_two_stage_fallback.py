from __future__ import annotations

from typing import Any

import pytest
from talking import Rules, domain_of, entity, names, talk, understood

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.dialogue.actions.two_stage_fallback import TWO_STAGE_FALLBACK
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.runtime.conversations import Conversations

DOMAIN = domain_of("""
intents: [greet, order]
entities: [size]
slots:
  size: {type: text, mappings: [{type: from_entity, entity: size}]}
responses:
  utter_greet: [{text: Hello}]
  utter_order: [{text: "Ordered: {size}"}]
  utter_ask_rephrase: [{text: In other words?}]
  utter_default: [{text: I give up.}]
""")
ASKS = "Did you mean 'order'?"
# What a doubtful message filled is taken back together with it, as in Rasa.
ORDERED = "Ordered: None"


def rule(tracker: Tracker) -> str:
    said = tracker.latest_message
    if tracker.latest_action_name != ACTION_LISTEN:
        is_new = said is not None and tracker.latest_action_name == TWO_STAGE_FALLBACK
        if not (is_new and tracker.active_loop is None):
            return ACTION_LISTEN
    if tracker.active_loop is not None or (said and said.intent == "nlu_fallback"):
        return TWO_STAGE_FALLBACK if tracker.latest_action_name == ACTION_LISTEN else ACTION_LISTEN
    if said is not None and said.intent in ("greet", "order"):
        return f"utter_{said.intent}"
    return ACTION_LISTEN


def parse(text: str) -> dict[str, Any]:
    """ "hm" is not clear, though an order is likely; all else is its own intent."""
    if text.startswith("hm"):
        ranking = [{"name": name, "confidence": 0.3} for name in ("nlu_fallback", "order", "greet")]
        found = entity("size", "large")
        return understood(text, "nlu_fallback", found, intent_ranking=ranking)
    return understood(text, text.lstrip("/"))


@pytest.fixture
def conversations() -> Conversations:
    return talk(DOMAIN, Rules(DOMAIN, rule), parse=parse)


def say(conversations: Conversations, *texts: str) -> list[list[str | None]]:
    return [[m.text for m in conversations.handle(text).messages] for text in texts]


def history(conversations: Conversations) -> list[str]:
    applied = names(conversations.tracker().applied_events())
    return [name for name in applied if not name.startswith(("bot", "user_featurization", "slot"))]


def test_affirmed(conversations: Conversations) -> None:
    assert say(conversations, "hm", "/order") == [[ASKS], [ORDERED]]
    message = conversations.tracker().latest_message
    assert message is not None
    assert (message.intent, message.confidence) == ("order", 1.0)
    assert message.parse_data["intent"]["confidence"] == 1.0
    assert conversations.tracker().active_loop is None


def test_denied_then_clear(conversations: Conversations) -> None:
    said = say(conversations, "hm", "/out_of_scope", "greet")
    assert said == [[ASKS], ["In other words?"], ["Hello"]]
    assert conversations.tracker().active_loop is None
    assert conversations.tracker().latest_message is not None


def test_denied_then_unclear_then_affirmed(conversations: Conversations) -> None:
    said = say(conversations, "hm", "/out_of_scope", "hm", "/order")
    assert said == [[ASKS], ["In other words?"], [ASKS], [ORDERED]]


def test_denied_twice(conversations: Conversations) -> None:
    said = say(conversations, "hm", "/out_of_scope", "hm", "/out_of_scope")
    assert said == [[ASKS], ["In other words?"], [ASKS], ["I give up."]]
    assert conversations.tracker().active_loop is None
    assert say(conversations, "greet") == [["Hello"]]


def test_unclear_twice_in_a_row(conversations: Conversations) -> None:
    assert say(conversations, "hm", "hmm", "greet") == [[ASKS], ["I give up."], ["Hello"]]


def test_unclear_again_later_is_a_new_doubt(conversations: Conversations) -> None:
    said = say(conversations, "hm", "/order", "hm", "/greet")
    assert said == [[ASKS], [ORDERED], [ASKS], ["Hello"]]


def test_the_history_is_as_if_there_had_been_no_doubt(conversations: Conversations) -> None:
    say(conversations, "greet", "hm", "/order")
    assert history(conversations)[-4:] == [
        "action action_listen",
        "user order",
        "action utter_order",
        "action action_listen",
    ]
