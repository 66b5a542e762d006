"""When a message is unclear: ask whether an intent is meant, ask to rephrase, then give up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.nlu.intents import FALLBACK_INTENT
from gossamer.dialogue.actions.action import ActionContext, events_after_restart
from gossamer.dialogue.actions.default_actions import (
    ASK_AFFIRMATION,
    ASK_REPHRASE,
    DEFAULT_FALLBACK,
    OUT_OF_SCOPE_INTENT,
    affirmed,
)
from gossamer.dialogue.actions.loops import LoopAction
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActiveLoop,
    Event,
    UserUtteranceReverted,
    UserUttered,
)
from gossamer.dialogue.history.tracker import Tracker

TWO_STAGE_FALLBACK: Final = "action_two_stage_fallback"
_UNCLEAR = (FALLBACK_INTENT, OUT_OF_SCOPE_INTENT)


class TwoStageFallbackAction(LoopAction):
    """Asks until the user's intent is clear, as Rasa 3.6's action of this name does.

    A message of the intent `nlu_fallback` starts it: `action_default_ask_affirmation`. The answer
    `out_of_scope` (the button No) leads to `action_default_ask_rephrase`, and another unclear
    message to asking for affirmation once more. A clear intent ends it: the last message is said
    again with certainty, as if nothing had been asked. Two unclear messages in a row, or a second
    No, end it with `action_default_fallback`.
    """

    def go_on(
        self, tracker: Tracker, context: ActionContext, events: Sequence[Event]
    ) -> list[Event]:
        """See `LoopAction.go_on`."""
        has_begun = any(isinstance(event, ActiveLoop) for event in events)
        is_unclear = _last_intent(tracker) == FALLBACK_INTENT
        return context.run(ASK_AFFIRMATION if has_begun or is_unclear else ASK_REPHRASE, tracker)

    def is_done(self, tracker: Tracker, events: Sequence[Event]) -> bool:
        """See `LoopAction.is_done`."""
        return _last_intent(tracker) not in _UNCLEAR or _is_hopeless(tracker)

    def end(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `LoopAction.end`."""
        if _is_hopeless(tracker):
            return context.run(DEFAULT_FALLBACK, tracker)
        message = tracker.latest_message
        if message is None:
            return []
        return [UserUtteranceReverted(), ActionExecuted(name=ACTION_LISTEN), affirmed(message)]


def _last_intent(tracker: Tracker) -> str | None:
    return None if tracker.latest_message is None else tracker.latest_message.intent


def _is_hopeless(tracker: Tracker) -> bool:
    """Two unclear messages in a row, or No to a second question."""
    messages = [
        event
        for event in events_after_restart(tracker)
        if isinstance(event, UserUttered | UserUtteranceReverted)
    ]
    intents = [
        event.intent if isinstance(event, UserUttered) else "" for event in reversed(messages[-3:])
    ]
    return intents[:2] == [FALLBACK_INTENT] * 2 or intents == [
        OUT_OF_SCOPE_INTENT,
        FALLBACK_INTENT,
        OUT_OF_SCOPE_INTENT,
    ]
